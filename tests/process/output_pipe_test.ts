import { assertEquals, assertRejects } from "@std/assert";
import { type ByteSource, mergedSource } from "../../process/_output_pipe.ts";
import { assertPending } from "../support/settle.ts";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

/** A source whose reads are answered by the test. */
class HandSource implements ByteSource {
  readonly reads: PromiseWithResolvers<Uint8Array | undefined>[] = [];

  read(): Promise<Uint8Array | undefined> {
    const read = Promise.withResolvers<Uint8Array | undefined>();
    this.reads.push(read);
    return read.promise;
  }

  async cancel(): Promise<void> {}
}

Deno.test("mergedSource() gives what either source has, and the end when both have ended", async () => {
  const [one, two] = [new HandSource(), new HandSource()];
  const merged = mergedSource(one, two);
  const first = merged.read();
  await assertPending(first, "the first read");
  two.reads[0]!.resolve(bytes(2));
  assertEquals(await first, bytes(2));
  const second = merged.read();
  // It has not been read again before its bytes were done with, and the other one not twice.
  assertEquals([one.reads.length, two.reads.length], [1, 2]);
  one.reads[0]!.resolve(bytes(1));
  assertEquals(await second, bytes(1));
  two.reads[1]!.resolve(undefined);
  const third = merged.read();
  one.reads[1]!.resolve(bytes(3));
  assertEquals(await third, bytes(3));
  const last = merged.read();
  one.reads[2]!.resolve(undefined);
  assertEquals(await last, undefined);
  assertEquals(await merged.read(), undefined);
});

Deno.test("mergedSource() rejects with the error of a source, and goes on with the other one", async () => {
  const [one, two] = [new HandSource(), new HandSource()];
  const merged = mergedSource(one, two);
  const first = merged.read();
  one.reads[0]!.reject(new Error("broken"));
  await assertRejects(() => first, Error, "broken");
  const second = merged.read();
  two.reads[0]!.resolve(bytes(2));
  assertEquals(await second, bytes(2));
});

/** The most handlers that one promise got while a function ran. */
async function mostHandlers(run: () => Promise<void>): Promise<number> {
  const { then } = Promise.prototype;
  const counts = new WeakMap<object, number>();
  let most = 0;
  // deno-lint-ignore no-explicit-any -- passes on whatever comes
  Promise.prototype.then = function (this: Promise<unknown>, ...handlers: any[]): Promise<any> {
    const count = (counts.get(this) ?? 0) + 1;
    counts.set(this, count);
    most = Math.max(most, count);
    return then.apply(this, handlers as []);
  };
  try {
    await run();
  } finally {
    Promise.prototype.then = then;
  }
  return most;
}

Deno.test("mergedSource() keeps nothing for each read while the other source is silent", async () => {
  const [silent, busy] = [new HandSource(), new HandSource()];
  const merged = mergedSource(silent, busy);
  const most = await mostHandlers(async () => {
    for (let n = 0; n < 100; n++) {
      const read = merged.read();
      busy.reads[n]!.resolve(bytes(n));
      assertEquals(await read, bytes(n));
    }
  });
  assertEquals(most, 1);
});

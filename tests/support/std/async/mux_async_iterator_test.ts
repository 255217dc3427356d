import { assertEquals, assertRejects } from "@std/assert";
import { MuxAsyncIterator } from "./mux_async_iterator.ts";

async function* yielding(...values: number[]): AsyncGenerator<number> {
  for (const value of values) yield await Promise.resolve(value);
}

Deno.test("MuxAsyncIterator yields what its sources yield, in turn", async () => {
  const mux = new MuxAsyncIterator<number>();
  assertEquals(await Array.fromAsync(mux), []);
  mux.add(yielding(1, 2));
  mux.add(yielding(10, 20, 30));
  assertEquals(await Array.fromAsync(mux), [1, 10, 2, 20, 30]);
});

Deno.test("MuxAsyncIterator throws what a source throws", async () => {
  const mux = new MuxAsyncIterator<number>();
  mux.add(yielding(1));
  // deno-lint-ignore require-yield
  mux.add((async function* (): AsyncGenerator<number> {
    throw await Promise.resolve(new Error("broken"));
  })());
  await assertRejects(() => Array.fromAsync(mux.iterate()), Error, "broken");
});

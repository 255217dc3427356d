import { assertEquals, assertInstanceOf } from "@std/assert";
import type { NatsBucket } from "../../distributed/engines/_nats_bucket.ts";
import { fromBytes, toBytes } from "../../distributed/engines/_nats_encoding.ts";
import { NatsHold } from "../../distributed/engines/_nats_hold.ts";
import { NatsLockLostError } from "../../distributed/engines/nats_lock_lost_error.ts";
import { FakeTime } from "../support/fake_time.ts";
import { settle } from "../support/settle.ts";

const TTL_MS = 3_000;

/** When a lock is renewed, and when it counts as lost. */
const RENEW_MS = 1_000;
const LOST_MS = 2_700;

/** One key of a bucket, whose answers may be lost. */
class Key {
  data: Uint8Array | undefined;
  revision = 6;
  /** Writes that are done, and said not to be: the second try of each finds another revision. */
  unheard = 0;
  /** What writes wait for. */
  gate: Promise<void> = Promise.resolve();
  readonly lost: NatsHold[] = [];

  readonly bucket = {
    read: () => Promise.resolve({ data: this.data, revision: this.revision }),
    write: async (
      _key: string,
      data: Uint8Array | undefined,
      { expected }: { expected: number },
    ): Promise<number | undefined> => {
      await this.gate;
      if (expected !== this.revision) return undefined;
      this.data = data;
      this.revision++;
      return this.unheard-- > 0 ? undefined : this.revision;
    },
  } as unknown as NatsBucket;

  /** Takes the lock, which is free. */
  async take(): Promise<NatsHold> {
    const place = { bucket: this.bucket, key: "k", ttlMs: TTL_MS, what: 'lock "k"' };
    const hold = await NatsHold.take(place, {
      deadline: Infinity,
      signal: new AbortController().signal,
      onLost: (hold) => this.lost.push(hold),
    });
    return hold!;
  }

  /** Another program has it now. */
  giveToAnother(): void {
    this.data = toBytes({ holder: "another" });
    this.revision++;
  }
}

/** Why a hold was lost. */
function whyLost(hold: NatsHold): string {
  assertInstanceOf(hold.signal.reason, NatsLockLostError);
  assertEquals(hold.signal.reason.token, hold.token);
  return hold.signal.reason.message;
}

Deno.test("NatsHold goes on from a renewal whose answer was lost", async () => {
  using time = new FakeTime();
  const key = new Key();
  const hold = await key.take();
  const before = fromBytes(key.data!);
  key.unheard = 1;
  await time.tick(RENEW_MS);
  assertEquals([hold.signal.aborted, key.revision], [false, 9]);
  assertEquals(fromBytes(key.data!), before);
  // From then on it is as if nothing had been.
  await time.tick(5 * TTL_MS);
  assertEquals(hold.signal.aborted, false);
  assertEquals([await hold.release(), await hold.release()], [true, false]);
  assertEquals([key.data, key.lost], [undefined, []]);
});

Deno.test("NatsHold is lost when its time was over, or another one has it", async () => {
  for (const happens of [(key: Key) => key.data = undefined, (key: Key) => key.giveToAnother()]) {
    using time = new FakeTime();
    const key = new Key();
    const hold = await key.take();
    happens(key);
    key.revision++;
    await time.tick(RENEW_MS);
    assertEquals(whyLost(hold), 'Lost lock "k": its time was over before it was renewed');
    assertEquals([key.lost, await hold.release()], [[hold], false]);
  }
});

Deno.test("NatsHold is lost when it was not renewed in time, and stays so", async () => {
  using time = new FakeTime();
  const key = new Key();
  const hold = await key.take();
  const { promise, resolve } = Promise.withResolvers<void>();
  key.gate = promise;
  await time.tick(LOST_MS - 1);
  assertEquals(hold.signal.aborted, false);
  await time.tick(1);
  assertEquals(whyLost(hold), 'Lost lock "k": it was not renewed in time');
  // It was renewed after all, and nobody knows for how long it was not.
  resolve();
  await time.tick(5 * TTL_MS);
  assertEquals([key.revision, key.lost, await hold.release()], [8, [hold], false]);
});

Deno.test("NatsHold that is released while it is renewed waits for that, and tells no loss", async () => {
  for (const isLost of [false, true]) {
    using time = new FakeTime();
    const key = new Key();
    const hold = await key.take();
    const { promise, resolve } = Promise.withResolvers<void>();
    key.gate = promise;
    await time.tick(RENEW_MS);
    const releasing = hold.release();
    await settle();
    if (isLost) key.giveToAnother();
    resolve();
    assertEquals(await releasing, !isLost);
    assertEquals([hold.signal.aborted, key.lost], [false, []]);
    assertEquals(key.data === undefined, !isLost);
  }
});

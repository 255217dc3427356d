import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { InvalidStateError, TimeoutError } from "../../coroutine/mod.ts";
import { EngineUnavailableError } from "../../distributed/mod.ts";
import {
  NatsLock,
  NatsLockLostError,
  type NatsOptions,
  openNats,
} from "../../distributed/engines/nats.ts";
import { ConnectionClosedError } from "../../ipc/mod.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import { natsTest, startNatsServer } from "../support/nats_server.ts";
import { settle } from "../support/settle.ts";
import { until } from "./until.ts";

const CHILD = new URL("nats_objects_child.ts", import.meta.url);
const SHORT = { ttlMs: 1_000 };

leakTest("new NatsLock() refuses what cannot be right, and connects to nothing", async () => {
  const nats: NatsOptions = { servers: "127.0.0.1:1" };
  assertThrows(() => new NatsLock(nats, ""), TypeError, "its name must be a text");
  assertThrows(() => new NatsLock(nats, 5 as never), TypeError, "its name must be a text");
  assertThrows(() => new NatsLock(nats, "a", { ttlMs: 999 }), RangeError, '"ttlMs"');
  assertThrows(() => new NatsLock(nats, "a", { ttlMs: "1s" as never }), TypeError, '"ttlMs"');
  assertThrows(() => new NatsLock(nats, "a", { bucket: "a.b" }), TypeError, "bucket");
  await using lock = new NatsLock(nats, "a");
  assertEquals([lock.name, lock.token, lock.signal], ["a", undefined, undefined]);
  await assertRejects(() => lock.release(), InvalidStateError, "this handle does not hold it");
  await assertRejects(() => lock.acquire({ timeoutMs: -1 }), RangeError);
  const aborted = lock.acquire({ signal: AbortSignal.abort("no") });
  assertEquals(await aborted.catch((error) => error), "no");
});

natsTest("NatsLock is held by one at a time, and goes on with a larger token", async () => {
  await using server = await startNatsServer();
  await using nats = await openNats({ servers: server.url });
  // So long that whoever looks now and then only would come too late.
  const long = { ttlMs: 3_600_000 };
  await using a = new NatsLock(nats, "l", long);
  await using b = new NatsLock({ servers: server.url, name: "b" }, "l", long);
  assertEquals([await a.tryAcquire(), await b.tryAcquire(), await b.locked()], [true, false, true]);
  const token = a.token!;
  assertEquals([b.token, a.signal?.aborted], [undefined, false]);
  const waiting = b.acquire();
  const stream = async (): Promise<string> =>
    JSON.stringify(await server.monitor("jsz?streams=true&consumers=true"));
  await until(async () => (await stream()).includes('"name":"watch_'), "the other one to wait");
  await a.release();
  assertEquals([await waiting, await b.locked(), a.token], [true, true, undefined]);
  assert(b.token! > token);
  await assertRejects(() => a.release(), InvalidStateError);
  await b.release();
  assertEquals(await a.locked(), false);
});

natsTest(
  "NatsLock.acquire() answers false when its time is over, and takes nothing then",
  async () => {
    await using server = await startNatsServer();
    await using a = new NatsLock({ servers: server.url }, "l");
    await using b = new NatsLock({ servers: server.url }, "l");
    await a.acquire();
    const begin = performance.now();
    assertEquals(await b.acquire({ timeoutMs: 150 }), false);
    assert(performance.now() - begin >= 149);
    await assertRejects(() => b.hold({ timeoutMs: 10 }), TimeoutError, "others held it for 10 ms");
    await a.release();
    assertEquals([await a.locked(), await b.tryAcquire()], [false, true]);
  },
);

natsTest("NatsLock.acquire() that is aborted leaves no trace, whenever it is", async () => {
  await using server = await startNatsServer();
  await using a = new NatsLock({ servers: server.url }, "l");
  await using b = new NatsLock({ servers: server.url }, "l");
  await a.acquire();
  const controller = new AbortController();
  const waiting = b.acquire({ signal: controller.signal });
  waiting.catch(() => {});
  await settle();
  controller.abort("enough");
  assertEquals(await waiting.catch((error) => error), "enough");
  await a.release();
  // In the middle of taking it: from the first step to the last one.
  for (let steps = 0; steps < 40; steps++) {
    const late = new AbortController();
    const taking = b.acquire({ signal: late.signal });
    taking.catch(() => {});
    for (let step = 0; step < steps; step++) await a.locked();
    late.abort("late");
    const got = await taking.catch(() => false);
    if (got) await b.release();
    await until(async () => !await a.locked(), "the lock to be free");
    if (got) break;
  }
});

natsTest("NatsLock.hold() releases at the end of its block, once", async () => {
  await using server = await startNatsServer();
  await using lock = new NatsLock({ servers: server.url }, "l");
  {
    await using held = await lock.hold();
    assertEquals([await lock.locked(), held.signal.aborted, held.token > 0], [true, false, true]);
    assertEquals(await lock.tryAcquire(), false);
    await held[Symbol.asyncDispose]();
    assertEquals(await lock.tryAcquire(), true);
  }
  assertEquals(await lock.locked(), true);
  await lock.release();
  {
    using _held = await lock.hold();
  }
  await until(async () => !await lock.locked(), "the lock to be released");
});

natsTest("NatsLock lets one of many in at a time", async () => {
  await using server = await startNatsServer();
  await using nats = await openNats({ servers: server.url });
  let inside = 0;
  const tokens: number[] = [];
  const work = async (): Promise<void> => {
    await using lock = new NatsLock(nats, "l");
    for (let round = 0; round < 5; round++) {
      await using held = await lock.hold();
      assertEquals(++inside, 1);
      tokens.push(held.token);
      await settle();
      inside--;
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  assertEquals(tokens.length, 40);
  assertEquals(tokens, tokens.toSorted((a, b) => a - b));
});

natsTest("NatsLock is renewed for as long as its holder lives", async () => {
  await using server = await startNatsServer();
  await using a = new NatsLock({ servers: server.url }, "l", SHORT);
  await using b = new NatsLock({ servers: server.url }, "l", SHORT);
  await a.acquire();
  assertEquals(await b.acquire({ timeoutMs: 3_500 }), false);
  assertEquals([a.signal?.aborted, await a.locked()], [false, true]);
  await a.release();
});

natsTest("NatsLock refuses another time than the one of its bucket", async () => {
  await using server = await startNatsServer();
  await using a = new NatsLock({ servers: server.url }, "a");
  await using b = new NatsLock({ servers: server.url }, "b", { ttlMs: 5_000 });
  await a.acquire();
  await assertRejects(
    () => b.acquire(),
    RangeError,
    'the locks of bucket "locks" stay for 10000 ms, "ttlMs" is 5000',
  );
  await using own = new NatsLock({ servers: server.url }, "b", { ttlMs: 5_000, bucket: "quick" });
  assertEquals(await own.tryAcquire(), true);
});

natsTest("NatsLock.close() gives up what is held, and ends those who wait", async () => {
  await using server = await startNatsServer();
  await using nats = await openNats({ servers: server.url });
  await using a = new NatsLock(nats, "l");
  const b = new NatsLock(nats, "l");
  await b.acquire();
  await b.close();
  await b.close();
  assertEquals(await a.tryAcquire(), true);
  await assertRejects(() => b.acquire(), ConnectionClosedError, "it is closed");
  const c = new NatsLock(nats, "l");
  const waiting = assertRejects(() => c.acquire(), ConnectionClosedError);
  await assertRejects(() => c.hold({ timeoutMs: 20 }), TimeoutError);
  await c.close();
  await waiting;
  await a.release();
  assertEquals(await a.locked(), false);
});

// ---- Faults ----

natsTest(
  "NatsLock of a holder that was killed is taken after its time, with a larger token",
  async () => {
    await using server = await startNatsServer();
    await using holder = await startProgram(CHILD, {
      flags: [`--allow-net=${server.address}`],
      args: [server.url, "hold", "l"],
    });
    const token = Number(holder.ready);
    await using lock = new NatsLock({ servers: server.url }, "l", SHORT);
    const waiting = lock.acquire();
    assertEquals(await lock.locked(), true);
    const begin = performance.now();
    holder.kill("SIGKILL");
    assertEquals(await waiting, true);
    assert(performance.now() - begin > 300, "the holder may have renewed it just before it died");
    assert(performance.now() - begin < 15_000, "it took too long");
    assert(lock.token! > token);
  },
);

natsTest("NatsLock tells its holder before others get it when it cannot be renewed", async () => {
  await using server = await startNatsServer();
  await using a = new NatsLock({ servers: server.url, requestTimeoutMs: 100 }, "l", SHORT);
  await a.acquire();
  const { token, signal } = a;
  const lost = Promise.withResolvers<void>();
  signal!.addEventListener("abort", () => lost.resolve());
  await server.kill("SIGSTOP");
  const begin = performance.now();
  await lost.promise;
  assert(performance.now() - begin < 1_000, "others could have it already");
  assert(signal!.reason instanceof NatsLockLostError);
  assertEquals(signal!.reason.token, token);
  await server.kill("SIGCONT");
  await assertRejects(() => a.release(), InvalidStateError, "it was lost");
  await using b = new NatsLock({ servers: server.url, name: "b" }, "l", SHORT);
  assertEquals(await b.acquire({ timeoutMs: 20_000 }), true);
  assert(b.token! > token!);
});

natsTest(
  "NatsLock is kept over a restart of the server that is shorter than its time",
  async () => {
    await using server = await startNatsServer();
    const own = { ttlMs: 10_000 };
    await using a = new NatsLock({ servers: server.url }, "l", own);
    await using b = new NatsLock({ servers: server.url, name: "b" }, "l", own);
    await a.acquire();
    const waiting = b.acquire();
    await server.restart();
    assertEquals([await a.locked(), a.signal?.aborted], [true, false]);
    await a.release();
    assertEquals(await waiting, true);
  },
);

natsTest(
  "NatsLock.acquire() says that the engine is away, which is not the same as held",
  async () => {
    await using server = await startNatsServer();
    const patience = { patienceMs: 100 };
    await using lock = new NatsLock({ servers: server.url }, "l", patience);
    await lock.locked();
    await server.kill();
    await assertRejects(() => lock.acquire(), EngineUnavailableError);
    await assertRejects(() => lock.acquire({ timeoutMs: 20 }), EngineUnavailableError);
  },
);

natsTest("NatsLock.hold() ends its block in peace though the engine is away", async () => {
  await using server = await startNatsServer();
  const lock = new NatsLock({ servers: server.url }, "l", { patienceMs: 100, ttlMs: 60_000 });
  {
    await using permit = await lock.hold();
    assertEquals(permit.signal.aborted, false);
    await server.kill();
  }
  await assertRejects(() => lock.acquire(), EngineUnavailableError);
  await lock.close();
});

Deno.test("NatsLockLostError has its number, and its cause if there is one", () => {
  const cause = new Error("the reason");
  const error = new NatsLockLostError("Lost it", { token: 7, cause });
  assertEquals([error.name, error.token, error.cause], ["NatsLockLostError", 7, cause]);
  assertEquals("cause" in new NatsLockLostError("Lost it", { token: 7 }), false);
});

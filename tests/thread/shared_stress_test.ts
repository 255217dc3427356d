import { assert, assertEquals } from "@std/assert";
import { Barrier } from "../../thread/barrier.ts";
import { Condition } from "../../thread/condition.ts";
import { Event } from "../../thread/event.ts";
import { Lock } from "../../thread/lock.ts";
import { Queue } from "../../thread/queue.ts";
import { RLock } from "../../thread/rlock.ts";
import { Semaphore } from "../../thread/semaphore.ts";
import { Value } from "../../thread/value.ts";
import { doJobs, JobThread } from "./_shared_jobs.ts";

const ROUNDS = 10_000;

for (const lock of [new Lock(), new RLock(), new Semaphore()]) {
  const { name } = lock.constructor;
  Deno.test(`${name} lets one in at a time: blocking, awaiting and timing out threads`, async () => {
    const words = new Int32Array(new SharedArrayBuffer(8));
    const rounds = 2_000;
    const given = { lock, words, rounds };
    const torn = await doJobs(
      ["countBlocking", given],
      ["countBlocking", given],
      ["countAwaiting", given],
      ["countInLimitedTime", given],
    );
    assertEquals(torn, [0, 0, 0, 0]);
    assertEquals([...words], [4 * rounds, 4 * rounds]);
    assertEquals(lock.statistics().waiting, 0);
    assert(lock.tryAcquire());
  });
}

Deno.test("Semaphore passes 10,000 rounds of ping-pong between two threads", async () => {
  const [a, b] = [new Semaphore(1), new Semaphore(0)];
  await doJobs(
    ["pingPongSemaphores", { mine: a, other: b, rounds: ROUNDS }],
    ["pingPongSemaphores", { mine: b, other: a, rounds: ROUNDS }],
  );
  assertEquals([a.value, b.value], [1, 0]);
});

Deno.test("Event passes 10,000 rounds of ping-pong between two threads", async () => {
  const [a, b] = [new Event(), new Event()];
  a.set();
  await doJobs(
    ["pingPongEvents", { mine: a, other: b, rounds: ROUNDS }],
    ["pingPongEvents", { mine: b, other: a, rounds: ROUNDS }],
  );
  assertEquals([a.isSet(), b.isSet()], [true, false]);
});

for (const lock of [new Lock(), new RLock()]) {
  Deno.test(`Condition with a ${lock.constructor.name} passes 10,000 rounds of ping-pong`, async () => {
    const condition = new Condition(lock);
    const turn = new Value("int32", 0);
    const given = { condition, turn, rounds: ROUNDS };
    await doJobs(
      ["pingPongCondition", { ...given, me: 0 }],
      ["pingPongCondition", { ...given, me: 1 }],
    );
    const { locked, waiting, acquiring } = condition.statistics();
    assertEquals([locked, waiting, acquiring], [false, 0, 0]);
  });
}

for (const lock of [new Lock(), new RLock()]) {
  Deno.test(`${lock.constructor.name} passes 10,000 rounds of ping-pong between two threads`, async () => {
    const given = { lock, turn: new Int32Array(new SharedArrayBuffer(4)), rounds: ROUNDS };
    await doJobs(["pingPongLock", { ...given, me: 0 }], ["pingPongLock", { ...given, me: 1 }]);
    assertEquals([lock.locked(), lock.statistics().waiting], [false, 0]);
  });
}

Deno.test("Value passes 10,000 rounds of ping-pong under its lock", async () => {
  const value = new Value("int32", 0);
  const given = { value, rounds: ROUNDS };
  await doJobs(["pingPongValue", { ...given, me: 0 }], ["pingPongValue", { ...given, me: 1 }]);
  assertEquals(value.value, 2 * ROUNDS);
});

for (const job of ["pingPongQueues", "pingPongQueuesAwaiting"]) {
  Deno.test(`Queue passes 10,000 rounds of ping-pong between two threads: ${job}`, async () => {
    const [a, b] = [new Queue<number>(), new Queue<number>(1)];
    a.putNowait(0);
    await doJobs(
      ["pingPongQueues", { mine: a, other: b, rounds: ROUNDS }],
      [job, { mine: b, other: a, rounds: ROUNDS }],
    );
    assertEquals([a.getNowait(), b.empty()], [2 * ROUNDS, true]);
  });
}

Deno.test("Queue loses nothing and doubles nothing between producers and consumers of all kinds", async () => {
  const queue = new Queue<unknown>(10);
  const count = 3_000;
  using stack = new DisposableStack();
  const consumers = [true, false, false].map((awaiting) =>
    stack.use(new JobThread("consume", { queue, awaiting }))
  );
  await doJobs(
    ...[0, 1, 2].map((i): [string, unknown] => ["produce", { queue, from: i * count, count }]),
  );
  queue.shutdown();
  const taken: number[] = [];
  for (const consumer of consumers) {
    const numbers = await consumer.result as number[];
    // What one producer put came to each consumer in its order.
    for (const i of [0, 1, 2]) {
      const its = numbers.filter((n) => Math.floor(n / count) === i);
      assertEquals(its, its.toSorted((a, b) => a - b));
    }
    taken.push(...numbers);
  }
  assertEquals(taken.toSorted((a, b) => a - b), Array.from({ length: 3 * count }, (_, i) => i));
});

// Fairness

for (const lock of [new Lock(), new RLock(), new Semaphore()]) {
  Deno.test(`${lock.constructor.name} gives each of those who wait every turn of its own, and none twice`, async () => {
    const threads = 3;
    const log = new Int32Array(new SharedArrayBuffer(4 * threads * 30));
    const given = { lock, log, threads, turns: new Value("int32", 0) };
    await doJobs(
      ["takeTurns", { ...given, me: 1 }],
      ["takeTurns", { ...given, me: 2 }],
      ["takeTurns", { ...given, me: 3 }],
    );
    // Whoever stands in line has been passed by nobody: the order of the first round is that of all.
    assertEquals(new Set(log.subarray(0, threads)), new Set([1, 2, 3]));
    log.forEach((who, turn) => assertEquals(who, log[turn % threads], `turn ${turn}`));
  });
}

Deno.test("Barrier passes 10,000 rounds of two threads", async () => {
  const job: [string, unknown] = ["meetAtBarrier", { barrier: new Barrier(2), rounds: ROUNDS }];
  const [a, b] = await doJobs(job, job) as number[][];
  assert(a!.every((index, i) => index + b![i]! === 1));
});

Deno.test("Barrier lets 64 threads go on together", async () => {
  const barrier = new Barrier(64);
  const job: [string, unknown] = ["meetAtBarrier", { barrier, rounds: 3 }];
  const indexes = await doJobs(...Array.from({ length: 64 }, () => job)) as number[][];
  for (let round = 0; round < 3; round++) {
    assertEquals(new Set(indexes.map((mine) => mine[round])).size, 64);
  }
});

// A thread that ends

for (const lock of [new Lock(), new RLock()]) {
  const { name } = lock.constructor;
  Deno.test(`${name} goes to the next one when its thread ends, who learns of it`, async () => {
    using holder = new JobThread("acquireAndEnd", { lock });
    assertEquals(await holder.result, true);
    assertEquals([lock.locked(), lock.tryAcquire()], [true, false]);
    const awaiting = lock.acquire();
    assertEquals(lock.statistics().waiting, 1);
    using blocking = new JobThread("acquire", { lock });
    while (lock.statistics().waiting < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(lock.ownerDied, false);
    holder.end();
    assertEquals([await awaiting, lock.ownerDied], [true, true]);
    lock.release();
    // Nobody has said that all is well.
    assertEquals(await blocking.result, [true, true]);
    blocking.end();
    assertEquals([lock.locked(), lock.tryAcquire(), lock.ownerDied], [false, true, true]);
    lock.markConsistent();
    lock.release();
    assertEquals([lock.acquireSync(), lock.ownerDied], [true, false]);
  });
}

Deno.test("Lock.acquireSync() is woken when the holder's thread ends", async () => {
  const lock = new Lock();
  using holder = new JobThread("acquireAndEnd", { lock });
  await holder.result;
  using waiting = new JobThread("acquire", { lock });
  while (lock.statistics().waiting < 1) await new Promise((resolve) => setTimeout(resolve, 1));
  holder.end();
  assertEquals(await waiting.result, [true, true]);
});

Deno.test("Semaphore hands no place to a thread that ended while it waited", async () => {
  const semaphore = new Semaphore(0);
  using dead = new JobThread("acquireAndEnd", { lock: semaphore });
  while (semaphore.statistics().waiting < 1) await new Promise((resolve) => setTimeout(resolve, 1));
  const next = semaphore.acquire();
  dead.end();
  semaphore.release();
  assertEquals(await next, true);
  // The Worker is parked for ever otherwise: it was not really killed.
  dead.askToEnd();
});

Deno.test("Every blocking wait ends when its thread is asked to end", async () => {
  const [lock, rlock] = [new Lock(), new RLock()];
  await Promise.all([lock.acquire(), rlock.acquire()]);
  const waits: [object, string, () => number][] = [
    [lock, "acquireSync", () => lock.statistics().waiting],
    [rlock, "acquireSync", () => rlock.statistics().waiting],
  ];
  const [semaphore, event, barrier] = [new Semaphore(0), new Event(), new Barrier(2)];
  waits.push([semaphore, "acquireSync", () => semaphore.statistics().waiting]);
  waits.push([event, "waitSync", () => event.statistics().waiting]);
  waits.push([barrier, "waitSync", () => barrier.nWaiting]);
  for (const [object, method, countWaiting] of waits) {
    using thread = new JobThread("waitUntilAskedToEnd", { object, method });
    while (countWaiting() < 1) await new Promise((resolve) => setTimeout(resolve, 1));
    thread.askToEnd();
    assertEquals(await thread.result, true, object.constructor.name);
    assertEquals(countWaiting(), 0);
  }
});

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { CancelledError, ContextVar, Pool } from "../../coroutine/mod.ts";
import type { PendingResult } from "../../coroutine/_pending_result.ts";
import { PoolFuture } from "../../coroutine/_pool_future.ts";
import { settle } from "../support/settle.ts";
import { FakePool, type FakeRunner, same } from "./_fake_runners.ts";

// Calls without options that were made in one turn are handed out as a map is. What a user sees of it:
// nothing, but that small ones take less time.

const DEATH = new Error("the runner died");

function other<T>(value: T): T {
  return value;
}

function sum(a: number, b: number): number {
  return a + b;
}

/** A pool that knows that `same` takes no time: the next chunks are as large as they can be. */
async function createExperienced(): Promise<{ pool: FakePool; runner: FakeRunner }> {
  const pool = new FakePool();
  const calls = Array.from({ length: 1000 }, (_, n) => pool.apply(same, [n]));
  await settle();
  const runner = pool.runner(0);
  while (runner.jobs.length > 0) runner.finish();
  assertEquals((await Promise.all(calls))[999], 999);
  return { pool, runner };
}

Deno.test("Pool.apply() hands calls of one turn out together once they are known to be short", async () => {
  const { pool, runner } = await createExperienced();
  await using _ = pool;
  const calls = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => pool.apply(same, [n]));
  await settle();
  assertEquals(runner.held, [[1, 2, 3, 4]]);
  runner.finish();
  assertEquals(runner.held, [[5, 6]]);
  while (runner.jobs.length > 0) runner.finish();
  assertEquals(await Promise.all(calls), [1, 2, 3, 4, 5, 6, 7, 8]);
  const { queued, running, done } = pool.statistics();
  assertEquals([queued, running, done], [0, 0, 1008]);
});

Deno.test("Pool.apply() hands one call out at a time while it is not known how long they take", async () => {
  await using pool = new FakePool({ size: 2 });
  const calls = [1, 2, 3, 4].map((n) => pool.apply(same, [n]));
  await settle();
  assertEquals(pool.runners.map((runner) => runner.held), [[[1]], [[2]]]);
  pool.runner(1).finish();
  assertEquals(pool.runner(1).held, [[3]]);
  pool.runner(0).finish();
  for (const runner of pool.runners) runner.finish();
  assertEquals(await Promise.all(calls), [1, 2, 3, 4]);
});

Deno.test("Pool.apply() hands one call out at a time when each has a time limit", async () => {
  await using pool = new FakePool({ timeoutMs: 60_000 });
  const calls = Array.from({ length: 100 }, (_, n) => pool.apply(same, [n]));
  await settle();
  for (let n = 0; n < 100; n++) {
    assertEquals(pool.runner(0).held, [[n]]);
    pool.runner(0).finish();
  }
  await Promise.all(calls);
});

Deno.test("Pool.apply() passes no, one and more arguments, whatever was called before", async () => {
  await using pool = new Pool(1);
  const count = (...args: unknown[]) => args;
  const results = await Promise.all([
    pool.apply(count),
    pool.apply(count, []),
    pool.apply(count, [1]),
    pool.apply(count, [undefined]),
    pool.apply(count, [[1, 2]]),
    pool.apply(count, [1, 2]),
    pool.apply(sum, [20, 22]),
  ]);
  assertEquals(results, [[], [], [1], [undefined], [[1, 2]], [1, 2], 42]);
});

Deno.test("Pool keeps the order of all calls, of whatever kind", async () => {
  const { pool, runner } = await createExperienced();
  await using _ = pool;
  const calls: PromiseLike<unknown>[] = [
    pool.apply(same, [1]),
    pool.apply(same, [2]),
    pool.apply(other, [3]),
    pool.apply(same, [4]),
    pool.map(same, [5]),
    pool.apply(same, [6]),
    pool.applyAsync(same, [7], { priority: 0 }),
    pool.applyAsync(same, [8]),
    pool.apply(same, [9], { priority: 1 }),
  ];
  await settle();
  const order: unknown[] = [];
  while (runner.jobs.length > 0) {
    order.push(...runner.held.flat());
    runner.finish();
  }
  assertEquals(order, [9, 1, 2, 3, 4, 5, 6, 7, 8]);
  await Promise.all(calls);
});

Deno.test("AsyncResult.cancel() stops one of the calls that are waiting together", async () => {
  await using pool = new FakePool();
  const calls = [1, 2, 3, 4, 5].map((n) => pool.applyAsync(same, [n]));
  assertEquals([calls[2]!, calls[3]!].map((call) => call.cancel()), [true, true]);
  assertEquals(calls.map((call) => call.cancelled()), [false, false, true, true, false]);
  assertEquals(calls[2]!.cancel(), false);
  await settle();
  const order: unknown[] = [];
  while (pool.runner(0).jobs.length > 0) {
    order.push(...pool.runner(0).held.flat());
    pool.runner(0).finish();
  }
  assertEquals(order, [1, 2, 5]);
  assertEquals(await Promise.all([calls[0], calls[1], calls[4]]), [1, 2, 5]);
  await assertRejects(() => calls[3]!.get(), CancelledError);
  const { queued, running, done, cancelled } = pool.statistics();
  assertEquals([queued, running, done, cancelled], [0, 0, 3, 2]);
});

Deno.test("AsyncResult.cancel() of all that wait together leaves nothing behind", async () => {
  const pool = new FakePool();
  const first = pool.applyAsync(same, [1]);
  assertEquals(first.cancel(), true);
  // It does not join what has ended.
  const second = pool.applyAsync(same, [2]);
  await settle();
  assertEquals(pool.runner(0).held, [[2]]);
  pool.runner(0).finish();
  assertEquals(await second, 2);
  pool.close();
  await pool.join({ timeoutMs: 10_000 });
});

Deno.test("AsyncResult.cancel() stops one of the calls that a runner holds", async () => {
  const { pool, runner } = await createExperienced();
  await using _ = pool;
  const calls = Array.from({ length: 8 }, (_, n) => pool.applyAsync(same, [n]));
  await settle();
  const job = runner.jobs[0]!;
  assertEquals(job.items.length, 4);
  job.started(0);
  assertEquals(calls[2]!.cancel(new Error("enough")), true);
  assertEquals(runner.cancels.map(({ job, index }) => [job.id, index]), [[job.id, 2]]);
  assertEquals(calls[2]!.ready(), false);
  runner.cancels[0]!.job.fail(2, undefined);
  assertEquals(calls.map((call) => call.cancelled()).indexOf(true), 2);
  const error = await assertRejects(() => calls[2]!.get(), CancelledError);
  assertEquals((error.cause as Error).message, "enough");
  job.succeed(0, 0);
  job.started(1);
  job.succeed(1, 1);
  job.started(3);
  job.succeed(3, 3);
  runner.jobs.shift();
  while (runner.jobs.length > 0) runner.finish();
  assertEquals(await calls[3], 3);
  assertEquals(await calls[7], 7);
});

Deno.test("Future.running() is true for the one that runs of the calls that a runner holds", async () => {
  const { pool, runner } = await createExperienced();
  await using _ = pool;
  const calls = Array.from({ length: 8 }, (_, n) => pool.applyAsync(same, [n]));
  const futures = calls.map((call) => new PoolFuture(call as PendingResult<number>));
  const running = () => futures.map((future) => future.running()).indexOf(true);
  await settle();
  const job = runner.jobs[0]!;
  assertEquals([job.items.length, running()], [4, -1]);
  job.started(0);
  assertEquals([running(), futures.filter((future) => future.running()).length], [0, 1]);
  job.succeed(0, 0);
  job.started(1);
  assertEquals([running(), futures.filter((future) => future.running()).length], [1, 1]);
  // As in Python, what runs is not cancelled; what does not is.
  assertEquals([futures[1]!.cancel(), futures[5]!.cancel()], [false, true]);
  await pool.terminate();
});

Deno.test("Future.running() is true for a call with options that runs", async () => {
  await using pool = new FakePool();
  const call = pool.applyAsync(same, [1], { timeoutMs: 60_000 });
  const future = new PoolFuture(call as PendingResult<number>);
  await settle();
  assertEquals(future.running(), false);
  pool.runner(0).jobs[0]!.started(0);
  assertEquals([future.running(), future.cancel()], [true, false]);
  pool.runner(0).finish();
  assertEquals([await future, future.running()], [1, false]);
});

Deno.test("AsyncResult.cancel() stops one of the calls that were given back", async () => {
  const { pool, runner } = await createExperienced();
  await using _ = pool;
  const calls = Array.from({ length: 10 }, (_, n) => pool.applyAsync(same, [n]));
  await settle();
  const job = runner.jobs.shift()!;
  assertEquals(job.items, [0, 1, 2, 3, 4]);
  job.started(0);
  job.giveBack(1);
  assertEquals(calls[3]!.cancel(), true);
  assertEquals(calls[3]!.cancelled(), true);
  assertEquals(runner.cancels, []);
  job.succeed(0, 0);
  const order: unknown[] = [];
  while (runner.jobs.length > 0) {
    order.push(...runner.held.flat());
    runner.finish();
  }
  assertEquals(order, [1, 2, 4, 5, 6, 7, 8, 9]);
  assertEquals(await calls[9], 9);
  const { queued, running } = pool.statistics();
  assertEquals([queued, running], [0, 0]);
});

Deno.test("AsyncResult.cancel() of the only call that was given back leaves nothing behind", async () => {
  const { pool, runner } = await createExperienced();
  const calls = Array.from({ length: 4 }, (_, n) => pool.applyAsync(same, [n]));
  await settle();
  const job = runner.jobs.shift()!;
  assertEquals(job.items, [0, 1]);
  job.started(0);
  job.giveBack(1);
  assertEquals(calls[1]!.cancel(), true);
  job.succeed(0, 0);
  assertEquals(runner.held, [[2]]);
  while (runner.jobs.length > 0) runner.finish();
  assertEquals(await Promise.all([calls[0], calls[2], calls[3]]), [0, 2, 3]);
  pool.close();
  await pool.join({ timeoutMs: 10_000 });
});

Deno.test("Pool rejects each of the calls that are waiting together when it is terminated", async () => {
  const { pool } = await createExperienced();
  const calls = Array.from({ length: 12 }, (_, n) => pool.apply(same, [n]));
  const settled = Promise.allSettled(calls);
  assertEquals(pool.statistics().queued, 12);
  await settle();
  await pool.terminate();
  for (const { status } of await settled) assertEquals(status, "rejected");
  const { queued, running, cancelled } = pool.statistics();
  assertEquals([queued, running, cancelled], [0, 0, 12]);
});

Deno.test("Pool.apply() that is lost with its runner fails alone, what had not started goes on", async () => {
  const { pool, runner } = await createExperienced();
  await using _ = pool;
  const calls = Array.from({ length: 8 }, (_, n) => pool.apply(same, [n]));
  const rejected = assertRejects(() => calls[0]!);
  await settle();
  runner.jobs[0]!.started(0);
  assertEquals(runner.jobs[0]!.itemOf(3), 0);
  runner.port.lost(DEATH, "starts known");
  await settle();
  while (pool.runner(1).jobs.length > 0) pool.runner(1).finish();
  assertStrictEquals(await rejected, DEATH);
  assertEquals(await Promise.all(calls.slice(1)), [1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("Pool.apply() has each call see the context variables of its caller", async () => {
  await using pool = new Pool(1);
  const name = new ContextVar<string>("name", { default: "none" });
  const read = (_: number) => name.get();
  const first = pool.apply(read, [1]);
  name.set("second");
  const second = pool.apply(read, [2]);
  const third = pool.apply(read, [3]);
  assertEquals(await Promise.all([first, second, third]), ["none", "second", "second"]);
});

Deno.test("Pool.apply() within a function of the pool comes after what waits", async () => {
  await using pool = new Pool(1);
  const order: string[] = [];
  const note = (text: string) => void order.push(text);
  const inner: Promise<void>[] = [];
  const outer = (text: string) => {
    note(text);
    inner.push(pool.apply(note, [`${text} inner`]));
  };
  await Promise.all([pool.apply(outer, ["a"]), pool.apply(outer, ["b"]), pool.apply(note, ["c"])]);
  await Promise.all(inner);
  assertEquals(order, ["a", "b", "c", "a inner", "b inner"]);
});

Deno.test("Pool.apply() that waits does not hold up those that were made with it", async () => {
  await using pool = new Pool(1);
  const gate = Promise.withResolvers<void>();
  const wait = (n: number) => n === 1 ? gate.promise.then(() => n) : n;
  await Promise.all(Array.from({ length: 1000 }, () => pool.apply(wait, [0])));
  await using two = new Pool(2);
  await Promise.all(Array.from({ length: 1000 }, () => two.apply(wait, [0])));
  const slow = two.apply(wait, [1]);
  const quick = Array.from({ length: 100 }, () => two.apply(wait, [0]));
  await Promise.all(quick);
  gate.resolve();
  assertEquals(await slow, 1);
  assert(two.statistics().done >= 1101);
});

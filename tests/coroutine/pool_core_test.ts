import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { BasePool, CancelledError, InvalidStateError, TimeoutError } from "../../coroutine/mod.ts";
import { poolInternals } from "../../coroutine/_pool_internals.ts";
import type { Runner } from "../../coroutine/_runner.ts";
import { FakeTime } from "../support/fake_time.ts";
import { assertPending, settle } from "../support/settle.ts";
import { FakePool, same } from "./_fake_runners.ts";

const DEATH = new Error("the runner died");

// Handing out

Deno.test("PoolCore hands out in the next microtask, not within the call", async () => {
  await using pool = new FakePool();
  const result = pool.applyAsync(same, [1]);
  assertEquals(pool.runners.length, 0);
  await settle();
  assertEquals(pool.runner(0).held, [[1]]);
  pool.runner(0).finish();
  assertEquals(await result, 1);
});

Deno.test("PoolCore makes no more runners than it needs, and uses them again [cpython: ProcessPoolExecutorTest.test_idle_process_reuse_one, ProcessPoolExecutorTest.test_idle_process_reuse_multiple, ThreadPoolExecutorTest.test_idle_thread_reuse]", async () => {
  await using pool = new FakePool({ size: 4 });
  for (const n of [1, 2, 3]) {
    const result = pool.applyAsync(same, [n]);
    await settle();
    pool.runner(0).finish();
    await result;
  }
  assertEquals(pool.runners.length, 1);
  const both = [pool.applyAsync(same, [4]), pool.applyAsync(same, [5])];
  await settle();
  assertEquals(pool.runners.map((runner) => runner.held), [[[4]], [[5]]]);
  for (const runner of pool.runners) runner.finish();
  assertEquals(await Promise.all(both), [4, 5]);
});

Deno.test("PoolCore never makes more runners than its size [cpython: ProcessPoolExecutorTest.test_saturation]", async () => {
  await using pool = new FakePool({ size: 3 }, (runner) => Promise.resolve(runner));
  const list = pool.mapAsync(same, [1, 2, 3, 4, 5, 6, 7], { chunkSize: 1 });
  for (let round = 0; round < 3; round++) {
    await settle();
    assertEquals(pool.runners.length, 3);
    for (const runner of pool.runners) if (runner.jobs.length > 0) runner.finish();
  }
  assertEquals(await list, [1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("PoolCore makes as many runners at once as there are calls that wait", async () => {
  const started: ((runner: Runner) => void)[] = [];
  await using pool = new FakePool(
    { size: 8 },
    () => new Promise((resolve) => started.push(resolve)),
  );
  const calls = [1, 2].map((n) => pool.applyAsync(same, [n]));
  await settle();
  assertEquals(pool.runners.length, 2);
  started[0]!(pool.runner(0));
  await settle();
  assertEquals(pool.runner(0).held, [[1]]);
  pool.runner(0).finish();
  await settle();
  assertEquals(pool.runner(0).held, [[2]]);
  pool.runner(0).finish();
  await Promise.all(calls);
  started[1]!(pool.runner(1));
});

Deno.test("PoolCore fills a runner to its capacity, but idle ones first", async () => {
  await using pool = new FakePool({ size: 2, minimum: 2 }, (runner) => {
    runner.capacity = 2;
    return runner;
  });
  const calls = [1, 2, 3, 4, 5].map((n) => pool.applyAsync(same, [n]));
  await settle();
  assertEquals(pool.runner(0).held.length, 2);
  assertEquals(pool.runner(1).held.length, 2);
  assertEquals(
    pool.runners.map((runner) => (runner.held[0]![0] as number)).sort(),
    [1, 2],
  );
  pool.runner(1).capacity = 3;
  pool.runner(1).port.changed();
  assertEquals(pool.runner(1).held.length, 3);
  for (const runner of pool.runners) while (runner.jobs.length > 0) runner.finish();
  assertEquals(await Promise.all(calls), [1, 2, 3, 4, 5]);
});

Deno.test("PoolCore begins a map with chunks of one, lets them grow, and keeps all runners busy at the end", async () => {
  await using pool = new FakePool({ size: 2 });
  const items = Array.from({ length: 1000 }, (_, n) => n);
  const list = pool.mapAsync(same, items);
  await settle();
  const sizes: number[] = [];
  for (let at = 0; !list.ready(); at = 1 - at) {
    const runner = pool.runner(at);
    if (runner.jobs.length === 0) continue;
    const left = items.length - sizes.reduce((sum, size) => sum + size, 0);
    const size = runner.jobs[0]!.items.length;
    assert(size === 1 || size <= left / 4, `${size} of ${left}`);
    sizes.push(size);
    runner.finish();
  }
  assertEquals(sizes.slice(0, 2), [1, 1]);
  assert(Math.max(...sizes) >= 32);
  assertEquals(sizes.at(-1), 1);
  assertEquals(await list, items);
});

Deno.test("PoolCore keeps chunks of one when items have a time limit or report", async () => {
  await using pool = new FakePool();
  for (const options of [{ timeoutMs: 30_000 }, { onProgress: () => {} }]) {
    const list = pool.mapAsync(same, Array.from({ length: 50 }, (_, n) => n), options);
    await settle();
    while (!list.ready()) {
      assertEquals(pool.runner(0).held[0]!.length, 1);
      pool.runner(0).finish();
    }
  }
});

// Runners that die

Deno.test("PoolCore rejects exactly what a lost runner held, and goes on [cpython: ExecutorDeadlockTest.test_crash_during_func_exec_on_worker]", async () => {
  await using pool = new FakePool({ size: 2 });
  const calls = [1, 2, 3].map((n) => pool.applyAsync(same, [n]));
  await settle();
  pool.runner(0).port.lost(DEATH);
  assertStrictEquals(await assertRejects(() => calls[0]!.get()), DEATH);
  pool.runner(1).finish();
  await settle();
  assertEquals(pool.runners.length, 3);
  for (const runner of pool.runners.slice(1)) while (runner.jobs.length > 0) runner.finish();
  assertEquals([await calls[1], await calls[2]], [2, 3]);
  assertEquals(pool.statistics().failed, 1);
});

Deno.test("PoolCore hears nothing more of a lost runner", async () => {
  await using pool = new FakePool();
  const call = pool.applyAsync(same, [1], { retries: 1 });
  await settle();
  const job = pool.runner(0).take();
  job.started(0);
  pool.runner(0).port.lost(DEATH);
  pool.runner(0).port.lost(DEATH);
  job.succeed(0, "late");
  job.fail(0, new Error("late"));
  await settle();
  pool.runner(1).finish();
  assertEquals(await call, 1);
  assertEquals(pool.statistics().done, 1);
});

Deno.test("PoolCore starts lost items again, first and alone, as often as they may", async () => {
  await using pool = new FakePool();
  const list = pool.mapAsync(same, [1, 2, 3, 4, 5, 6], { chunkSize: 3, retries: 1 });
  await settle();
  const job = pool.runner(0).take();
  job.started(0);
  job.succeed(0, 1);
  job.started(1);
  pool.runner(0).port.lost(DEATH);
  await settle();
  const seen: unknown[] = [];
  while (pool.runner(1).jobs.length > 0) {
    seen.push(pool.runner(1).held[0]);
    pool.runner(1).finish();
  }
  assertEquals(seen, [[2], [3], [4, 5, 6]]);
  assertEquals(await list, [1, 2, 3, 4, 5, 6]);
});

Deno.test("PoolCore gives an item up that has no retries left", async () => {
  await using pool = new FakePool();
  const call = pool.applyAsync(same, [1], { retries: 2 });
  for (const at of [0, 1, 2]) {
    await settle();
    assertEquals(call.ready(), false);
    pool.runner(at).port.lost(DEATH);
  }
  assertStrictEquals(await assertRejects(() => call.get()), DEATH);
  const { queued, running, failed } = pool.statistics();
  assertEquals([queued, running, failed], [0, 0, 1]);
});

Deno.test("PoolCore starts items that were given back elsewhere, one at a time, at no cost", async () => {
  await using pool = new FakePool();
  const list = pool.mapAsync(same, [1, 2, 3, 4], { chunkSize: 4 });
  const later = pool.applyAsync(same, [9]);
  await settle();
  const job = pool.runner(0).take();
  job.started(0);
  job.giveBack(0); // all but the first, which has started
  await settle();
  assertEquals(pool.runner(0).held, []);
  pool.runner(0).port.lost(DEATH);
  await settle();
  for (const item of [2, 3, 4]) {
    assertEquals(pool.runner(1).held, [[item]]);
    pool.runner(1).finish();
  }
  assertStrictEquals(await assertRejects(() => list.get()), DEATH);
  assertEquals(pool.statistics().done, 3);
  pool.runner(1).finish();
  assertEquals(await later, 9);
});

Deno.test("PoolCore fails as a whole when a runner cannot be made [cpython: FailingInitializerMixin.test_initializer]", async () => {
  for (
    const create of [() => Promise.reject(DEATH), () => {
      throw DEATH;
    }]
  ) {
    const pool = new FakePool({ size: 3 }, create);
    const call = pool.applyAsync(same, [1]);
    const stream = pool.imap(same, [1]);
    assertStrictEquals(await assertRejects(() => call.get()), DEATH);
    assertEquals(call.cancelled(), false);
    assertStrictEquals(await assertRejects(() => stream.next()), DEATH);
    assertStrictEquals(assertThrows(() => pool.applyAsync(same, [1])), DEATH);
    assert(pool.runners.length <= 3);
    await pool.join();
    await pool.terminate();
  }
});

Deno.test("PoolCore ends the runners that there are when one cannot be made [cpython: TestPoolNotLeakOnFailure.test_release_unused_processes]", async () => {
  const pool = new FakePool({ size: 5, minimum: 5 }, (runner) => {
    return runner.name === "fake 3" ? Promise.reject(DEATH) : Promise.resolve(runner);
  });
  await settle();
  assertStrictEquals(assertThrows(() => pool.applyAsync(same, [1])), DEATH);
  await pool.join();
  for (const at of [0, 1, 2, 4]) assertEquals(pool.runner(at).stops, ["kill"]);
  assertEquals(pool.statistics().runners, 0);
});

Deno.test("PoolCore fails when runners die again and again before they were given anything", async () => {
  const pool = new FakePool({ size: 1, minimum: 1 }, async (runner) => {
    await settle();
    queueMicrotask(() => queueMicrotask(() => runner.port.lost(DEATH)));
    return runner;
  });
  while (pool.statistics().runners > 0) await settle();
  assertStrictEquals(assertThrows(() => pool.applyAsync(same, [1])), DEATH);
  assert(pool.runners.length < 20);
});

Deno.test("PoolCore survives any number of items that kill their runner", async () => {
  await using pool = new FakePool({ size: 2 }, (runner) => {
    runner.onStart = () => queueMicrotask(() => runner.port.lost(DEATH));
    return runner;
  });
  const calls = Array.from({ length: 50 }, (_, n) => pool.applyAsync(same, [n]));
  for (const call of calls) assertStrictEquals(await assertRejects(() => call.get()), DEATH);
});

Deno.test("PoolCore fails once when none of its runners can be made", async () => {
  const errors = [1, 2, 3].map((n) => new Error(`No runner ${n}`));
  const [first] = errors;
  const pool = new FakePool({ size: 3, minimum: 3 }, () => Promise.reject(errors.shift()));
  const call = pool.applyAsync(same, [1]);
  assertStrictEquals(await assertRejects(() => call.get()), first);
  await pool.join();
  assertStrictEquals(assertThrows(() => pool.applyAsync(same, [1])), first);
  assertEquals([pool.runners.length, pool.statistics().failed], [3, 1]);
});

Deno.test("PoolCore hears no progress of an item that has ended", async () => {
  await using pool = new FakePool();
  const seen: unknown[] = [];
  const call = pool.applyAsync(same, [1], { onProgress: (value: unknown) => seen.push(value) });
  await settle();
  const job = pool.runner(0).take();
  job.started(0);
  job.progress(0, "half");
  job.succeed(0, 1);
  job.progress(0, "late");
  assertEquals([await call, seen], [1, ["half"]]);
});

// Runners that come and go

Deno.test("PoolCore replaces a runner after its last item [cpython: _TestPoolWorkerLifetime.test_pool_worker_lifetime, ProcessPoolExecutorTest.test_max_tasks_per_child]", async () => {
  await using pool = new FakePool({ size: 1, maxItemsPerRunner: 10 });
  const list = pool.mapAsync(same, Array.from({ length: 100 }, (_, n) => n), { chunkSize: 4 });
  await settle();
  while (!list.ready()) pool.runners.at(-1)!.finish();
  assertEquals(pool.runners.length, 10);
  await settle();
  for (const runner of pool.runners.slice(0, 9)) assertEquals(runner.stops, ["end"]);
});

Deno.test("PoolCore finishes when it is closed while runners are replaced [cpython: _TestPoolWorkerLifetime.test_pool_worker_lifetime_early_close, ProcessPoolExecutorTest.test_max_tasks_early_shutdown]", async () => {
  await using pool = new FakePool({ size: 3, minimum: 3, maxItemsPerRunner: 1 }, async (runner) => {
    await settle();
    return runner;
  });
  const calls = Array.from({ length: 7 }, (_, n) => pool.applyAsync(same, [n]));
  pool.close();
  while (calls.some((call) => !call.ready())) {
    await settle();
    for (const runner of pool.runners) if (runner.jobs.length > 0) runner.finish();
  }
  await pool.join();
  assertEquals(await Promise.all(calls), [0, 1, 2, 3, 4, 5, 6]);
  assertEquals(pool.statistics().runners, 0);
});

Deno.test("PoolCore ends idle runners beyond its minimum, and makes new ones", async () => {
  await using pool = new FakePool({ size: 2, minimum: 1, idleTimeoutMs: 1 });
  const both = [pool.applyAsync(same, [1]), pool.applyAsync(same, [2])];
  await settle();
  assertEquals(pool.runners.length, 2);
  for (const runner of pool.runners) runner.finish();
  await Promise.all(both);
  while (pool.statistics().runners > 1) await settle();
  assertEquals(pool.runners.filter(({ stops }) => stops.length > 0).length, 1);
  const again = [pool.applyAsync(same, [1]), pool.applyAsync(same, [2])];
  await settle();
  assertEquals(pool.runners.length, 3);
  for (const runner of pool.runners) if (runner.jobs.length > 0) runner.finish();
  await Promise.all(again);
});

Deno.test("PoolCore does not end a runner as idle that has got work meanwhile", async () => {
  using time = new FakeTime();
  await using pool = new FakePool({ size: 1, idleTimeoutMs: 100 });
  const first = pool.applyAsync(same, [1]);
  await settle();
  pool.runner(0).finish();
  await first;
  const second = pool.applyAsync(same, [2]);
  await settle();
  await time.tick(200);
  assertEquals([pool.runner(0).held, pool.runner(0).stops], [[[2]], []]);
  assertEquals(pool.statistics().runners, 1);
  pool.runner(0).finish();
  assertEquals(await second, 2);
  await time.tick(200);
  assertEquals(pool.runner(0).stops, ["end"]);
});

Deno.test("PoolCore kills a runner that does not end", async () => {
  const pool = new FakePool({ minimum: 1, graceMs: 1 }, (runner) => {
    runner.isObedient = false;
    return runner;
  });
  pool.close();
  await pool.join();
  assertEquals(pool.runner(0).stops, ["end", "kill"]);
});

Deno.test("PoolCore.terminate() tells when a runner has not ended", async () => {
  const pool = new FakePool({ minimum: 1, graceMs: 1 }, (runner) => {
    runner.isObedient = false;
    return runner;
  });
  await assertRejects(() => pool.terminate(), TimeoutError, "1 of its runners have not ended");
});

// Stopping

Deno.test("PoolCore asks a runner to stop an item, and settles it when the runner answers", async () => {
  await using pool = new FakePool({ size: 1 });
  const call = pool.applyAsync(same, [1]);
  await settle();
  const job = pool.runner(0).take();
  job.started(0);
  assert(call.cancel());
  assertEquals(pool.runner(0).cancels.length, 1);
  await settle();
  assertEquals(call.ready(), false);
  job.fail(0, new Error("killed"));
  await assertRejects(() => call.get(), CancelledError);
  assertEquals(pool.statistics().cancelled, 1);
});

Deno.test("PoolCore lets a function succeed that returns although it was cancelled, but not after its time", async () => {
  await using pool = new FakePool({ size: 2 });
  const cancelled = pool.applyAsync(same, [1]);
  const late = pool.applyAsync(same, [2], { timeoutMs: 1 });
  const failing = assertRejects(() => late.get(), TimeoutError);
  await settle();
  for (const runner of pool.runners) runner.jobs[0]!.started(0);
  cancelled.cancel();
  while (pool.runner(1).cancels.length === 0) await settle();
  for (const runner of pool.runners) runner.take().succeed(0, 7);
  assertEquals(await cancelled, 7);
  await failing;
});

Deno.test("PoolCore settles what dies with a runner that was killed to stop it, and starts the others again", async () => {
  await using pool = new FakePool({ size: 1, minimum: 1 }, (runner) => {
    runner.capacity = 2;
    runner.onCancel = () => runner.port.lost(DEATH, "starts known");
    return runner;
  });
  const first = pool.applyAsync(same, [1]);
  const second = pool.applyAsync(same, [2]);
  await settle();
  pool.runner(0).jobs[0]!.started(0);
  first.cancel();
  assertEquals(first.cancelled(), true);
  await settle();
  pool.runner(1).finish();
  assertEquals(await second, 2);
});

Deno.test("PoolCore gives a runner up that does not stop an item", async () => {
  await using pool = new FakePool({ size: 1, graceMs: 1 });
  const list = pool.mapAsync(same, [1, 2, 3], { chunkSize: 3, timeoutMs: 1 });
  await settle();
  const job = pool.runner(0).take();
  job.started(0);
  while (pool.runners.length < 2) await settle();
  assertEquals(pool.runner(0).stops, ["kill"]);
  // What it had not started is done by another one.
  assertEquals(pool.runner(1).held, [[2, 3]]);
  pool.runner(1).finish();
  await assertRejects(() => list.get(), TimeoutError);
  job.succeed(0, "late");
  const { done, failed, abandoned, running } = pool.statistics();
  assertEquals([done, failed, abandoned, running], [2, 1, 1, 0]);
});

Deno.test("PoolCore has as many runners as its minimum again after it has given one up", async () => {
  await using pool = new FakePool({ size: 1, minimum: 1, graceMs: 1 });
  const call = pool.applyAsync(same, [1], { timeoutMs: 1 });
  await settle();
  pool.runner(0).take().started(0);
  await assertRejects(() => call.get(), TimeoutError);
  assertEquals([pool.statistics().runners, pool.runners.length], [1, 2]);
});

Deno.test("PoolCore waits without end for a runner to stop when its grace is Infinity", async () => {
  using time = new FakeTime();
  const pool = new FakePool({ size: 1, graceMs: Infinity });
  const call = pool.applyAsync(same, [1], { timeoutMs: 10 });
  await settle();
  const job = pool.runner(0).take();
  job.started(0);
  await time.tick(10);
  await time.tick(2 ** 33);
  assertEquals(pool.runner(0).stops, []);
  job.fail(0, pool.runner(0).cancels[0]!.reason);
  await assertRejects(() => call.get(), TimeoutError);
  pool.runner(0).isObedient = false;
  const ended = pool.terminate();
  await time.tick(2 ** 33);
  await assertPending(ended);
});

Deno.test("PoolCore ends a runner that was still being made when it was terminated", async () => {
  const made = Promise.withResolvers<Runner>();
  const pool = new FakePool({ minimum: 1 }, () => made.promise);
  const call = assertRejects(() => pool.apply(same, [1]), CancelledError);
  const ended = pool.terminate();
  await call;
  made.resolve(pool.runner(0));
  await ended;
  assertEquals(pool.runner(0).stops, ["kill"]);
});

Deno.test("PoolCore is not confused by reports in the midst of a callback that terminates it", async () => {
  const pool = new FakePool({ size: 1 });
  const list = pool.mapAsync(same, [1, 2], { chunkSize: 2 });
  const call = pool.applyAsync(same, [3], { callback: () => void pool.terminate() });
  const other = assertRejects(() => pool.apply(same, [4]), CancelledError);
  await settle();
  pool.runner(0).finish();
  pool.runner(0).finish();
  assertEquals([await list, await call], [[1, 2], 3]);
  await other;
  await pool.join();
  const { queued, running, runners } = pool.statistics();
  assertEquals([queued, running, runners], [0, 0, 0]);
});

Deno.test("PoolCore settles what a callback stops while the jobs of a lost runner are sorted out", async () => {
  for (const stop of ["cancel", "terminate"] as const) {
    await using pool = new FakePool({ size: 1 }, (runner) => {
      runner.capacity = 2;
      return runner;
    });
    // The one that was handed over last is looked at first.
    const first = pool.applyAsync(same, [1], { retries: 1 });
    const second = pool.applyAsync(same, [2], {
      errorCallback: () => stop === "cancel" ? void first.cancel() : void pool.terminate(),
    });
    await settle();
    pool.runner(0).port.lost(DEATH);
    assertStrictEquals(await assertRejects(() => second.get()), DEATH);
    await assertRejects(() => first.get(), CancelledError);
    const { queued, running } = pool.statistics();
    assertEquals([queued, running, pool.runners.length], [0, 0, 1]);
  }
});

Deno.test("PoolCore stops the items of a job from the last to the first, so that none starts meanwhile", async () => {
  await using pool = new FakePool({ size: 1 }, (runner) => {
    runner.onCancel = (job, index) => job.fail(index, undefined);
    return runner;
  });
  const list = pool.mapAsync(same, [1, 2, 3], { chunkSize: 3 });
  await settle();
  pool.runner(0).jobs[0]!.started(0);
  list.cancel();
  assertEquals(pool.runner(0).cancels.map(({ index }) => index), [2, 1, 0]);
  assert(list.cancelled());
});

Deno.test("PoolCore rejects a map with the error that is first in the order of its items", async () => {
  await using pool = new FakePool({ size: 2 });
  const list = pool.mapAsync(same, [1, 2, 3], { chunkSize: 1 });
  await settle();
  pool.runner(1).take().fail(0, new Error("second"));
  pool.runner(0).take().fail(0, DEATH);
  for (const runner of pool.runners) if (runner.jobs.length > 0) runner.finish();
  assertStrictEquals(await assertRejects(() => list.get()), DEATH);
});

Deno.test("PoolCore.cancelWaiting() cancels what has not started, and leaves what has", async () => {
  await using pool = new FakePool({ size: 1 }, (runner) => {
    runner.capacity = 2;
    runner.onCancel = (job, index) => {
      runner.jobs.splice(runner.jobs.indexOf(job), 1);
      job.fail(index, undefined);
    };
    return runner;
  });
  const calls = [1, 2, 3].map((n) => pool.applyAsync(same, [n]));
  const list = pool.mapAsync(same, [4, 5]);
  await settle();
  pool.runner(0).jobs[0]!.started(0);
  poolInternals.coreOf(pool).cancelWaiting(new CancelledError("enough"));
  assertEquals(calls.map((call) => call.cancelled()), [false, true, true]);
  assertEquals(list.cancelled(), true);
  assertEquals(pool.runner(0).cancels.length, 1);
  assertEquals(pool.runner(0).held, [[1]]);
  pool.runner(0).finish();
  assertEquals(await calls[0], 1);
});

Deno.test("PoolCore.cancelWaiting() cancels a list that a runner holds, unless an item has started", async () => {
  await using pool = new FakePool({ size: 2 }, (runner) => {
    runner.onCancel = (job, index) => job.fail(index, undefined);
    return runner;
  });
  const lists = [1, 2].map((n) => pool.mapAsync(same, [n, n], { chunkSize: 2 }));
  await settle();
  pool.runner(1).jobs[0]!.started(0);
  poolInternals.coreOf(pool).cancelWaiting(new CancelledError("enough"));
  assertEquals(lists.map((list) => list.cancelled()), [true, false]);
  pool.runner(1).finish();
  assertEquals(await lists[1], [2, 2]);
});

Deno.test("PoolCore keeps to the priorities, also when there have been many of them", async () => {
  await using pool = new FakePool({ size: 1 });
  const hold = pool.applyAsync(same, [0]);
  await settle();
  // Not in their order, and twice: what became empty is used again.
  for (let round = 0; round < 2; round++) {
    const priorities = Array.from({ length: 40 }, (_, n) => (n * 7) % 40 - 20);
    const calls = priorities.map((priority) => pool.applyAsync(same, [priority], { priority }));
    const order: unknown[] = [];
    if (round === 0) pool.runner(0).finish();
    else await settle();
    while (pool.runner(0).jobs.length > 0) {
      order.push(...pool.runner(0).held.flat());
      pool.runner(0).finish();
      if (order.length === 20) {
        calls.push(pool.applyAsync(same, [100], { priority: 100 }));
        await settle();
      }
    }
    const sorted = priorities.toSorted((a, b) => b - a);
    assertEquals(order, [...sorted.slice(0, 20), sorted[20], 100, ...sorted.slice(21)]);
    await Promise.all(calls);
  }
  assertEquals(await hold, 0);
});

Deno.test("BasePool refuses to be used without runners", () => {
  class Bare extends BasePool {}
  const pool = new Bare();
  assertThrows(() => pool.applyAsync(same, [1]), InvalidStateError, "it has no runners");
  assertThrows(() => pool.close(), InvalidStateError, "it has no runners");
});

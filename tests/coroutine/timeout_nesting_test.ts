import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  CancelledError,
  currentTask,
  sleep,
  spawn,
  Timeout,
  timeout,
  TimeoutError,
} from "../../coroutine/mod.ts";
import { FakeTime } from "../support/fake_time.ts";
import { createGates } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";
import { hang } from "./_task_work.ts";

// Moving the limit

Deno.test("Timeout.reschedule() moves the limit, or takes it away [cpython: TimeoutTests.test_reschedule]", async () => {
  using time = new FakeTime();
  const limit = new Timeout(10_000);
  const task = spawn(() => limit.run(() => sleep(50_000)));
  await settle();
  assertEquals(limit.when(), 11_000);
  limit.reschedule(30_000);
  assertEquals(limit.when(), 31_000);
  await time.tick(15_000);
  limit.reschedule(null);
  assertEquals([limit.when(), String(limit)], [null, "Timeout { active, no limit }"]);
  await time.tick(20_000);
  assertEquals([limit.expired(), task.done()], [false, false]);
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  assertEquals([limit.expired(), time.timers], [false, 0]);
});

Deno.test("Timeout.reschedule() moves the limit to an earlier moment", async () => {
  using time = new FakeTime();
  for (const earlierMs of [5, 0]) {
    const limit = new Timeout(10_000);
    const rejected = assertRejects(
      () => limit.run(() => sleep(50_000)),
      TimeoutError,
      `The time of ${earlierMs} ms is over`,
    );
    await settle();
    limit.reschedule(earlierMs);
    await time.tick(earlierMs);
    await rejected;
    assertEquals(time.timers, 0);
  }
});

Deno.test("Timeout.reschedule() by the work itself, from no limit to one that is over", async () => {
  const limit = new Timeout(null);
  await assertRejects(() =>
    limit.run(() => {
      limit.reschedule(0);
      return sleep(0);
    }), TimeoutError);
});

Deno.test("Timeout counts beyond the longest timer of the platform", async () => {
  using time = new FakeTime();
  const DAY_MS = 24 * 3600 * 1000;
  const limit = new Timeout(30 * DAY_MS);
  const rejected = assertRejects(() => limit.run(() => sleep(Infinity)), TimeoutError);
  await time.tick(30 * DAY_MS - 1);
  assertEquals(limit.expired(), false);
  limit.reschedule(60 * DAY_MS);
  await time.tick(60 * DAY_MS - 1);
  assertEquals(limit.expired(), false);
  await time.tick(1);
  await rejected;
  assertEquals(time.timers, 0);
});

Deno.test("Timeout does not end early when its timer fires early", async () => {
  using time = new FakeTime();
  const limit = new Timeout(10);
  const rejected = assertRejects(() => limit.run(() => sleep(Infinity)), TimeoutError);
  await time.tick(9.5);
  time.skip(-0.75); // the clock and the timers of the platform do not agree to the fraction
  await time.tick(0.75);
  assertEquals(limit.expired(), false);
  await time.tick(2);
  await rejected;
});

// Limits in limits

Deno.test("timeout() in another with the same end: the outer one throws [cpython: TimeoutTests.test_nested_timeouts]", async () => {
  using time = new FakeTime();
  const when = performance.now() + 10;
  const [outer, inner] = [Timeout.at(when), Timeout.at(when)];
  let seen: unknown;
  const run = outer.run(() =>
    inner.run(() => sleep(10_000)).catch((error) => {
      seen = error;
      throw error;
    })
  );
  const rejected = assertRejects(() => run, TimeoutError);
  await settle();
  time.skip(10);
  time.fireDue();
  await rejected;
  assertInstanceOf(seen, CancelledError);
  assertEquals([outer.expired(), inner.expired()], [true, true]);
});

Deno.test("timeout() in another that is over first ends with it [cpython: TimeoutTests.test_nested_timeouts_concurrent]", async () => {
  using time = new FakeTime();
  const [outer, inner] = [new Timeout(2), new Timeout(100)];
  let seen: unknown;
  const run = outer.run(() =>
    inner.run(() => {
      time.skip(10); // computes, and the outer limit is over
      return sleep(1000);
    }).catch((error) => {
      seen = error;
      throw error;
    })
  );
  const rejected = assertRejects(() => run, TimeoutError, "The time of 2 ms is over");
  await time.tick(0);
  await rejected;
  assertInstanceOf(seen, CancelledError);
  assertEquals([outer.expired(), inner.expired()], [true, false]);
});

Deno.test("timeout() in another, both over after a busy loop: each throws its own [cpython: TimeoutTests.test_nested_timeouts_loop_busy]", async () => {
  using time = new FakeTime();
  let inner: unknown;
  const run = timeout(100, async () => {
    await timeout(10, () => {
      time.skip(100);
      return sleep(1000);
    }).catch((error) => inner = error);
    await sleep(10_000);
  });
  const rejected = assertRejects(() => run, TimeoutError, "The time of 100 ms is over");
  await time.tick(0);
  await rejected;
  assertInstanceOf(inner, TimeoutError);
  assertEquals(inner.message, "The time of 10 ms is over");
});

Deno.test("timeout() works in the cleaning up after another [cpython: TimeoutTests.test_nested_timeout_in_finally]", async () => {
  let inner: unknown;
  const run = timeout(1, async () => {
    try {
      await sleep(Infinity);
    } finally {
      inner = await timeout(2, () => sleep(Infinity)).catch((error) => error);
    }
  });
  await assertRejects(() => run, TimeoutError, "The time of 1 ms is over");
  assertInstanceOf(inner, TimeoutError);
  assertEquals(inner.message, "The time of 2 ms is over");
});

Deno.test("timeout() beside another in one task: each ends its own work", async () => {
  using time = new FakeTime();
  const task = spawn(() =>
    Promise.allSettled([
      timeout(10, () => sleep(1000)),
      timeout(20, () => sleep(15, { result: "done" })),
    ])
  );
  await time.tick(20);
  const [first, second] = await task;
  assertInstanceOf((first as PromiseRejectedResult).reason, TimeoutError);
  assertEquals(second, { status: "fulfilled", value: "done" });
});

// The cancellation of the task

Deno.test("timeout() passes the cancellation of the task on [cpython: TimeoutTests.test_foreign_cancel_doesnt_timeout_if_not_expired]", async () => {
  const limit = new Timeout(60_000);
  const task = spawn(() =>
    limit.run(async () => {
      currentTask()?.cancel("foreign");
      await sleep(Infinity);
    })
  );
  const error = await assertRejects(async () => await task, CancelledError);
  assertEquals([error.cause, limit.expired(), task.cancelled()], ["foreign", false, true]);
});

Deno.test("timeout() works after a cancellation that was caught [cpython: TimeoutTests.test_timeout_after_cancellation]", async () => {
  const task = spawn(async () => {
    currentTask()?.cancel();
    await assertRejects(() => sleep(1), CancelledError);
    await assertRejects(() => timeout(0, () => sleep(Infinity)), TimeoutError);
    await assertRejects(() => timeout(1, () => sleep(Infinity)), TimeoutError);
    return "cleaned up";
  });
  assertEquals(await task, "cleaned up");
});

Deno.test("timeout() passes a new cancellation on after one that was caught [cpython: TimeoutTests.test_cancel_in_timeout_after_cancellation]", async () => {
  const task = spawn(async () => {
    currentTask()?.cancel("first");
    await assertRejects(() => sleep(1), CancelledError);
    return await timeout(60_000, async () => {
      currentTask()?.cancel("second");
      await sleep(Infinity);
    });
  });
  assertEquals((await assertRejects(async () => await task, CancelledError)).cause, "second");
});

Deno.test("timeout() that is over in the moment in which the task is cancelled: the task is cancelled", async () => {
  for (const takesSignal of [false, true]) {
    for (const isCancelledFirst of [false, true]) {
      using time = new FakeTime();
      const limit = new Timeout(10);
      const work = () => limit.run(() => sleep(1000));
      const task = spawn(takesSignal ? (_signal) => work() : work);
      await settle();
      time.skip(10);
      if (isCancelledFirst) task.cancel("now");
      time.fireDue();
      if (!isCancelledFirst) task.cancel("now");
      const error = await assertRejects(async () => await task, CancelledError);
      assertEquals([error.cause, limit.expired(), task.cancelled()], ["now", true, true]);
      assertEquals(time.timers, 0);
    }
  }
});

Deno.test("timeout() that is over while the task is cancelled between two waits: it is told of it once", async () => {
  using time = new FakeTime();
  const { foreign } = createGates("foreign");
  const seen: unknown[] = [];
  const task = spawn(async () => {
    try {
      await timeout(10, async () => {
        await foreign.wait();
        await sleep(1000);
      });
    } catch (error) {
      seen.push((error as Error).cause);
    }
    await sleep(0);
    return "went on";
  });
  await time.tick(10);
  task.cancel("now");
  foreign.open();
  await time.tick(0);
  assertEquals([await task, seen], ["went on", ["now"]]);
});

Deno.test("timeout() that is over after the work has heard of the cancellation: that is thrown", async () => {
  using time = new FakeTime();
  const { cleaned } = createGates("cleaned");
  const task = spawn(() => timeout(10, () => hang().finally(() => cleaned.wait())));
  await settle();
  task.cancel("now");
  await time.tick(20);
  await assertPending(task);
  cleaned.open();
  assertEquals((await assertRejects(async () => await task, CancelledError)).cause, "now");
});

Deno.test("timeout() whose work has caught the cancellation of the task still ends it", async () => {
  using time = new FakeTime();
  const task = spawn(() => timeout(10, () => hang().catch(() => sleep(Infinity))));
  const rejected = assertRejects(async () => await task, TimeoutError);
  await settle();
  task.cancel();
  await time.tick(10);
  await rejected;
});

Deno.test("timeout() in a task that is cancelled later leaves the cancellation whole", async () => {
  const seen: string[] = [];
  const task = spawn(async () => {
    await timeout(1, () => hang()).catch((error) => seen.push(error.name));
    await hang().catch((error) => seen.push(error.name));
    await timeout(1, () => hang()).catch((error) => seen.push(error.name));
    return seen;
  });
  while (seen.length === 0) await settle();
  task.cancel();
  assertEquals(await task, ["TimeoutError", "CancelledError", "TimeoutError"]);
});

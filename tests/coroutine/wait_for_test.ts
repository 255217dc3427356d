import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  CancelledError,
  currentTask,
  InvalidStateError,
  Queue,
  shield,
  sleep,
  spawn,
  type Task,
  TimeoutError,
  waitFor,
} from "../../coroutine/mod.ts";
import { FakeTime } from "../support/fake_time.ts";
import { createGates } from "../support/gate.ts";
import { countListeners } from "../support/listeners.ts";
import { assertPending, settle } from "../support/settle.ts";
import { hang } from "./_task_work.ts";

const LIMIT_MS = 100;

// What is waited for

Deno.test("waitFor() without a limit waits for as long as it takes [cpython: AsyncioWaitForTest.test_wait_for_blocking]", async () => {
  const { end } = createGates("end");
  const waiting = waitFor(() => end.wait().then(() => "done"));
  await assertPending(waiting);
  end.open();
  assertEquals(await waiting, "done");
});

Deno.test("waitFor() waits for a task, a function and a promise, and throws what they throw", async () => {
  const error = new Error("fails");
  for (const options of [{}, { timeoutMs: 60_000 }]) {
    assertEquals(await waitFor(spawn(() => 1), options), 1);
    assertEquals(await waitFor(() => 2, options), 2);
    assertEquals(await waitFor(Promise.resolve(3), options), 3);
    for (const failing of [spawn(() => Promise.reject(error)), () => Promise.reject(error)]) {
      assertStrictEquals(await assertRejects(() => waitFor(failing, options)), error);
    }
    assertStrictEquals(await assertRejects(() => waitFor(Promise.reject(error), options)), error);
  }
});

Deno.test("waitFor() gives a function the signal of its task", async () => {
  let aborted: boolean | undefined;
  const run = waitFor((signal) => {
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        aborted = signal.aborted;
        reject(new DOMException("Stopped", "AbortError"));
      });
    });
  }, { timeoutMs: 1 });
  await assertRejects(() => run, TimeoutError);
  assertEquals(aborted, true);
});

Deno.test("waitFor() refuses what cannot be waited for, and options, before anything starts", async () => {
  let began = false;
  const work = () => began = true;
  const wrong = 5 as unknown as () => void;
  await assertRejects(() => waitFor(wrong), TypeError, "Cannot wait: expected a task, a function");
  await assertRejects(() => waitFor(work, { timeoutMs: -1 }), RangeError);
  await assertRejects(() => waitFor(work, { timeoutMs: NaN }), RangeError);
  const reason = new Error("before");
  const signal = AbortSignal.abort(reason);
  assertStrictEquals(await assertRejects(() => waitFor(work, { signal })), reason);
  const task = spawn(() => hang());
  assertStrictEquals(await assertRejects(() => waitFor(task, { signal })), reason);
  await settle();
  assertEquals([began, task.done()], [false, false]);
  task.cancel();
});

Deno.test("waitFor() is refused to a task that would wait for itself", async () => {
  const task: Task<void> = spawn(async () => {
    await waitFor(currentTask()!);
  }, { name: "me" });
  await assertRejects(
    async () => await task,
    InvalidStateError,
    "Cannot wait for me: it would wait for itself",
  );
});

// The time is over

Deno.test("waitFor() cancels the task when the time is over [cpython: AsyncioWaitForTest.test_wait_for]", async () => {
  using time = new FakeTime();
  const seen: unknown[] = [];
  const task = spawn(() => hang(seen));
  const waiting = waitFor(task, { timeoutMs: 100 });
  const rejected = assertRejects(() => waiting, TimeoutError, "The time of 100 ms is over");
  await time.tick(99);
  assertEquals(task.done(), false);
  await time.tick(1);
  await rejected;
  assertEquals([task.cancelled(), seen, time.timers], [true, ["task"], 0]);
});

Deno.test("waitFor() lets a task that was cancelled clean up [cpython: AsyncioWaitForTest.test_asyncio_wait_for_timeout, AsyncioWaitForTest.test_wait_for_waits_for_task_cancellation]", async () => {
  const { cleaned } = createGates("cleaned");
  let done = false;
  const waiting = waitFor(async () => {
    try {
      await sleep(Infinity);
    } finally {
      await cleaned.wait();
      done = true;
    }
  }, { timeoutMs: 1 });
  const rejected = assertRejects(() => waiting, TimeoutError);
  await assertPending(rejected);
  cleaned.open();
  const { cause } = await rejected;
  assertInstanceOf(cause, CancelledError);
  assert(done);
});

Deno.test("waitFor() of 0 gives the result of what has ended [cpython: AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0_future_done]", async () => {
  const task = spawn(() => "done");
  await task;
  assertEquals(await waitFor(task, { timeoutMs: 0 }), "done");
  assertEquals(await waitFor(Promise.resolve("settled"), { timeoutMs: 0 }), "settled");
  const never = new Promise<void>(() => {});
  await assertRejects(() => waitFor(never, { timeoutMs: 0 }), TimeoutError);
  const cancelled = spawn(() => hang());
  cancelled.cancel();
  await assertRejects(() => waitFor(cancelled, { timeoutMs: 0 }), CancelledError);
});

Deno.test("waitFor() of 0 does not wait at all", async () => {
  const queue = new Queue<string>();
  const task = spawn(() => queue.get());
  await settle();
  queueMicrotask(() => queue.putNowait("too late"));
  await assertRejects(() => waitFor(task, { timeoutMs: 0 }), TimeoutError);
  assertEquals([task.cancelled(), queue.qsize()], [true, 1]);
});

Deno.test("waitFor() of 0 does not start a function [cpython: AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0_coroutine_do_not_started]", async () => {
  let began = false;
  const work = () => began = true;
  await assertRejects(
    () => waitFor(work, { timeoutMs: 0 }),
    TimeoutError,
    "The time of 0 ms is over",
  );
  await settle();
  assertEquals(began, false);
});

Deno.test("waitFor() of 0 cancels a task that runs [cpython: AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0]", async () => {
  const seen: unknown[] = [];
  const task = spawn(() => hang(seen));
  await settle();
  await assertRejects(() => waitFor(task, { timeoutMs: 0 }), TimeoutError);
  assertEquals([task.cancelled(), seen], [true, ["task"]]);
});

Deno.test("waitFor() of 0 waits for a cancelled task to clean up [cpython: AsyncioWaitForTest.test_wait_for_waits_for_task_cancellation_w_timeout_0]", async () => {
  const { cleaned } = createGates("cleaned");
  const task = spawn(() => hang().finally(() => cleaned.wait()));
  await settle();
  const rejected = assertRejects(() => waitFor(task, { timeoutMs: 0 }), TimeoutError);
  await assertPending(rejected);
  cleaned.open();
  assertInstanceOf((await rejected).cause, CancelledError);
});

Deno.test("waitFor() gives a result that comes together with the end of the time [cpython: AsyncioWaitForTest.test_wait_for_race_condition]", async () => {
  using time = new FakeTime();
  for (const isFirst of [true, false]) {
    const { promise, resolve } = Promise.withResolvers<string>();
    const answer = () => setTimeout(resolve, LIMIT_MS, "ok");
    if (isFirst) answer();
    const waiting = waitFor(() => promise, { timeoutMs: LIMIT_MS });
    if (!isFirst) answer();
    await settle();
    time.skip(LIMIT_MS);
    time.fireDue();
    // A task whose promise is kept in the very moment has not looked yet, and is not in a wait.
    assertEquals([await waiting, time.timers], ["ok", 0]);
  }
});

Deno.test("waitFor() gives what a task returns while it is cancelled [cpython: AsyncioWaitForTest.test_wait_for_cancellation_race_condition, AsyncioWaitForTest.test_wait_for_cancel_suppressed]", async () => {
  assertEquals(await waitFor(() => hang().catch(() => 42), { timeoutMs: 1 }), 42);
  const task = spawn(() => waitFor(() => hang().catch(() => 42)));
  await settle();
  task.cancel();
  assertEquals([await task, task.cancelled()], [42, false]);
});

Deno.test("waitFor() throws what a task throws while it is cancelled [cpython: AsyncioWaitForTest.test_wait_for_reraises_exception_during_cancellation]", async () => {
  const error = new Error("cleaning up");
  const work = () => hang().finally(() => Promise.reject(error));
  assertStrictEquals(await assertRejects(() => waitFor(work, { timeoutMs: 1 })), error);
});

Deno.test("waitFor() passes on the CancelledError of a task that was cancelled by others", async () => {
  const task = spawn(() => hang());
  const waiting = waitFor(task, { timeoutMs: 60_000 });
  await settle();
  task.cancel("others");
  assertEquals((await assertRejects(() => waiting, CancelledError)).cause, "others");
});

Deno.test("waitFor() stops waiting for a promise at once, and answers for its rejection", async () => {
  const { promise, reject } = Promise.withResolvers<string>();
  await assertRejects(() => waitFor(promise, { timeoutMs: 1 }), TimeoutError);
  reject(new Error("nobody is told"));
  await settle();
});

Deno.test("waitFor() takes a time beyond the longest timer as no limit", async () => {
  using time = new FakeTime();
  const { end } = createGates("end");
  const waiting = waitFor(() => end.wait(), { timeoutMs: 2 ** 31 });
  await time.tick(10);
  assertEquals(time.timers, 0);
  end.open();
  await waiting;
});

// The cancellation of the one who waits

Deno.test("waitFor() that is cancelled cancels the task and waits for it [cpython: AsyncioWaitForTest.test_asyncio_wait_for_cancelled]", async () => {
  const { cleaned } = createGates("cleaned");
  const inner = spawn(() => hang().finally(() => cleaned.wait()));
  const task = spawn(() => waitFor(inner, { timeoutMs: 60_000 }));
  await settle();
  task.cancel("enough");
  await assertPending(task);
  cleaned.open();
  assertEquals((await assertRejects(async () => await task, CancelledError)).cause, "enough");
  assert(inner.cancelled());
});

Deno.test("waitFor() that is cancelled, with a limit and without [cpython: AsyncioWaitForTest.test_cancel_blocking_wait_for, AsyncioWaitForTest.test_cancel_wait_for]", async () => {
  for (const timeoutMs of [undefined, 60_000]) {
    const inner = spawn(() => waitFor(new Promise<never>(() => {})));
    const task = spawn(() => waitFor(inner, { timeoutMs }));
    queueMicrotask(() => task.cancel());
    await assertRejects(async () => await task, CancelledError);
    assert(inner.cancelled());
  }
});

Deno.test("waitFor() that is cancelled just when the task has ended is cancelled, and the result is kept [cpython: AsyncioWaitForTest.test_wait_for_issue86296]", async () => {
  let went = false;
  const inner = spawn(() => "kept");
  inner.addDoneCallback(() => {});
  const task = spawn(async () => {
    await waitFor(inner, { timeoutMs: 60_000 });
    went = true;
  });
  // In the microtask in which the inner task ends, and before the other has seen it.
  queueMicrotask(() => {
    assert(inner.done());
    assert(task.cancel());
  });
  await assertRejects(async () => await task, CancelledError);
  assertEquals([went, inner.result()], [false, "kept"]);
});

Deno.test("waitFor() after a cancellation that waits for the next wait starts nothing", async () => {
  let began = false;
  const inner = spawn(() => hang());
  const [first, second] = [
    () => waitFor(() => began = true),
    () => waitFor(inner, { timeoutMs: 60_000 }),
  ].map((wait) =>
    spawn(async () => {
      currentTask()?.cancel("before");
      await wait();
    })
  );
  for (const task of [first!, second!]) {
    assertEquals((await assertRejects(async () => await task, CancelledError)).cause, "before");
  }
  await settle();
  assertEquals([began, inner.cancelled()], [false, true]);
});

Deno.test("waitFor() whose signal aborts cancels the task, throws the reason and leaves no listener", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = countListeners(signal);
  await waitFor(() => 1, { signal });
  await assertRejects(() => waitFor(() => hang(), { signal, timeoutMs: 1 }), TimeoutError);
  assertEquals(listeners.count, 0);
  const reason = new Error("enough");
  const seen: unknown[] = [];
  const task = spawn(() => hang(seen));
  const waiting = waitFor(task, { signal, timeoutMs: 60_000 });
  await assertPending(waiting);
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => waiting), reason);
  assertEquals([task.cancelled(), seen, listeners.count], [true, ["task"], 0]);
});

Deno.test("waitFor() whose time ends in the moment of the cancellation: it is cancelled", async () => {
  for (const isCancelledFirst of [false, true]) {
    using time = new FakeTime();
    const task = spawn(() => waitFor(() => hang(), { timeoutMs: 10 }));
    await settle();
    time.skip(10);
    if (isCancelledFirst) task.cancel("now");
    time.fireDue();
    if (!isCancelledFirst) task.cancel("now");
    const error = await assertRejects(async () => await task, CancelledError);
    assertEquals([error.cause, time.timers], ["now", 0]);
  }
});

// With shield()

Deno.test("waitFor() of a shield, 0 ms: what is shielded goes on [cpython: WaitForShieldTests.test_zero_timeout]", async () => {
  const { end } = createGates("end");
  const inner = spawn(() => end.wait().then(() => "done"));
  await assertRejects(() => waitFor(shield(inner), { timeoutMs: 0 }), TimeoutError);
  assertEquals(inner.done(), false);
  end.open();
  assertEquals(await inner, "done");
});

Deno.test("waitFor() of a shield without a limit waits [cpython: WaitForShieldTests.test_none_timeout]", async () => {
  const { end } = createGates("end");
  const inner = spawn(() => end.wait().then(() => "done"));
  const waiting = waitFor(shield(inner));
  await assertPending(waiting);
  end.open();
  assertEquals(await waiting, "done");
});

Deno.test("waitFor() of a shield whose time is over: what is shielded can be awaited later [cpython: WaitForShieldTests.test_shielded_timeout]", async () => {
  const { end } = createGates("end");
  const inner = spawn(() => end.wait().then(() => "done"));
  await assertRejects(() => waitFor(shield(inner), { timeoutMs: 1 }), TimeoutError);
  assertEquals([inner.done(), inner.cancelling()], [false, 0]);
  end.open();
  assertEquals(await inner, "done");
});

// Types

Deno.test("waitFor() has the type of what it waits for", async () => {
  const task: string = await waitFor(spawn(() => "task"));
  const called: number = await waitFor(async (signal) =>
    await Promise.resolve(Number(signal.aborted))
  );
  const promise: boolean = await waitFor(Promise.resolve(true));
  // @ts-expect-error: it is a text
  const wrong: number = await waitFor(() => "text");
  assertEquals<unknown[]>([task, called, promise, wrong], ["task", 0, true, "text"]);
});

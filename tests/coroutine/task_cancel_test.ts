import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { CancelledError, currentTask, sleep, spawn, type Task } from "../../coroutine/mod.ts";
import { Scope } from "../../coroutine/_scope.ts";
import { FakeTime } from "../support/fake_time.ts";
import { createGates } from "../support/gate.ts";
import { settle } from "../support/settle.ts";
import { cancellationOf, hang } from "./_task_work.ts";

// Asking

Deno.test("Task.cancel() ends a task that waits; again is false [cpython: BaseTaskTests.test_cancel]", async () => {
  const task = spawn(() => sleep(Infinity));
  await settle();
  assertEquals(task.cancel(), true);
  const error = await cancellationOf(task);
  assertEquals(error.message, `${task.name} was cancelled`);
  assertEquals([task.done(), task.cancelled(), task.cancel()], [true, true, false]);
});

Deno.test("Task.cancel() of a task that has ended is false and changes nothing", async () => {
  const task = spawn(() => 1);
  await task;
  assertEquals([task.cancel(), task.cancelled(), task.cancelling(), task.result()], [
    false,
    false,
    0,
    1,
  ]);
});

Deno.test("Task.cancel() before the start: the function never runs, the reason is kept [cpython: BaseTaskTests.test_cancel_with_message_before_starting_task]", async () => {
  let hasRun = false;
  const task = spawn(() => hasRun = true);
  task.cancel("too late");
  assertEquals([task.done(), task.cancelled()], [true, true]);
  assertEquals((await cancellationOf(task)).cause, "too late");
  await settle();
  assertEquals(hasRun, false);
});

Deno.test("Task.cancel() passes its reason on as the cause, to result() and exception() too [cpython: BaseTaskTests.test_task_cancel_message_getter, BaseTaskTests.test_cancel_with_message_then_future_result, BaseTaskTests.test_cancel_with_message_then_future_exception]", async () => {
  for (const reason of ["my message", 5, new Error("why"), null]) {
    const task = spawn(() => hang());
    const outer = spawn(async () => await task);
    await settle();
    outer.cancel(reason);
    assertStrictEquals((await cancellationOf(outer)).cause, reason);
    assertStrictEquals(assertThrows(() => task.result(), CancelledError).cause, reason);
    assertStrictEquals(assertThrows(() => task.exception(), CancelledError).cause, reason);
    assertStrictEquals(assertThrows(() => outer.result()), assertThrows(() => task.result()));
  }
});

Deno.test("Task.cancel() without a reason has no cause, and passes a CancelledError on as it is", async () => {
  const task = spawn(() => hang());
  await settle();
  task.cancel();
  assertEquals("cause" in await cancellationOf(task), false);
  const error = new CancelledError("mine");
  const other = spawn(() => hang());
  await settle();
  other.cancel(error);
  assertStrictEquals(await cancellationOf(other), error);
});

Deno.test("Task.cancel() reaches a sleep of 0 [cpython: BaseTaskTests.test_cancel_yield]", async () => {
  const seen: number[] = [];
  const task = spawn(async () => {
    for (let turn = 0; turn < 100; turn++) {
      await sleep(0);
      seen.push(turn);
    }
  });
  await settle();
  task.cancel();
  await cancellationOf(task);
  assert(seen.length < 100);
});

Deno.test("Task.cancel() clears the timer of what sleeps [cpython: BaseTaskTests.test_task_cancel_sleeping_task, BaseTaskTests.test_sleep_cancel]", async () => {
  using time = new FakeTime();
  const task = spawn(() => sleep(10_000, { result: "slept" }));
  await settle();
  assertEquals(time.timers, 1);
  task.cancel();
  assertEquals(time.timers, 0);
  await cancellationOf(task);
});

// What the function may do

Deno.test("Task that catches its cancellation and returns is not cancelled [cpython: BaseTaskTests.test_cancel_task_catching]", async () => {
  const task = spawn(async () => {
    try {
      return await sleep(Infinity, { result: "slept" });
    } catch {
      return "caught";
    }
  });
  await settle();
  assertEquals(task.cancel(), true);
  assertEquals(await task, "caught");
  assertEquals([task.cancelled(), task.cancelling()], [false, 1]);
});

Deno.test("Task may go on to wait after its cancellation [cpython: BaseTaskTests.test_cancel_task_ignoring]", async () => {
  const { end } = createGates("end");
  const other = spawn(() => end.wait().then(() => "other"));
  const task = spawn(async () => {
    await sleep(Infinity).catch(() => {});
    await sleep(0);
    return await other;
  });
  await settle();
  task.cancel();
  await settle();
  assertEquals(task.done(), false);
  end.open();
  assertEquals(await task, "other");
});

Deno.test("Task waits for its finally, in which waits work", async () => {
  const { end } = createGates("end");
  const seen: string[] = [];
  const task = spawn(async () => {
    try {
      await sleep(Infinity);
    } finally {
      await sleep(0);
      seen.push("slept");
      await spawn(() => end.wait());
      seen.push("done");
    }
  });
  await settle();
  task.cancel();
  await settle();
  assertEquals([seen, task.done()], [["slept"], false]);
  end.open();
  await cancellationOf(task);
  assertEquals(seen, ["slept", "done"]);
});

Deno.test("Task that throws something else while it is cancelled has failed [cpython: BaseTaskTests.test_baseexception_during_cancel]", async () => {
  const error = new Error("cleaning up failed");
  const task = spawn(async () => {
    try {
      await sleep(Infinity);
    } catch {
      throw error;
    }
  });
  await settle();
  task.cancel();
  assertStrictEquals(await assertRejects(async () => await task), error);
  assertEquals([task.cancelled(), task.exception()], [false, error]);
});

Deno.test("Task may keep the CancelledError as the cause of its own error [cpython: BaseTaskTests.test_cancellation_exception_context]", async () => {
  const task = spawn(async () => {
    try {
      await sleep(Infinity);
    } catch (cause) {
      throw new Error("stopped", { cause });
    }
  });
  await settle();
  task.cancel("my message");
  const { cause } = await assertRejects(async () => await task, Error, "stopped");
  assert(cause instanceof CancelledError);
  assertEquals(cause.cause, "my message");
});

Deno.test("Task that throws a CancelledError of its own is cancelled", async () => {
  const task = spawn(() => Promise.reject(new CancelledError("enough")));
  await cancellationOf(task);
  assertEquals([task.cancelled(), task.cancelling()], [true, 0]);
});

// Cancelling itself, and between two waits

Deno.test("Task that cancels itself is cancelled at its next wait [cpython: BaseTaskTests.test_cancel_current_task]", async () => {
  const seen: string[] = [];
  const task = spawn(async () => {
    currentTask()?.cancel();
    seen.push("before");
    await sleep(Infinity);
    seen.push("after");
  });
  await cancellationOf(task);
  assertEquals(seen, ["before"]);
});

Deno.test("Task that cancels itself and does not wait again is cancelled at its end [cpython: BaseTaskTests.test_cancel_at_end]", async () => {
  for (const end of [() => 12, async () => await Promise.resolve(12)]) {
    const task = spawn(() => {
      currentTask()?.cancel("at end");
      return end();
    });
    assertEquals((await cancellationOf(task)).cause, "at end");
    assertEquals(task.cancelled(), true);
  }
});

Deno.test("Task that others cancel when no wait is left has its result: nothing that it took is lost", async () => {
  const { go } = createGates("go");
  const task = spawn(async () => {
    await go.wait();
    return "result";
  });
  await settle();
  assertEquals(task.cancel(), true);
  go.open();
  assertEquals(await task, "result");
});

Deno.test("Task that is cancelled between two waits fails at the next one, once", async () => {
  const { go } = createGates("go");
  const seen: unknown[] = [];
  const task = spawn(async () => {
    await go.wait();
    for (let turn = 0; turn < 2; turn++) {
      await sleep(0).then(() => seen.push("slept"), (error) => seen.push(error.name));
    }
  });
  await settle();
  task.cancel();
  go.open();
  await task;
  assertEquals(seen, ["CancelledError", "slept"]);
});

Deno.test("Two cancellations that come before the task can look are one", async () => {
  for (const take of [() => hang(), (_signal: AbortSignal) => hang()]) {
    const seen: string[] = [];
    const task = spawn(async (signal) => {
      try {
        await take(signal);
      } finally {
        await sleep(0).then(() => seen.push("cleaned"), () => seen.push("disturbed"));
      }
    });
    await settle();
    assertEquals([task.cancel("first"), task.cancel("second"), task.cancelling()], [true, true, 2]);
    assertEquals((await cancellationOf(task)).cause, "first");
    assertEquals(seen, ["cleaned"]);
  }
});

Deno.test("A second cancellation reaches the cleaning up of the first", async () => {
  for (const take of [0, 1]) {
    const seen: string[] = [];
    const work = async () => {
      try {
        await hang(seen, "work");
      } finally {
        await hang(seen, "cleaning up").catch(() => {});
      }
    };
    const task = take === 0 ? spawn(work) : spawn((_signal) => work());
    await settle();
    task.cancel();
    await settle();
    assertEquals(seen, ["work"]);
    task.cancel();
    await cancellationOf(task);
    assertEquals(seen, ["work", "cleaning up"]);
  }
});

// Counting

Deno.test("Task.cancelling() counts the requests [cpython: BaseTaskTests.test_cancelling]", async () => {
  const task = spawn(() => hang());
  await settle();
  assertEquals(task.cancelling(), 0);
  assertEquals([task.cancel(), task.cancelling()], [true, 1]);
  assertEquals([task.cancel(), task.cancelling()], [true, 2]);
  await cancellationOf(task);
  assertEquals([task.cancel(), task.cancelling()], [false, 2]);
});

Deno.test("Task.uncancel() takes one request back; the task goes on, and can be cancelled again [cpython: BaseTaskTests.test_uncancel_basic]", async () => {
  const { go, end } = createGates("go", "end");
  const task: Task<string[]> = spawn(async () => {
    const seen: string[] = [];
    await sleep(Infinity).catch(() => seen.push("first"));
    seen.push(`${currentTask()?.uncancel()}`);
    go.open();
    await sleep(Infinity).catch(() => seen.push("second"));
    end.open();
    return seen;
  });
  await settle();
  task.cancel();
  await go.wait();
  assertEquals(task.cancelling(), 0);
  task.cancel();
  await end.wait();
  assertEquals([await task, task.cancelling(), task.cancelled()], [
    ["first", "0", "second"],
    1,
    false,
  ]);
  assertEquals([task.uncancel(), task.uncancel()], [0, 0]);
});

Deno.test("Task.uncancel() takes back a request that nobody has heard", async () => {
  const task = spawn(async () => {
    const itself = currentTask();
    itself?.cancel();
    itself?.uncancel();
    await sleep(0);
    return itself?.signal.aborted;
  });
  assertEquals(await task, false);
});

Deno.test("Task.uncancel() of a task that never started changes nothing", async () => {
  const task = spawn(() => "ran");
  task.cancel();
  assertEquals([task.uncancel(), task.cancelling(), task.cancelled()], [0, 0, true]);
  await assertRejects(async () => await task, CancelledError);
});

Deno.test("Task.cancel() and uncancel() are enough to build a time limit [cpython: BaseTaskTests.test_uncancel_structured_blocks]", async () => {
  /** Whether the time was over. */
  async function within(limit: Promise<unknown>, work: () => Promise<unknown>): Promise<boolean> {
    const task = currentTask();
    const before = task?.cancelling();
    let isOver = false;
    limit.then(() => isOver = task?.cancel() ?? false);
    try {
      await work();
    } catch (error) {
      if (!(error instanceof CancelledError) || !isOver) throw error;
    }
    return isOver && task?.uncancel() === before;
  }
  const { inner, outer } = createGates("inner", "outer");
  const task = spawn(async () => {
    const seen: boolean[] = [];
    seen.push(
      await within(outer.wait(), async () => {
        seen.push(await within(inner.wait(), () => sleep(Infinity)));
        await sleep(0);
        seen.push(true);
        await sleep(Infinity);
      }),
    );
    await sleep(0);
    return seen;
  });
  await settle();
  inner.open();
  await settle();
  outer.open();
  assertEquals([await task, task.cancelling()], [[true, true, true], 0]);
});

// Through signals

Deno.test("spawn() with a signal: the task is cancelled when it aborts, with the reason as cause", async () => {
  const controller = new AbortController();
  const task = spawn(() => hang(), { signal: controller.signal });
  await settle();
  controller.abort("enough");
  assertEquals((await cancellationOf(task)).cause, "enough");
  let hasRun = false;
  const late = spawn(() => hasRun = true, { signal: controller.signal });
  assertEquals((await cancellationOf(late)).cause, "enough");
  assertEquals(hasRun, false);
});

Deno.test("spawn() with a signal that aborts when the task has ended changes nothing", async () => {
  const controller = new AbortController();
  const task = spawn(() => 1, { signal: controller.signal });
  await task;
  controller.abort();
  assertEquals([task.cancelled(), task.cancelling(), await task], [false, 0, 1]);
});

Deno.test("Task ends as cancelled when the AbortError of a cancelled signal passes through it", async () => {
  const task = spawn(async (signal) => {
    await new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(new DOMException("stop", "AbortError")))
    );
  });
  await settle();
  task.cancel("why");
  assertEquals((await cancellationOf(task)).cause, "why");
  const other = spawn(() => Promise.reject(new DOMException("stop", "AbortError")));
  await assertRejects(async () => await other, DOMException);
  assertEquals(other.cancelled(), false);
});

Deno.test("Scope.cancel() does not tell a wait that another one has ended meanwhile", () => {
  const scope = new Scope(undefined);
  const told: string[] = [];
  let leaveSecond = () => {};
  const leaveFirst = scope.enter(() => {
    told.push("first");
    leaveSecond();
  });
  leaveSecond = scope.enter(() => told.push("second"));
  scope.cancel("why");
  leaveFirst();
  assertEquals(told, ["first"]);
});

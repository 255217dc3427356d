import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  CancelledError,
  InvalidStateError,
  Queue,
  sleep,
  spawn,
  TaskGroup,
  Timeout,
  timeout,
  TimeoutError,
  waitFor,
} from "../../coroutine/mod.ts";
import { FakeTime } from "../support/fake_time.ts";
import { createGates } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";
import { hang } from "./_task_work.ts";

// The time is over

Deno.test("timeout() throws TimeoutError when the time is over [cpython: TimeoutTests.test_timeout_basic]", async () => {
  using time = new FakeTime();
  const limit = new Timeout(10);
  const run = limit.run(() => sleep(10_000));
  await time.tick(9);
  assertEquals([limit.expired(), time.timers], [false, 2]);
  const rejected = assertRejects(() => run, TimeoutError, "The time of 10 ms is over");
  await time.tick(1);
  assertInstanceOf((await rejected).cause, CancelledError);
  assertEquals([limit.expired(), time.timers], [true, 0]);
});

Deno.test("Timeout.at() ends at a moment [cpython: TimeoutTests.test_timeout_at_basic]", async () => {
  using time = new FakeTime();
  const when = performance.now() + 10;
  const limit = Timeout.at(when);
  const run = limit.run(() => sleep(10_000));
  assertEquals(limit.when(), when);
  const rejected = assertRejects(
    () => run,
    TimeoutError,
    `The time of the moment ${when} ms is over`,
  );
  await time.tick(10);
  await rejected;
  assertEquals([limit.expired(), limit.when()], [true, when]);
});

Deno.test("Timeout.run() shows the work a CancelledError [cpython: TimeoutTests.test_waiter_cancelled]", async () => {
  const seen: unknown[] = [];
  await assertRejects(() => timeout(1, () => hang(seen)), TimeoutError);
  assertEquals(seen, ["task"]);
});

Deno.test("Timeout.run() gives what the work gives in time [cpython: TimeoutTests.test_timeout_not_called]", async () => {
  using time = new FakeTime();
  const limit = new Timeout(10_000);
  assertEquals(limit.when(), null);
  const run = limit.run(() => sleep(10, { result: "done" }));
  await time.tick(10);
  assertEquals(await run, "done");
  assertEquals([limit.expired(), limit.when(), time.timers], [false, 11_000, 0]);
});

Deno.test("Timeout without a limit never ends the work [cpython: TimeoutTests.test_timeout_disabled, TimeoutTests.test_timeout_at_disabled]", async () => {
  using time = new FakeTime();
  for (const limit of [new Timeout(null), Timeout.at(null), new Timeout(Infinity)]) {
    const run = limit.run(() => sleep(1e9, { result: 1 }));
    assertEquals(time.timers, 1);
    await time.tick(1e9);
    assertEquals([await run, limit.expired()], [1, false]);
  }
  assertEquals(Timeout.at(null).when(), null);
});

Deno.test("timeout() of 0 ends the work with its first wait [cpython: TimeoutTests.test_timeout_zero, TimeoutTests.test_timeout_zero_sleep_zero]", async () => {
  for (const delayMs of [10_000, 0]) {
    const limit = new Timeout(0);
    const before = performance.now();
    let began = false;
    await assertRejects(() =>
      limit.run(() => {
        began = true;
        return sleep(delayMs);
      }), TimeoutError);
    assertEquals([began, limit.expired()], [true, true]);
    assert(before <= limit.when()! && limit.when()! <= performance.now());
  }
});

Deno.test("timeout() of 0 ends work that takes the signal with its first wait", async () => {
  let aborted: boolean | undefined;
  await assertRejects(() =>
    timeout(0, async (signal) => {
      aborted = signal.aborted;
      await sleep(Infinity);
    }), TimeoutError);
  assertEquals(aborted, true);
});

Deno.test("Timeout.at() a moment that has passed ends the work with its first wait [cpython: TimeoutTests.test_timeout_in_the_past_sleep_zero]", async () => {
  for (const when of [performance.now() - 11, -1, -Infinity]) {
    const limit = Timeout.at(when);
    await assertRejects(() => limit.run(() => sleep(0)), TimeoutError);
    assertEquals([limit.expired(), limit.when()], [true, when]);
  }
});

Deno.test("timeout() of 0 lets work that does not wait have its result", async () => {
  assertEquals(await timeout(0, () => 1), 1);
  assertEquals(await timeout(0, async () => await Promise.resolve(2)), 2);
});

Deno.test("Timeout.run() waits for work that ignores the cancellation, and gives its result", async () => {
  using time = new FakeTime();
  const { end } = createGates("end");
  const limit = new Timeout(10);
  const run = limit.run(async () => {
    await end.wait();
    return "nevertheless";
  });
  await time.tick(20);
  assertEquals([limit.expired(), limit.toString()], [true, "Timeout { expiring, 10 ms }"]);
  await assertPending(run);
  end.open();
  assertEquals([await run, limit.expired()], ["nevertheless", true]);
});

Deno.test("Timeout.run() gives the result of work that catches the cancellation", async () => {
  assertEquals(await timeout(1, () => hang().catch(() => "caught")), "caught");
});

Deno.test("Timeout.run() ends work between two waits with the next one", async () => {
  using time = new FakeTime();
  const { foreign } = createGates("foreign");
  const run = timeout(10, async () => {
    await foreign.wait();
    await new Queue<string>().get();
  });
  await time.tick(10);
  const rejected = assertRejects(() => run, TimeoutError);
  foreign.open();
  await rejected;
});

// Signals

Deno.test("timeout() tells the work's signal, which need not pass the reason on", async () => {
  for (const passesOn of [true, false]) {
    let reason: unknown;
    const fetchLike = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => {
          reason = signal.reason;
          reject(passesOn ? reason : new DOMException("The operation was aborted", "AbortError"));
        });
      });
    const error = await assertRejects(() => timeout(1, fetchLike), TimeoutError);
    assertInstanceOf(reason, CancelledError);
    assertStrictEquals(error.cause, reason);
  }
});

Deno.test("timeout() lets work that answers to its signal wait in its cleaning up", async () => {
  const { cleaned } = createGates("cleaned");
  let done = false;
  const run = timeout(1, async (signal) => {
    try {
      await new Promise((_, reject) => signal.onabort = () => reject(signal.reason));
    } finally {
      await waitFor(cleaned.wait());
      done = true;
    }
  });
  const rejected = assertRejects(() => run, TimeoutError);
  await assertPending(rejected);
  cleaned.open();
  await rejected;
  assert(done);
});

Deno.test("timeout() passes on an AbortError that is not its own", async () => {
  const foreign = new DOMException("Another", "AbortError");
  assertStrictEquals(
    await assertRejects(() => timeout(60_000, () => Promise.reject(foreign))),
    foreign,
  );
});

Deno.test("timeout() ends a wait with a signal of its own through the signal", async () => {
  await assertRejects(() => timeout(1, (signal) => sleep(Infinity, { signal })), TimeoutError);
});

Deno.test("timeout() works outside every task, and in one, and leaves nothing there", async () => {
  await assertRejects(() => timeout(1, () => hang()), TimeoutError);
  const task = spawn(async () => {
    await assertRejects(() => timeout(1, () => hang()), TimeoutError);
    await sleep(0);
    return "went on";
  });
  assertEquals([await task, task.cancelling(), task.signal.aborted], ["went on", 0, false]);
});

Deno.test("timeout() in a task ends it normally when it is handled [cpython: TimeoutTests.test_outer_task_is_not_cancelled]", async () => {
  const task = spawn(() => timeout(1, () => hang()).catch((error) => error.name));
  assertEquals(await task, "TimeoutError");
  assertEquals([task.cancelled(), task.done()], [false, true]);
});

Deno.test("timeout() cancels a task that the work awaits, and waits for its end", async () => {
  const { cleaned } = createGates("cleaned");
  const task = spawn(() => hang().finally(() => cleaned.wait()));
  const run = timeout(1, async () => await task);
  const rejected = assertRejects(() => run, TimeoutError);
  await assertPending(rejected);
  cleaned.open();
  await rejected;
  assert(task.cancelled());
});

Deno.test("timeout() cancels a task that the work returns, and any work however it takes the signal", async () => {
  const task = spawn(() => hang());
  await assertRejects(() => timeout(1, () => task), TimeoutError);
  assert(task.cancelled());
  const fetchLike = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      signal.onabort = () => reject(new DOMException("Stopped", "AbortError"));
    });
  await assertRejects(
    () => timeout(1, (...args: [AbortSignal]) => fetchLike(...args)),
    TimeoutError,
  );
});

Deno.test("timeout() that is done leaves the cancellation of its task to the task", async () => {
  const { foreign } = createGates("foreign");
  let signal: AbortSignal | undefined;
  const task = spawn(async () => {
    await timeout(60_000, (given) => signal = given);
    await foreign.wait();
    await sleep(Infinity);
  });
  await settle();
  task.cancel();
  foreign.open();
  await assertRejects(async () => await task, CancelledError);
  assertEquals(signal?.aborted, false);
});

// Errors of the work

Deno.test("Timeout.run() passes other errors on [cpython: TimeoutTests.test_foreign_exception_passed]", async () => {
  const error = new Error("foreign");
  const limit = new Timeout(60_000);
  assertStrictEquals(await assertRejects(() => limit.run(() => Promise.reject(error))), error);
  assertEquals(limit.expired(), false);
  const thrower = new Timeout(60_000);
  const thrown = await assertRejects(() =>
    thrower.run(() => {
      throw error;
    })
  );
  assertStrictEquals(thrown, error);
  assertEquals(String(thrower), "Timeout { finished, 60000 ms }");
});

Deno.test("Timeout.run() throws what the work throws while it is cancelled [cpython: TimeoutTests.test_foreign_exception_on_timeout, TimeoutTests.test_foreign_exception_on_timeout_2]", async () => {
  const error = new Error("cleaning up");
  const limit = new Timeout(1);
  const run = limit.run(() =>
    hang().catch((cancelled) => {
      error.cause = cancelled; // languages that chain by themselves have it there
      throw error;
    })
  );
  assertStrictEquals(await assertRejects(() => run), error);
  assertInstanceOf(error.cause, CancelledError);
  assertEquals(limit.expired(), true);
});

Deno.test("TimeoutError has the CancelledError as its cause, also after another error [cpython: TimeoutTests.test_timeout_exception_context]", async () => {
  let seen: unknown;
  const error = await assertRejects(() =>
    timeout(1, async () => {
      try {
        throw new Error("before");
      } catch {
        await sleep(Infinity).catch((error) => {
          seen = error;
          throw error;
        });
      }
    }), TimeoutError);
  assertInstanceOf(error.cause, CancelledError);
  assertStrictEquals(error.cause, seen);
  assertEquals(error.cause.message, "The time of 1 ms is over");
});

Deno.test("timeout() around a TaskGroup throws the errors of its tasks [cpython: TimeoutTests.test_timeout_taskgroup]", async () => {
  const run = timeout(1, () =>
    TaskGroup.run((group) => {
      for (const n of [1, 2]) {
        group.spawn(() => hang().finally(() => Promise.reject(new Error(String(n)))));
      }
    }));
  const error = await assertRejects(() => run, AggregateError);
  assertEquals(error.errors.map(({ message }) => message), ["1", "2"]);
});

Deno.test("timeout() around a TaskGroup ends its tasks, though the work takes the signal", async () => {
  const { body } = createGates("body");
  const seen: unknown[] = [];
  const run = timeout(1, async (_signal) => {
    await TaskGroup.run(async (group) => {
      group.spawn(() => hang(seen));
      await body.wait();
    });
  });
  const rejected = assertRejects(() => run, TimeoutError);
  await assertPending(rejected);
  body.open();
  await rejected;
  assertEquals(seen, ["task"]);
});

// The text form

Deno.test("Timeout.toString() tells state and limit [cpython: TimeoutTests.test_repr_active, TimeoutTests.test_repr_expired, TimeoutTests.test_repr_finished, TimeoutTests.test_repr_disabled]", async () => {
  const limit = new Timeout(60_000);
  assertEquals(limit.toString(), "Timeout { created, 60000 ms }");
  await limit.run(() => assertEquals(Deno.inspect(limit), "Timeout { active, 60000 ms }"));
  assertEquals(limit.toString(), "Timeout { finished, 60000 ms }");
  const expired = new Timeout(1);
  await assertRejects(() => expired.run(() => hang()), TimeoutError);
  assertEquals(expired.toString(), "Timeout { expired, 1 ms }");
  const disabled = new Timeout(null);
  await disabled.run(() => assertEquals(String(disabled), "Timeout { active, no limit }"));
  assertEquals(String(Timeout.at(5)), "Timeout { created, the moment 5 ms }");
});

// Misuse

Deno.test("Timeout.run() is refused while it runs and afterwards [cpython: TimeoutTests.test_timeout_already_entered, TimeoutTests.test_timeout_double_enter]", async () => {
  const limit = new Timeout(60_000);
  const refused = "Cannot run under a timeout: it was used before and is";
  await limit.run(async () => {
    await assertRejects(() => limit.run(() => 1), InvalidStateError, `${refused} active`);
  });
  await assertRejects(() => limit.run(() => 1), InvalidStateError, `${refused} finished`);
});

Deno.test("Timeout.reschedule() is refused before, after and while it expires [cpython: TimeoutTests.test_timeout_not_entered, TimeoutTests.test_timeout_finished, TimeoutTests.test_timeout_expired, TimeoutTests.test_timeout_expiring]", async () => {
  const refused = (limit: Timeout, state: string) =>
    assertThrows(
      () => limit.reschedule(20),
      InvalidStateError,
      `Cannot move a timeout: it is ${state}; only an active one can be moved`,
    );
  const finished = new Timeout(60_000);
  refused(finished, "created");
  await finished.run(() => {});
  refused(finished, "finished");
  const expired = new Timeout(1);
  const run = expired.run(() => hang().finally(() => refused(expired, "expiring")));
  await assertRejects(() => run, TimeoutError);
  refused(expired, "expired");
});

Deno.test("timeout() refuses what is no time and no function, and starts nothing", async () => {
  let began = false;
  const work = () => began = true;
  for (const time of [-1, NaN]) {
    await assertRejects(() => timeout(time, work), RangeError, `must be 0 or more, got ${time}`);
  }
  for (const time of ["1", undefined, {}]) {
    await assertRejects(() => timeout(time as number, work), TypeError, "must be a number or null");
    assertThrows(() => Timeout.at(time as number), TypeError, '"when" must be a number or null');
  }
  assertThrows(() => Timeout.at(NaN), RangeError, '"when" must be a moment, got NaN');
  assertEquals(began, false);
  const limit = new Timeout(1);
  await assertRejects(
    () => limit.run(undefined as unknown as () => void),
    TypeError,
    "expected a function, got undefined",
  );
  assertEquals(await limit.run(() => 1), 1);
  await new Timeout(60_000).run(() => assertThrows(() => limit.reschedule(-1), RangeError));
});

// Types

Deno.test("timeout() has the type of what the work gives", async () => {
  const text: string = await timeout(60_000, () => "text");
  const number: number = await new Timeout(null).run((signal: AbortSignal) =>
    Promise.resolve(signal.aborted ? 0 : 1)
  );
  // @ts-expect-error: it is a text
  const wrong: number = await timeout(60_000, async () => await Promise.resolve("text"));
  assertEquals<unknown[]>([text, number, wrong], ["text", 1, "text"]);
  await settle();
});

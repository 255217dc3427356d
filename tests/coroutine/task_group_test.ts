import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  CancelledError,
  currentTask,
  sleep,
  spawn,
  type Task,
  TaskGroup,
} from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";
import { errorsOf, failAfter, hang } from "./_task_work.ts";

// The end of a block

Deno.test("TaskGroup.run() is over when its tasks have ended [cpython: TestTaskGroup.test_taskgroup_01]", async () => {
  const { one, two } = createGates("one", "two");
  let tasks: Task<number>[] = [];
  const run = TaskGroup.run((group) => {
    tasks = [
      group.spawn(() => one.wait().then(() => 42)),
      group.spawn(() => two.wait().then(() => 11)),
    ];
    assertEquals(group.size, 2);
    return "body";
  });
  await assertPending(run);
  two.open();
  await assertPending(run);
  one.open();
  assertEquals(await run, "body");
  assertEquals(tasks.map((task) => task.result()), [42, 11]);
});

Deno.test("TaskGroup.spawn() adds tasks while the body runs [cpython: TestTaskGroup.test_taskgroup_02]", async () => {
  const result = await TaskGroup.run(async (group) => {
    const one = group.spawn(() => 42);
    await sleep(0);
    assert(one.done());
    const two = group.spawn(() => 11);
    return await one + await two;
  });
  assertEquals(result, 53);
});

Deno.test("TaskGroup.run() goes on when one task is cancelled alone [cpython: TestTaskGroup.test_taskgroup_03]", async () => {
  const [one, two] = await TaskGroup.run(async (group) => {
    const one = group.spawn(() => hang());
    await sleep(0);
    one.cancel();
    return [one, group.spawn(() => sleep(0, { result: 11 }))];
  });
  assertEquals([one?.cancelled(), await two], [true, 11]);
});

Deno.test("TaskGroup.run() takes a task that throws a CancelledError of its own as cancelled", async () => {
  const other = await TaskGroup.run((group) => {
    group.spawn(() => {
      throw new CancelledError("by itself");
    });
    return [group.spawn(() => sleep(0, { result: 1 }))];
  });
  assertEquals(other[0]?.result(), 1);
});

// The failure of a task

Deno.test("TaskGroup.run() cancels the other tasks when one fails [cpython: TestTaskGroup.test_taskgroup_04]", async () => {
  const { fail } = createGates("fail");
  const error = new Error("fails");
  const seen: unknown[] = [];
  let other: Task<never> | undefined;
  const runner = spawn(async () => {
    await TaskGroup.run((group) => {
      group.spawn(() => failAfter(fail, error));
      other = group.spawn(() => hang(seen));
    });
    seen.push("after the block");
  });
  await assertPending(runner);
  fail.open();
  const errors = await errorsOf(runner);
  assertEquals(errors.length, 1);
  assertStrictEquals(errors[0], error);
  assertEquals([seen, other?.cancelled()], [["task"], true]);
});

Deno.test("TaskGroup.run() cancels body and tasks when several fail at once [cpython: TestTaskGroup.test_cancel_children_on_child_error]", async () => {
  const { fail } = createGates("fail");
  const seen: unknown[] = [];
  const run = TaskGroup.run(async (group) => {
    for (const n of [1, 2, 3]) {
      group.spawn(async () => {
        await fail.wait();
        throw new RangeError(String(n));
      });
    }
    group.spawn(() => hang(seen, "task"));
    await hang(seen, "body");
  });
  await settle();
  fail.open();
  const errors = await errorsOf(run) as Error[];
  assertEquals(errors.map(({ message }) => message), ["1", "2", "3"]);
  assertEquals(seen.toSorted(), ["body", "task"]);
});

Deno.test("TaskGroup.run() tells the body's signal of a failure, with the failure as the cause", async () => {
  const error = new Error("fails");
  let reason: unknown;
  const run = TaskGroup.run(async (group, signal) => {
    group.spawn(() => Promise.reject(error));
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  assertEquals(
    await errorsOf(run.catch((caught) => {
      reason = caught;
      throw caught;
    })),
    [error],
  );
  assertStrictEquals((reason as AggregateError).errors[0], error);
});

Deno.test("TaskGroup.run() lets a body that answers to its signal wait in its cleaning up", async () => {
  const error = new Error("fails");
  const seen: unknown[] = [];
  const run = TaskGroup.run(async (...[group, signal]: [TaskGroup, AbortSignal]) => {
    group.spawn(() => Promise.reject(error));
    await new Promise((_, reject) => signal.onabort = () => reject(signal.reason));
  });
  assertEquals(await errorsOf(run), [error]);
  const cleaning = TaskGroup.run(async (group, signal) => {
    group.spawn(() => Promise.reject(error));
    try {
      await new Promise((_, reject) => signal.onabort = () => reject(signal.reason));
    } finally {
      await sleep(0);
      seen.push("cleaned up");
    }
  });
  assertEquals(await errorsOf(cleaning), [error]);
  assertEquals(seen, ["cleaned up"]);
});

Deno.test("TaskGroup.run() does not count an AbortError of a body that is being cancelled", async () => {
  const error = new Error("fails");
  const run = TaskGroup.run(async (group, signal) => {
    group.spawn(() => Promise.reject(error));
    await new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(new DOMException("Stopped", "AbortError")));
    });
  });
  assertEquals(await errorsOf(run), [error]);
});

Deno.test("TaskGroup.run() throws an AbortError of a body that nobody cancels", async () => {
  const error = new DOMException("Stopped", "AbortError");
  assertStrictEquals((await errorsOf(TaskGroup.run(() => Promise.reject(error))))[0], error);
});

Deno.test("TaskGroup.run() tells an error once that the body saw too", async () => {
  const error = new Error("fails");
  const run = TaskGroup.run(async (group) => {
    await group.spawn(() => Promise.reject(error));
  });
  assertEquals(await errorsOf(run), [error]);
  const awaiting = TaskGroup.run((group) => {
    const first = group.spawn(() => Promise.reject(error));
    group.spawn(async () => await first);
  });
  assertEquals(await errorsOf(awaiting), [error]);
  const primitive = TaskGroup.run(async (group) => {
    await group.spawn(() => Promise.reject("no"));
  });
  assertEquals(await errorsOf(primitive), ["no"]);
});

Deno.test("TaskGroup.run() cancels a task that the body returns", async () => {
  const error = new Error("fails");
  const other = spawn(() => hang());
  const run = TaskGroup.run((group) => {
    group.spawn(() => Promise.reject(error));
    return other;
  });
  assertEquals(await errorsOf(run), [error]);
  assert(other.cancelled());
});

Deno.test("TaskGroup.run() tells equal errors of several tasks that are no objects", async () => {
  const run = TaskGroup.run((group) => {
    group.spawn(() => Promise.reject("no"));
    group.spawn(() => Promise.reject("no"));
  });
  const error = await assertRejects(() => run, AggregateError);
  assertEquals(error.errors, ["no", "no"]);
  assertEquals(error.message, "2 failures in the task group: no");
});

Deno.test("TaskGroup.run() does not lose a failure that is undefined", async () => {
  assertEquals(await errorsOf(TaskGroup.run(() => Promise.reject(undefined))), [undefined]);
  const run = TaskGroup.run((group) => void group.spawn(() => Promise.reject(undefined)));
  assertEquals(await errorsOf(run), [undefined]);
});

// The cancellation of the task around

Deno.test("TaskGroup.run() cancels its tasks when it is cancelled at the end [cpython: TestTaskGroup.test_cancellation, TestTaskGroup.test_taskgroup_22]", async () => {
  const seen: unknown[] = [];
  const runner = spawn(() =>
    TaskGroup.run((group) => {
      for (let n = 0; n < 5; n++) group.spawn(() => hang(seen, n));
    })
  );
  await assertPending(runner);
  runner.cancel("test");
  const error = await assertRejects(async () => await runner, CancelledError);
  assertEquals(error.cause, "test");
  assertEquals(seen, [0, 1, 2, 3, 4]);
});

Deno.test("TaskGroup.run() cancels body and tasks when it is cancelled [cpython: TestTaskGroup.test_taskgroup_07]", async () => {
  const seen: unknown[] = [];
  const runner = spawn(() =>
    TaskGroup.run(async (group) => {
      for (let n = 0; n < 5; n++) group.spawn(() => hang(seen, n));
      await hang(seen, "body");
    })
  );
  await assertPending(runner);
  runner.cancel();
  await assertRejects(async () => await runner, CancelledError);
  assertEquals([runner.cancelled(), seen], [true, ["body", 0, 1, 2, 3, 4]]);
});

Deno.test("TaskGroup.run() throws the errors of tasks that fail while they are cancelled [cpython: TestTaskGroup.test_taskgroup_08]", async () => {
  const runner = spawn(() =>
    TaskGroup.run(async (group) => {
      for (let n = 0; n < 5; n++) {
        group.spawn(() =>
          hang().finally(() => {
            throw new RangeError(String(n));
          })
        );
      }
      await hang();
    })
  );
  await settle();
  runner.cancel();
  const errors = await errorsOf(runner) as Error[];
  assertEquals(errors.map(({ message }) => message), ["0", "1", "2", "3", "4"]);
});

Deno.test("TaskGroup.run() without tasks throws the cancellation of its body [cpython: TestTaskGroup.test_taskgroup_17]", async () => {
  const seen: unknown[] = [];
  const runner = spawn(() => TaskGroup.run(() => hang(seen, "body")));
  await settle();
  runner.cancel();
  await assertRejects(async () => await runner, CancelledError);
  assertEquals(seen, ["body"]);
});

Deno.test("TaskGroup.run() throws what the body throws in place of its cancellation [cpython: TestTaskGroup.test_taskgroup_18]", async () => {
  const error = new Error("in its place");
  const seen: unknown[] = [];
  const runner = spawn(async () => {
    const run = TaskGroup.run(() =>
      hang(seen, "body").catch(() => {
        throw error;
      })
    );
    assertEquals(await errorsOf(run), [error]);
    await hang(seen, "after it");
  });
  await settle();
  runner.cancel();
  await assertRejects(async () => await runner, CancelledError);
  assertEquals(seen, ["body", "after it"]); // the cancellation came with the next wait too
});

Deno.test("TaskGroup.run() takes an AbortError of its body for the cancellation of the task", async () => {
  const runner = spawn(() =>
    TaskGroup.run(async (_group, signal) => {
      await new Promise((_, reject) => {
        signal.onabort = () => reject(new DOMException("Stopped", "AbortError"));
      });
    })
  );
  await settle();
  runner.cancel("why");
  assertEquals((await assertRejects(async () => await runner, CancelledError)).cause, "why");
});

Deno.test("TaskGroup.run() that is done leaves the cancellation of its task to the task", async () => {
  const { end, foreign } = createGates("end", "foreign");
  let signal: AbortSignal | undefined;
  const runner = spawn(async () => {
    await TaskGroup.run((group, given) => {
      group.spawn(() => end.wait());
      signal = given;
    });
    await foreign.wait();
    await sleep(Infinity);
  });
  await settle();
  end.open();
  await settle();
  runner.cancel();
  foreign.open();
  await assertRejects(async () => await runner, CancelledError);
  assertEquals(signal?.aborted, false);
});

Deno.test("TaskGroup.run() lets a body catch its cancellation and go on", async () => {
  const { end } = createGates("end");
  const runner = spawn(() =>
    TaskGroup.run(async (group) => {
      const task = group.spawn(() => end.wait());
      await hang().catch(() => {});
      return [task];
    })
  );
  await settle();
  runner.cancel();
  await assertPending(runner);
  end.open();
  assertEquals((await runner)[0]?.cancelled(), false);
});

Deno.test("TaskGroup.run() whose body took the cancellation back leaves none behind after a failure", async () => {
  const error = new Error("fails");
  const runner = spawn(async () => {
    const run = TaskGroup.run(async (group) => {
      await hang().catch(() => currentTask()?.uncancel());
      group.spawn(() => Promise.reject(error));
    });
    assertEquals(await errorsOf(run), [error]);
    return await sleep(0, { result: "went on" });
  });
  await settle();
  runner.cancel();
  assertEquals(await runner, "went on");
});

Deno.test("TaskGroup.run() within another one forgets a cancellation that was taken back, too", async () => {
  const runner = spawn(() =>
    TaskGroup.run(() =>
      TaskGroup.run((group) => {
        currentTask()?.cancel();
        currentTask()?.uncancel();
        return [group.spawn(() => sleep(0, { result: "went on" }))];
      })
    )
  );
  assertEquals((await runner)[0]?.result(), "went on");
});

Deno.test("TaskGroup.run() leaves its tasks alone while the cancelled body cleans up [cpython: TestTaskGroup.test_taskgroup_15]", async () => {
  const { fail, cleaned } = createGates("fail", "cleaned");
  const error = new Error("fails");
  const runner = spawn(() =>
    TaskGroup.run(async (group) => {
      group.spawn(() => failAfter(fail, error));
      await hang().finally(() => cleaned.wait());
    })
  );
  await settle();
  runner.cancel();
  await settle();
  fail.open();
  await assertPending(runner);
  cleaned.open();
  assertEquals(await errorsOf(runner), [error]);
});

Deno.test("TaskGroup.run() in a task that is awaited: the error of its task goes before the cancellation [cpython: TestTaskGroup.test_taskgroup_16]", async () => {
  const { fail, cleaned } = createGates("fail", "cleaned");
  const error = new Error("fails");
  const runner = spawn(async () => {
    await spawn(() =>
      TaskGroup.run(async (group) => {
        group.spawn(() => failAfter(fail, error));
        await hang().finally(() => cleaned.wait());
      })
    );
  });
  await settle();
  runner.cancel();
  await settle();
  fail.open();
  await assertPending(runner);
  cleaned.open();
  assertEquals(await errorsOf(runner), [error]);
});

Deno.test("TaskGroup.run() throws a failure, and the cancellation comes with the next wait [cpython: TestTaskGroup.test_error_and_cancel]", async () => {
  const error = new Error("fails");
  let errors: unknown;
  const runner = spawn(async () => {
    await TaskGroup.run((group) => {
      group.spawn(() =>
        hang().catch(() => {
          throw error;
        })
      );
    }).catch((caught: AggregateError) => errors = caught.errors);
    await sleep(Infinity);
  });
  await settle();
  runner.cancel();
  await assertRejects(async () => await runner, CancelledError);
  assertEquals(errors, [error]);
  assert(runner.cancelled());
});

Deno.test("TaskGroup.run() leaves no cancellation behind after a failure [cpython: TestTaskGroup.test_cancelling_level_preserved]", async () => {
  await spawn(async () => {
    await assertRejects(
      () => TaskGroup.run((group) => void group.spawn(() => Promise.reject(new Error("a")))),
      AggregateError,
    );
    assertEquals(currentTask()?.cancelling(), 0);
    await sleep(0);
    const foreign = spawn(() => hang());
    foreign.cancel();
    // The body's CancelledError comes from another task: nobody cancels this one.
    await assertRejects(() =>
      TaskGroup.run(async (group) => {
        group.spawn(() => hang().finally(() => Promise.reject(new Error("b"))));
        await sleep(0);
        await foreign;
      }), AggregateError);
    assertEquals(currentTask()?.cancelling(), 0);
    await sleep(0);
  });
});

Deno.test("TaskGroup.run() cancels its tasks though the body was told by a signal only", async () => {
  for (const takesSignal of [true, false]) {
    const { body } = createGates("body");
    const seen: unknown[] = [];
    const work = async () => {
      await TaskGroup.run(async (group) => {
        group.spawn(() => hang(seen));
        await body.wait(); // cannot be cancelled
      });
    };
    const runner = spawn(takesSignal ? (_signal) => work() : work);
    await settle();
    runner.cancel();
    body.open();
    await assertRejects(async () => await runner, CancelledError);
    assertEquals(seen, ["task"]);
  }
});

Deno.test("TaskGroup.run() is cancelled by a request that came before it began", async () => {
  const seen: unknown[] = [];
  const runner = spawn(async () => {
    runner.cancel();
    await TaskGroup.run((group) => void group.spawn(() => hang(seen)));
  });
  await assertRejects(async () => await runner, CancelledError);
});

Deno.test("TaskGroup.run() that is cancelled again waits for its tasks, and cancels them once", async () => {
  const { cleaned } = createGates("cleaned");
  const seen: unknown[] = [];
  const runner = spawn(() =>
    TaskGroup.run((group) => {
      group.spawn(async () => {
        await hang(seen).catch(() => {});
        const other = spawn(() => hang(seen, "again"));
        await Promise.race([cleaned.wait(), other.catch(() => {})]);
        other.cancel();
      });
    })
  );
  await settle();
  for (let n = 0; n < 3; n++) {
    runner.cancel();
    await assertPending(runner);
  }
  assertEquals(seen, ["task"]);
  cleaned.open();
  await assertRejects(async () => await runner, CancelledError);
});

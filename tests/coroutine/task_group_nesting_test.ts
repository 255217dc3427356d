import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  ContextVar,
  copyContext,
  currentTask,
  InvalidStateError,
  sleep,
  spawn,
  type Task,
  TaskGroup,
} from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";
import { errorsOf, failAfter, hang } from "./_task_work.ts";

// The failure of the body

Deno.test("TaskGroup.run() cancels its tasks when the body fails [cpython: TestTaskGroup.test_taskgroup_09, TestTaskGroup.test_taskgroup_10]", async () => {
  for (const isLate of [true, false]) {
    const seen: unknown[] = [];
    const error = new Error("body");
    const tasks: Task<never>[] = [];
    const run = TaskGroup.run((group) => {
      for (const n of [1, 2]) tasks.push(group.spawn(() => hang(seen, n)));
      if (!isLate) throw error;
      return sleep(0).then(() => Promise.reject(error));
    });
    assertEquals(await errorsOf(run), [error]);
    assertEquals(tasks.map((task) => task.cancelled()), [true, true]);
    // A task that has not started never starts.
    assertEquals(seen, isLate ? [1, 2] : []);
  }
});

Deno.test("TaskGroup.run() throws the error of a task and that of the body's cleaning up [cpython: TestTaskGroup.test_taskgroup_19, TestTaskGroup.test_taskgroup_20a, TestTaskGroup.test_taskgroup_21a]", async () => {
  const { fail } = createGates("fail");
  const [first, second] = [new Error("task"), new TypeError("body")];
  const run = TaskGroup.run(async (group) => {
    group.spawn(() => failAfter(fail, first));
    await hang().finally(() => {
      throw second;
    });
  });
  await settle();
  fail.open();
  assertEquals(await errorsOf(run), [first, second]);
});

Deno.test("TaskGroup.run() has the errors of disposals in the body too [cpython: TestTaskGroup.test_taskgroup_context_manager_exit_raises]", async () => {
  await spawn(async () => {
    const [first, second] = [new Error("task"), new Error("disposal")];
    const run = TaskGroup.run(async (group) => {
      await using _ = {
        async [Symbol.asyncDispose](): Promise<void> {
          await Promise.resolve();
          throw second;
        },
      };
      group.spawn(() => Promise.reject(first));
      await hang();
    });
    const errors = await errorsOf(run);
    assertEquals(errors.length, 2);
    assertStrictEquals(errors[0], first);
    assertInstanceOf(errors[1], SuppressedError);
    assertStrictEquals(errors[1].error, second);
    assertEquals(currentTask()?.cancelling(), 0);
  });
});

// Groups in groups

Deno.test("TaskGroup.run() in another: cancelled, with tasks that fail [cpython: TestTaskGroup.test_taskgroup_11, TestTaskGroup.test_taskgroup_12]", async () => {
  for (const hasSibling of [false, true]) {
    const runner = spawn(() =>
      TaskGroup.run(async (outer) => {
        if (hasSibling) outer.spawn(() => hang());
        await TaskGroup.run(async (inner) => {
          for (const n of [1, 2]) {
            inner.spawn(() =>
              hang().finally(() => {
                throw new Error(String(n));
              })
            );
          }
          await hang();
        });
      })
    );
    await settle();
    runner.cancel();
    const [inner, ...others] = await errorsOf(runner);
    assertEquals(others, []);
    assertInstanceOf(inner, AggregateError);
    assertEquals(inner.errors.map(({ message }) => message), ["1", "2"]);
  }
});

Deno.test("TaskGroup.run() in another is cancelled by a failure there [cpython: TestTaskGroup.test_taskgroup_13]", async () => {
  const { fail } = createGates("fail");
  const error = new Error("outer");
  const seen: unknown[] = [];
  const run = TaskGroup.run(async (outer) => {
    outer.spawn(() => failAfter(fail, error));
    await TaskGroup.run((inner) => void inner.spawn(() => hang(seen)));
  });
  await settle();
  fail.open();
  assertEquals(await errorsOf(run), [error]);
  assertEquals(seen, ["task"]);
});

Deno.test("TaskGroup.run() in another: its error is one of the outer group [cpython: TestTaskGroup.test_taskgroup_14]", async () => {
  const { fail } = createGates("fail");
  const error = new Error("inner");
  const seen: unknown[] = [];
  const run = TaskGroup.run(async (outer) => {
    outer.spawn(() => hang(seen));
    await TaskGroup.run((inner) => void inner.spawn(() => failAfter(fail, error)));
  });
  await settle();
  fail.open();
  const [inner, ...others] = await errorsOf(run);
  assertEquals(others, []);
  assertInstanceOf(inner, AggregateError);
  assertEquals([inner.errors, seen], [[error], ["task"]]);
});

Deno.test("TaskGroup.run() in another: both fail, each error in its group [cpython: TestTaskGroup.test_nested_groups_both_cancelled]", async () => {
  const { fail } = createGates("fail");
  const [first, second] = [new Error("outer"), new Error("inner")];
  let inner: unknown[] = [];
  const runner = spawn(async () => {
    const run = TaskGroup.run(async (outer) => {
      outer.spawn(() => fail.wait().then(() => Promise.reject(first)));
      const run = TaskGroup.run((group) =>
        void group.spawn(() => fail.wait().then(() => Promise.reject(second)))
      );
      inner = await errorsOf(run);
    });
    const outer = await errorsOf(run);
    assertEquals(currentTask()?.cancelling(), 0);
    return outer;
  });
  await settle();
  fail.open();
  assertEquals([await runner, inner], [[first], [second]]);
  await settle();
});

// Spawning

Deno.test("TaskGroup.size forgets tasks that have ended [cpython: TestTaskGroup.test_taskgroup_23]", async () => {
  await TaskGroup.run(async (group) => {
    for (let n = 0; n < 20; n++) {
      group.spawn(() => n);
      await sleep(0);
      assertEquals(group.size, 0);
    }
  });
});

Deno.test("TaskGroup.spawn() may be called by a task, also while the group ends [cpython: TestTaskGroup.test_taskgroup_24]", async () => {
  const seen: number[] = [];
  const { late } = createGates("late");
  const run = TaskGroup.run((group) => {
    group.spawn(() => {
      seen.push(1);
      group.spawn(async () => {
        await late.wait();
        seen.push(2);
        group.spawn(() => void seen.push(3));
      });
    });
  });
  await assertPending(run);
  late.open();
  await run;
  assertEquals(seen, [1, 2, 3]);
});

Deno.test("TaskGroup.run() ends when one fails though tasks spawn further ones [cpython: TestTaskGroup.test_taskgroup_25]", async () => {
  const error = new Error("enough");
  let count = 0;
  const run = TaskGroup.run((group) => {
    async function grow(): Promise<void> {
      await sleep(0);
      if (++count === 50) throw error;
      for (let n = 0; n < 2; n++) group.spawn(grow);
    }
    group.spawn(grow);
  });
  const errors = await errorsOf(run);
  assertStrictEquals(errors[0], error);
  // Those whose sleep was over already were refused.
  for (const other of errors.slice(1)) assertInstanceOf(other, InvalidStateError);
});

Deno.test("TaskGroup.spawn() takes a name [cpython: TestTaskGroup.test_taskgroup_task_name]", async () => {
  await TaskGroup.run((group) => {
    assertEquals(group.spawn(() => {}, { name: "yolo" }).name, "yolo");
  });
});

Deno.test("TaskGroup.spawn() takes a context, or copies the current one [cpython: TestTaskGroup.test_taskgroup_task_context]", async () => {
  const variable = new ContextVar("variable", { default: "none" });
  await TaskGroup.run(async (group) => {
    const context = copyContext();
    const task = group.spawn(() => variable.set("set"), { context });
    await task;
    assertEquals([context.get(variable), variable.get()], ["set", "none"]);
    variable.set("body");
    assertEquals(await group.spawn(() => variable.get()), "body");
  });
});

Deno.test("TaskGroup.spawn() takes a signal, aborted before or later", async () => {
  const [before, later] = [AbortSignal.abort("before"), new AbortController()];
  await TaskGroup.run(async (group) => {
    const tasks = [before, later.signal].map((signal) => group.spawn(() => hang(), { signal }));
    assertEquals(group.size, 1);
    await settle();
    later.abort("later");
    await settle();
    assertEquals(tasks.map((task) => task.cancelled()), [true, true]);
  });
});

Deno.test("TaskGroup.spawn() is refused while the group is being cancelled [cpython: TestTaskGroup.test_taskgroup_no_create_task_after_failure]", async () => {
  const error = new Error("fails");
  let refused: unknown;
  const run = TaskGroup.run((group) => {
    group.spawn(() => Promise.reject(error));
    group.spawn(() =>
      hang().finally(() => {
        try {
          group.spawn(() => {});
        } catch (error) {
          refused = error;
        }
      })
    );
  });
  assertEquals(await errorsOf(run), [error]);
  assertInstanceOf(refused, InvalidStateError);
  assertEquals(refused.message, "Cannot spawn in the task group: it is being cancelled");
});

Deno.test("TaskGroup.spawn() is refused after the end, and starts nothing [cpython: TestTaskGroup.test_taskgroup_finished]", async () => {
  const group = await TaskGroup.run((group) => group);
  let ran = false;
  try {
    group.spawn(() => ran = true);
    throw new Error("It was not refused");
  } catch (error) {
    assertInstanceOf(error, InvalidStateError);
    assertEquals(error.message, "Cannot spawn in the task group: it has ended");
  }
  await settle();
  assertEquals([ran, group.toString()], [false, "TaskGroup { 0 tasks, closed }"]);
});

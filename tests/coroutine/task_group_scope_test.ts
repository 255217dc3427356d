import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  CancelledError,
  InvalidStateError,
  sleep,
  spawn,
  type Task,
  TaskGroup,
  timeout,
  TimeoutError,
} from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { countListeners } from "../support/listeners.ts";
import { assertPending, settle } from "../support/settle.ts";
import { errorsOf, hang } from "./_task_work.ts";

// await using

Deno.test("TaskGroup disposed of cancels what runs, and waits for it", async () => {
  const { cleaned } = createGates("cleaned");
  const seen: unknown[] = [];
  const leaving = (async () => {
    await using group = new TaskGroup();
    group.spawn(() => hang(seen).finally(() => cleaned.wait()));
    await settle();
  })();
  await assertPending(leaving);
  assertEquals(seen, ["task"]);
  cleaned.open();
  await leaving;
});

Deno.test("TaskGroup disposed of twice waits twice and throws once", async () => {
  const error = new Error("cleaning up");
  const group = new TaskGroup();
  group.spawn(() =>
    hang().finally(() => {
      throw error;
    })
  );
  await settle();
  const outcomes = await Promise.allSettled([
    group[Symbol.asyncDispose](),
    group[Symbol.asyncDispose](),
  ]);
  assertEquals(outcomes.map(({ status }) => status), ["rejected", "fulfilled"]);
  await group[Symbol.asyncDispose]();
  assertEquals(String(group), "TaskGroup { 0 tasks, closed }");
});

Deno.test("TaskGroup disposed of cancels its tasks when the block throws", async () => {
  const error = new Error("body");
  const seen: unknown[] = [];
  const caught = await assertRejects(async () => {
    await using group = new TaskGroup();
    group.spawn(() => hang(seen));
    await settle();
    throw error;
  });
  assertStrictEquals(caught, error);
  assertEquals(seen, ["task"]);
});

Deno.test("TaskGroup disposed of throws the failures that nobody has asked for", async () => {
  const error = new Error("task");
  const seen: unknown[] = [];
  assertEquals(
    await errorsOf((async () => {
      await using group = new TaskGroup();
      group.spawn(() => hang(seen));
      group.spawn(() => Promise.reject(error));
      await settle();
      assertEquals(seen, ["task"]); // the siblings are cancelled at once
    })()),
    [error],
  );
});

Deno.test("TaskGroup disposed of has the failures beside the error of the block", async () => {
  const [first, second] = [new Error("body"), new Error("task")];
  const caught = await assertRejects(async () => {
    await using group = new TaskGroup();
    group.spawn(() => Promise.reject(second));
    await settle();
    throw first;
  });
  assertInstanceOf(caught, SuppressedError);
  assertStrictEquals(caught.suppressed, first);
  assertEquals(caught.error.errors, [second]);
});

Deno.test("TaskGroup disposed of does not lose the cancellation of the current task", async () => {
  for (const fails of [false, true]) {
    const { cleaned } = createGates("cleaned");
    let went = false;
    const task = spawn(async () => {
      try {
        await using group = new TaskGroup();
        group.spawn(async () => {
          await hang().catch(() => {});
          await cleaned.wait();
          if (fails) throw new Error("cleaning up");
        });
        await sleep(0);
      } catch (error) {
        if (!fails) throw error;
        assertInstanceOf(error, AggregateError);
      }
      await sleep(0);
      went = true;
    });
    await settle();
    task.cancel();
    await settle();
    cleaned.open();
    await assertRejects(async () => await task, CancelledError);
    assertEquals([task.cancelled(), went], [true, false]);
  }
});

Deno.test("TaskGroup disposed of when the block is cancelled throws that", async () => {
  const seen: unknown[] = [];
  const task = spawn(async () => {
    await using group = new TaskGroup();
    group.spawn(() => hang(seen));
    await group.join();
  });
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  assertEquals(seen, ["task"]);
});

// join()

Deno.test("TaskGroup.join() waits for all, also for those that come meanwhile", async () => {
  const { first, second } = createGates("first", "second");
  await using group = new TaskGroup();
  assertEquals(await group.join(), true);
  group.spawn(async () => {
    await first.wait();
    group.spawn(() => second.wait());
  });
  const joining = group.join();
  await assertPending(joining);
  first.open();
  await assertPending(joining);
  second.open();
  assertEquals(await joining, true);
  assertEquals(await group.spawn(() => 1), 1);
});

Deno.test("TaskGroup.join() waits for a task that was spawned when the last one ended", async () => {
  const { second } = createGates("second");
  await using group = new TaskGroup();
  group.spawn(() => {}).addDoneCallback(() => void group.spawn(() => second.wait()));
  const joining = group.join();
  await assertPending(joining);
  second.open();
  assertEquals(await joining, true);
});

Deno.test("TaskGroup.join() throws the failures once", async () => {
  const error = new Error("fails");
  await using group = new TaskGroup();
  group.spawn(() => Promise.reject(error));
  const both = await Promise.allSettled([group.join(), group.join()]);
  assertEquals(both.map(({ status }) => status), ["rejected", "fulfilled"]);
  assertEquals(await group.join(), true);
});

Deno.test("TaskGroup.join() answers false after timeoutMs, and the tasks go on", async () => {
  await using group = new TaskGroup();
  const task = group.spawn(() => hang());
  assertEquals(await group.join({ timeoutMs: 1 }), false);
  assertEquals(await group.join({ timeoutMs: 0 }), false);
  assertEquals(task.done(), false);
});

Deno.test("TaskGroup.join() that is aborted leaves the tasks alone, and no listener", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  await using group = new TaskGroup();
  const task = group.spawn(() => hang());
  const joining = group.join({ signal: controller.signal });
  await assertPending(joining);
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => joining), reason);
  assertStrictEquals(await assertRejects(() => group.join({ signal: controller.signal })), reason);
  assertEquals(task.done(), false);
});

Deno.test("TaskGroup.join() refuses options before it waits", async () => {
  await using group = new TaskGroup();
  await assertRejects(() => group.join({ timeoutMs: -1 }), RangeError);
  await assertRejects(() => group.join({ timeoutMs: "1" as unknown as number }), TypeError);
});

Deno.test("TaskGroup.join() and disposal are refused to a task of the group", async () => {
  await using group = new TaskGroup();
  const task: Task<string> = group.spawn(async () => {
    const { message } = await assertRejects(() => group.join(), InvalidStateError);
    const dispose = async () => await group[Symbol.asyncDispose]();
    await assertRejects(dispose, InvalidStateError, "Cannot dispose of the task group");
    return message;
  }, { name: "child" });
  assertEquals(
    await task,
    "Cannot join the task group: child is one of its tasks, and would wait for itself",
  );
});

Deno.test("TaskGroup.join() in the body of a block waits for its tasks", async () => {
  const { one } = createGates("one");
  const error = new Error("fails");
  const seen: unknown[] = [];
  const run = TaskGroup.run(async (group) => {
    group.spawn(() => one.wait());
    await group.join();
    seen.push("joined");
    group.spawn(() => Promise.reject(error));
    await group.join();
    seen.push("joined again");
  });
  await assertPending(run);
  one.open();
  assertEquals(await errorsOf(run), [error]);
  assertEquals(seen, ["joined"]);
});

// cancel()

Deno.test("TaskGroup.cancel() ends body and tasks, and the block without an error", async () => {
  const seen: unknown[] = [];
  const causes: unknown[] = [];
  const result: unknown = await TaskGroup.run(async (group) => {
    group.spawn(() => hang(seen, "task").catch(({ cause }) => causes.push(cause)));
    group.spawn(() => group.cancel("enough"));
    await hang(seen, "body");
  });
  assertEquals([result, seen.toSorted(), causes], [undefined, ["body", "task"], ["enough"]]);
});

Deno.test("TaskGroup.cancel() in the body comes with its next wait", async () => {
  let went = false;
  await TaskGroup.run(async (group, signal) => {
    group.cancel();
    assert(signal.aborted);
    group.cancel(); // again is nothing
    await Promise.resolve();
    went = true;
  });
  assert(went);
  const result: unknown = await TaskGroup.run(async (group) => {
    group.cancel();
    await sleep(Infinity);
    return 1;
  });
  assertEquals(result, undefined);
  assertEquals(await TaskGroup.run((group) => (group.cancel(), 2)), 2);
});

Deno.test("TaskGroup.cancel() does not hide failures, nor the cancellation from outside", async () => {
  const error = new Error("cleaning up");
  assertEquals(
    await errorsOf(TaskGroup.run(async (group) => {
      group.spawn(() => hang().finally(() => Promise.reject(error)));
      await sleep(0);
      group.cancel();
    })),
    [error],
  );
  const { cleaned } = createGates("cleaned");
  const task = spawn(() =>
    TaskGroup.run((group) => {
      group.spawn(() => hang().finally(() => cleaned.wait()));
      group.spawn(() => sleep(0).then(() => group.cancel()));
    })
  );
  await settle();
  task.cancel();
  cleaned.open();
  await assertRejects(async () => await task, CancelledError, "was cancelled");
});

// signal

Deno.test("TaskGroup.run() ends with the reason of its signal, and leaves no listener", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = countListeners(signal);
  const reason = new Error("enough");
  const seen: unknown[] = [];
  await TaskGroup.run((group) => void group.spawn(() => {}), { signal });
  assertEquals(listeners.count, 0);
  const run = TaskGroup.run(async (group) => {
    group.spawn(() => hang(seen));
    await sleep(Infinity);
  }, { signal });
  await assertPending(run);
  assertEquals(listeners.count, 1);
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => run), reason);
  assertEquals([seen, listeners.count], [["task"], 0]);
  const body = () => seen.push("body");
  assertStrictEquals(await assertRejects(() => TaskGroup.run(body, { signal })), reason);
  assertEquals(seen, ["task"]);
});

Deno.test("TaskGroup.run() whose signal aborts throws the failures that come of it", async () => {
  const controller = new AbortController();
  const error = new Error("cleaning up");
  const run = TaskGroup.run(async (group) => {
    group.spawn(() => hang().finally(() => Promise.reject(error)));
    await sleep(Infinity);
  }, { signal: controller.signal });
  await settle();
  controller.abort();
  assertEquals(await errorsOf(run), [error]);
});

Deno.test("TaskGroup.run() whose signal aborts throws the cancellation of the task, if that comes too", async () => {
  const controller = new AbortController();
  const { cleaned } = createGates("cleaned");
  const task = spawn(() =>
    TaskGroup.run((group) => {
      group.spawn(() => hang().finally(() => cleaned.wait()));
    }, { signal: controller.signal })
  );
  await settle();
  controller.abort(new Error("the signal"));
  await settle();
  task.cancel("the task");
  await assertPending(task);
  cleaned.open();
  const error = await assertRejects(async () => await task, CancelledError);
  assertEquals(error.cause, "the task");
});

// Misuse, size, depth

Deno.test("TaskGroup.run() and spawn() refuse what is no function", async () => {
  const none = undefined as unknown as () => void;
  const message = "Cannot run a task group: expected a function, got undefined";
  await assertRejects(() => TaskGroup.run(none), TypeError, message);
  await using group = new TaskGroup();
  assertInstanceOf(await Promise.try(() => group.spawn(none)).catch((error) => error), TypeError);
  assertEquals([group.size, Deno.inspect([group])], [0, "[ TaskGroup { 0 tasks, open } ]"]);
});

Deno.test("TaskGroup.run() with ten thousand tasks: all end, all are cancelled, all fail", async () => {
  const COUNT = 10_000;
  let count = 0;
  await TaskGroup.run((group) => {
    for (let n = 0; n < COUNT; n++) {
      group.spawn(async () => {
        await Promise.resolve();
        count++;
      });
    }
    assertEquals(group.size, COUNT);
  });
  assertEquals(count, COUNT);
  const seen: unknown[] = [];
  const error = new Error("fails");
  assertEquals(
    await errorsOf(TaskGroup.run(async (group) => {
      for (let n = 0; n < COUNT; n++) group.spawn(() => hang(seen));
      await sleep(0);
      throw error;
    })),
    [error],
  );
  assertEquals(seen.length, COUNT);
  const run = TaskGroup.run((group) => {
    for (let n = 0; n < COUNT; n++) group.spawn(() => Promise.reject(new Error(String(n))));
  });
  assertEquals((await errorsOf(run)).length, COUNT);
});

Deno.test("TaskGroup.run() in a timeout in a TaskGroup.run(): each limit ends its own", async () => {
  const seen: unknown[] = [];
  const result = await TaskGroup.run(async (outer) => {
    const sibling = outer.spawn(() => sleep(0, { result: "sibling" }));
    await assertRejects(() =>
      timeout(1, () =>
        TaskGroup.run(async (inner) => {
          inner.spawn(() => hang(seen, "inner task"));
          await hang(seen, "inner body");
        })), TimeoutError);
    return await sibling;
  });
  assertEquals(result, "sibling");
  assertEquals(seen, ["inner body", "inner task"]);
  const error = new Error("outer");
  const failing = TaskGroup.run(async (outer) => {
    outer.spawn(() => sleep(0).then(() => Promise.reject(error)));
    await timeout(60_000, () => TaskGroup.run((inner) => void inner.spawn(() => hang(seen, "x"))));
  });
  assertEquals(await errorsOf(failing), [error]);
  assertEquals(seen.at(-1), "x");
});

// Types

Deno.test("TaskGroup has the types of what body and tasks give", async () => {
  const result = TaskGroup.run(async (group, signal) => {
    const text: Task<string> = group.spawn(() => "text");
    const number: Task<number> = group.spawn(async (signal) => {
      const given: AbortSignal = signal;
      return await Promise.resolve(given.aborted ? 0 : 1);
    });
    const given: AbortSignal = signal;
    // @ts-expect-error: it is a number
    const wrong: Task<string> = number;
    return [await text, await wrong, given.aborted] as const;
  });
  const typed: Promise<readonly [string, string, boolean]> = result;
  assertEquals<unknown>(await typed, ["text", 1, false]);
});

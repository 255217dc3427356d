import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  currentTask,
  InvalidStateError,
  Queue,
  sleep,
  spawn,
  Task,
  wait,
} from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";
import { hang } from "./_task_work.ts";

// What a task runs

Deno.test("Task gives what its function returns, and knows its state [cpython: BaseTaskTests.test_task_class]", async () => {
  const { go } = createGates("go");
  const task = spawn(async () => {
    await go.wait();
    return "ok";
  });
  assertEquals([task.done(), task.cancelled()], [false, false]);
  assertThrows(() => task.result(), InvalidStateError, "it has not ended");
  assertThrows(() => task.exception(), InvalidStateError, "it has not ended");
  go.open();
  assertEquals(await task, "ok");
  assertEquals([task.done(), task.cancelled()], [true, false]);
  assertEquals([task.result(), task.exception()], ["ok", undefined]);
});

Deno.test("Task awaits what its function awaits [cpython: BaseTaskTests.test_task_basics]", async () => {
  const one = async () => 1 + await two();
  const two = async () => await sleep(0, { result: 2 });
  assertEquals(await spawn(one), 3);
});

Deno.test("spawn() takes async functions, and ordinary ones with a value or a promise [cpython: BaseTaskTests.test_bare_create_task, BaseTaskTests.test_create_task_with_async_function, BaseTaskTests.test_create_task_with_asynclike_function, BaseTaskTests.test_coroutine_non_gen_function]", async () => {
  assertEquals(await spawn(async () => await Promise.resolve("async")), "async");
  assertEquals(await spawn(() => "value"), "value");
  assertEquals(await spawn(() => Promise.resolve("promise")), "promise");
  assertEquals(await spawn(() => spawn(() => "task")), "task");
  const thenable = { then: (resolve: (value: string) => void) => resolve("thenable") };
  assertEquals(await spawn(() => thenable as PromiseLike<string>), "thenable");
  assertEquals(await new Task(() => "constructor"), "constructor");
});

Deno.test("spawn() refuses what is no function [cpython: BaseTaskTests.test_create_task_with_noncoroutine]", () => {
  for (const wrong of [123, null, undefined, "work", {}, Promise.resolve()]) {
    assertThrows(() => spawn(wrong as () => void), TypeError, "expected a function");
  }
});

Deno.test("spawn() starts the functions in the next microtask, in their order", async () => {
  const seen: string[] = [];
  const tasks = ["a", "b", "c"].map((name) => spawn(() => void seen.push(name)));
  assertEquals(seen, []);
  await Promise.resolve();
  assertEquals(seen, ["a", "b", "c"]);
  assert(tasks.every((task) => task.done()));
});

Deno.test("Task that waits for a promise goes on with its value [cpython: BaseTaskTests.test_step_result_future]", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const task = spawn(async () => [await promise]);
  await assertPending(task);
  resolve(10);
  assertEquals(await task, [10]);
});

Deno.test("Task throws what its function throws, the same object [cpython: BaseTaskTests.test_exception_traceback]", async () => {
  const error = new TypeError("wrong");
  const { stack } = error;
  for (
    const fail of [() => Promise.reject(error), () => {
      throw error;
    }]
  ) {
    const task = spawn<never>(fail);
    assertStrictEquals(await assertRejects(async () => await task), error);
    assertStrictEquals(task.exception(), error);
    assertStrictEquals(assertThrows(() => task.result()), error);
    assertEquals([task.done(), task.cancelled(), error.stack], [true, false, stack]);
  }
  const nothing = spawn(() => Promise.reject(undefined));
  await assertRejects(async () => await nothing.then(() => {}, () => Promise.reject(error)));
  assertMatch(String(nothing), /failed/);
});

Deno.test("Task cannot be ended from outside [cpython: BaseTaskTests.test_task_set_methods]", () => {
  const names = Object.getOwnPropertyNames(Task.prototype);
  assertEquals(
    names.filter((name) => /^(set|resolve|reject|succeed|fail|end|start)/.test(name)),
    [],
  );
});

// Waiting for a task

Deno.test("Task is a promise [cpython: GenericTaskTests.test_future_subclass]", async () => {
  const promise: Promise<number> = spawn(() => 1);
  assertEquals(await promise.then((value) => value + 1), 2);
  assertEquals(await Promise.all([promise, spawn(() => 2)]), [1, 2]);
  assertEquals(Object.prototype.toString.call(promise), "[object Task]");
  const error = new Error("fails");
  const fails: Promise<number> = spawn(() => Promise.reject(error));
  assertEquals(await fails.catch((reason) => [reason]), [error]);
  let isCalled = false;
  assertStrictEquals(await assertRejects(() => fails.finally(() => isCalled = true)), error);
  assert(isCalled);
});

Deno.test("Task refuses to wait for itself [cpython: BaseTaskTests.test_task_awaits_on_itself]", async () => {
  const itself: Task<unknown> = spawn(async () => await itself);
  await assertRejects(async () => await itself, InvalidStateError, "would wait for itself");
  const joins: Task<unknown> = spawn(() => joins.join());
  await assertRejects(async () => await joins, InvalidStateError, "would wait for itself");
  const returned: Task<unknown> = spawn(() => returned);
  await assertRejects(async () => await returned, InvalidStateError, "would wait for itself");
});

Deno.test("Task.join() waits for the end and throws nothing of the task", async () => {
  const { end } = createGates("end");
  const work = spawn(() => end.wait());
  const fails = spawn(() => Promise.reject(new Error("fails")));
  assertEquals(await fails.join(), true);
  assertEquals(await work.join({ timeoutMs: 0 }), false);
  const joined = work.join();
  await assertPending(joined);
  end.open();
  assertEquals(await joined, true);
  assertEquals(await work.join({ timeoutMs: 0 }), true);
});

Deno.test("Task.join() stops with its signal, before, during and after; the task goes on", async () => {
  const { end } = createGates("end");
  const work = spawn(() => end.wait());
  const reason = new Error("enough");
  const controller = new AbortController();
  const joined = work.join({ signal: controller.signal });
  await assertPending(joined);
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => joined), reason);
  assertStrictEquals(
    await assertRejects(() => work.join({ signal: controller.signal })),
    reason,
  );
  assertEquals(work.done(), false);
  end.open();
  await work;
  assertStrictEquals(
    await assertRejects(() => work.join({ signal: controller.signal })),
    reason,
  );
});

Deno.test("Task.join() refuses a wrong timeoutMs", async () => {
  const task = spawn(() => 1);
  await assertRejects(() => task.join({ timeoutMs: -1 }), RangeError);
  await assertRejects(() => task.join({ timeoutMs: "1" as unknown as number }), TypeError);
});

// Names and texts

Deno.test("Task has a name that counts up [cpython: BaseTaskTests.test_task_repr_autogenerated]", async () => {
  const tasks = [spawn(() => {}), spawn(() => {})];
  const numbers = tasks.map((task) => Number(/^Task-(\d+)$/.exec(task.name)?.[1]));
  assertEquals(numbers[1], numbers[0]! + 1);
  await wait(tasks);
});

Deno.test("spawn() gives a task the name that is wanted [cpython: BaseTaskTests.test_bare_create_named_task]", async () => {
  const task = spawn(() => currentTask()?.name, { name: "counter" });
  assertEquals(await task, "counter");
  assertStrictEquals(spawn(() => {}, { name: "" }).name, "");
});

Deno.test("Task turns a name into text [cpython: BaseTaskTests.test_task_set_name_pylong, BaseTaskTests.test_task_repr_name_not_str]", () => {
  const task = spawn(() => {}, { name: 987654321 as unknown as string });
  assertStrictEquals(task.name, "987654321");
  task.name = 123n as unknown as string;
  assertStrictEquals(task.name, "123");
  task.name = { toString: () => "object" } as string;
  assertStrictEquals(task.name, "object");
});

Deno.test("Task.toString() tells name and state", async () => {
  const { end } = createGates("end");
  const task = spawn(() => end.wait(), { name: "t" });
  const cancelled = spawn(() => {}, { name: "t" });
  const fails = spawn(() => Promise.reject(new Error("fails")), { name: "t" });
  assertEquals(`${task}`, "Task { t, created }");
  cancelled.cancel();
  await fails.join();
  assertEquals(`${task}`, "Task { t, running }");
  end.open();
  await task;
  const texts = [task, cancelled, fails].map(String);
  assertEquals(texts, [
    "Task { t, succeeded }",
    "Task { t, cancelled }",
    "Task { t, failed }",
  ]);
  assertEquals([task, cancelled, fails].map((one) => Deno.inspect(one)), texts);
});

// The current task

Deno.test("currentTask() is the task that runs, and undefined outside [cpython: BaseTaskTests.test_current_task, BaseCurrentLoopTests.test_current_task_with_implicit_loop]", async () => {
  assertStrictEquals(currentTask(), undefined);
  const task: Task<unknown> = spawn(() => currentTask());
  assertStrictEquals(currentTask(), undefined);
  // In a box, because a task that is returned is awaited.
  const boxed: Task<unknown[]> = spawn(async () => {
    const before = currentTask();
    await sleep(0);
    return [before, currentTask()];
  });
  await assertRejects(async () => await task, InvalidStateError, "would wait for itself");
  assertEquals((await boxed).map((one) => one === boxed), [true, true]);
  assertStrictEquals(currentTask(), undefined);
});

Deno.test("currentTask() keeps interleaving tasks apart [cpython: BaseTaskTests.test_current_task_with_interleaving_tasks]", async () => {
  const work = async () => {
    const seen = [currentTask()];
    for (let turn = 0; turn < 5; turn++) {
      await (turn % 2 === 0 ? sleep(0) : Promise.resolve());
      seen.push(currentTask());
    }
    return new Set(seen);
  };
  const tasks = [spawn(work), spawn(work), spawn(work)];
  for (const task of tasks) {
    const seen = [...await task];
    assertEquals(seen.length, 1);
    assertStrictEquals(seen[0], task as unknown);
  }
});

Deno.test("currentTask() is kept by timers, events and streams that a task uses", async () => {
  const names = await spawn(async () => {
    const seen: (string | undefined)[] = [];
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    seen.push(currentTask()?.name);
    await new Blob(["text"]).text();
    seen.push(currentTask()?.name);
    const queue = new Queue<number>();
    setTimeout(() => queue.putNowait(1), 0);
    await queue.get();
    seen.push(currentTask()?.name);
    return seen;
  }, { name: "t" });
  assertEquals(names, ["t", "t", "t"]);
});

Deno.test("Task that is awaited runs in its own name, not in that of who awaits or spawns", async () => {
  const { go } = createGates("go");
  const name = async () => {
    await go.wait();
    return currentTask()?.name;
  };
  const inner = spawn(name, { name: "inner" });
  const outer = spawn(async () => [await inner, currentTask()?.name], { name: "outer" });
  await settle();
  go.open();
  assertEquals(await outer, ["inner", "outer"]);
});

// Callbacks

Deno.test("Task.addDoneCallback() calls with the task, each in its own microtask, in order", async () => {
  const { end } = createGates("end");
  const task = spawn(() => end.wait());
  const seen: unknown[] = [];
  task.addDoneCallback((ended) => seen.push(1, ended === task));
  task.addDoneCallback(() => seen.push(2));
  end.open();
  await task;
  await Promise.resolve();
  assertEquals(seen, [1, true, 2]);
  task.addDoneCallback(() => seen.push(3));
  assertEquals(seen, [1, true, 2]);
  await Promise.resolve();
  assertEquals(seen, [1, true, 2, 3]);
});

Deno.test("Task.removeDoneCallback() counts nothing when there is none", async () => {
  const task = spawn(() => {});
  assertEquals(task.removeDoneCallback(() => {}), 0);
  await task;
});

Deno.test("Task.removeDoneCallback() takes back and counts", async () => {
  const { end } = createGates("end");
  const task = spawn(() => end.wait());
  const seen: number[] = [];
  const once = () => seen.push(1);
  task.addDoneCallback(once);
  task.addDoneCallback(() => seen.push(2));
  task.addDoneCallback(once);
  assertEquals([task.removeDoneCallback(once), task.removeDoneCallback(once)], [2, 0]);
  end.open();
  await task;
  await settle();
  assertEquals(seen, [2]);
});

Deno.test("Task.addDoneCallback() tells of failures and cancellations too, and runs outside the task", async () => {
  const seen: unknown[] = [];
  const error = new Error("fails");
  const fails = spawn(() => Promise.reject(error));
  const hangs = spawn(() => hang());
  fails.addDoneCallback((task) => seen.push(task.exception(), currentTask()));
  await spawn(() =>
    hangs.addDoneCallback((task) => void seen.push(task.cancelled(), currentTask()))
  );
  await settle();
  hangs.cancel();
  await settle();
  assertEquals(seen, [error, undefined, true, undefined]);
});

// Many

Deno.test("100,000 tasks run beside each other", async () => {
  const { end } = createGates("end");
  let running = 0;
  const tasks = Array.from({ length: 100_000 }, (_, i) =>
    spawn(async () => {
      running++;
      await end.wait();
      return i;
    }));
  await settle();
  assertEquals(running, tasks.length);
  end.open();
  assertEquals((await Promise.all(tasks)).reduce((a, b) => a + b, 0), 4_999_950_000);
});

// Types

Deno.test("spawn() has the type of what the function gives", async () => {
  const number: Task<number> = spawn(async () => await Promise.resolve(1));
  const text: Task<string> = spawn(() => "text");
  const nested: Task<boolean> = spawn(() => spawn(() => true));
  const aborted: Task<boolean> = spawn((signal) => signal.aborted);
  // @ts-expect-error: it is a text
  const wrong: Task<number> = spawn(() => "text");
  assertEquals<unknown>(await Promise.all([number, text, nested, aborted, wrong]), [
    1,
    "text",
    true,
    false,
    "text",
  ]);
  assertInstanceOf(wrong, Task);
});

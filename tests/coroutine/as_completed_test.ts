import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { asCompleted, CancelledError, sleep, spawn, TimeoutError } from "../../coroutine/mod.ts";
import { FakeTime } from "../support/fake_time.ts";
import { createGates } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";
import { hang } from "./_task_work.ts";

Deno.test("asCompleted() gives tasks and results in the order of their ends [cpython: BaseTaskTests.test_as_completed]", async () => {
  const work = () => {
    const { a, b, c } = createGates("a", "b", "c");
    const all = [a, b, c].map((gate, i) => () => gate.wait().then(() => i));
    const open = async () => {
      for (const gate of [b, c, a]) {
        gate.open();
        await settle();
      }
    };
    return { all, open };
  };
  const first = work();
  const results: number[] = [];
  const opening = first.open();
  for (const result of asCompleted(first.all)) results.push(await result);
  await opening;
  assertEquals(results, [1, 2, 0]);
  const second = work();
  const tasks: number[] = [];
  const opened = second.open();
  for await (const task of asCompleted(second.all)) tasks.push(task.result());
  await opened;
  assertEquals(tasks, [1, 2, 0]);
});

Deno.test("asCompleted() gives the tasks themselves [cpython: BaseTaskTests.test_as_completed_same_tasks_in_as_out, BaseTaskTests.test_as_completed_coroutine_use_running_loop]", async () => {
  const tasks = [spawn(() => 1), spawn(() => 2), spawn(() => 3)];
  const seen = new Set<unknown>();
  for await (const task of asCompleted(tasks)) {
    assertEquals(task.done(), true);
    seen.add(task);
  }
  assertEquals(tasks.map((task) => seen.has(task)), [true, true, true]);
});

Deno.test("asCompleted() gives what failed and what was cancelled too", async () => {
  const error = new Error("fails");
  const cancelled = spawn(() => hang());
  cancelled.cancel();
  const states: string[] = [];
  const fails = spawn(() => Promise.reject(error), { name: "fails" });
  for await (const task of asCompleted([fails, cancelled])) states.push(String(task));
  assertEquals(states.length, 2);
  const [first, second] = [...asCompleted([fails, cancelled])];
  assertStrictEquals(await assertRejects(() => first!), error);
  await assertRejects(() => second!, CancelledError);
});

Deno.test("asCompleted() throws a TimeoutError for what has not ended in time [cpython: BaseTaskTests.test_as_completed_with_timeout]", async () => {
  using time = new FakeTime();
  for (const how of ["for", "for await"]) {
    const tasks = [spawn(() => sleep(100, { result: "a" })), spawn(() => sleep(150))];
    const seen: unknown[] = [];
    const iterating = (async () => {
      const completed = asCompleted(tasks, { timeoutMs: 120 });
      if (how === "for") { for (const result of completed) seen.push(await result); }
      else for await (const task of completed) seen.push(task.result());
    })();
    iterating.catch(() => {});
    await time.tick(120);
    const error = await assertRejects(() => iterating, TimeoutError);
    assertEquals(error.message, "1 of 2 tasks have not ended after 120 ms");
    assertEquals([seen, tasks[1]?.cancelling()], [["a"], 0]);
    await time.tick(30);
    await tasks[1];
  }
});

Deno.test("asCompleted() by for gives as many promises as there are tasks, also after the time", async () => {
  const hangs = spawn(() => hang());
  let promises = 0;
  for (const result of asCompleted([hangs, () => 1], { timeoutMs: 0 })) {
    promises++;
    await result.catch(() => {});
  }
  assertEquals(promises, 2);
  hangs.cancel();
});

Deno.test("asCompleted() leaves no timer of a limit that was not needed [cpython: BaseTaskTests.test_as_completed_with_unused_timeout]", async () => {
  using time = new FakeTime();
  const seen: number[] = [];
  for await (const task of asCompleted([() => 1], { timeoutMs: 60_000 })) {
    seen.push(task.result());
  }
  for (const result of asCompleted([() => 2], { timeoutMs: 60_000 })) seen.push(await result);
  assertEquals([seen, time.timers], [[1, 2], 0]);
});

Deno.test("asCompleted() that was broken off is resumed [cpython: BaseTaskTests.test_as_completed_resume_iterator]", async () => {
  const all = asCompleted([1, 2, 3, 4].map((n) => () => n));
  const seen: number[] = [];
  for await (const task of all) {
    seen.push(task.result());
    break;
  }
  for (const result of all) {
    seen.push(await result);
    break;
  }
  for await (const task of all) seen.push(task.result());
  for await (const task of all) seen.push(task.result());
  assertEquals([seen, [...all]], [[1, 2, 3, 4], []]);
});

Deno.test("asCompleted() by for: the first promise is the first end, in whatever order they are awaited [cpython: BaseTaskTests.test_as_completed_reverse_wait]", async () => {
  const { a, b } = createGates("a", "b");
  const [first, second] = [
    ...asCompleted([() => a.wait().then(() => "a"), () => b.wait().then(() => "b")]),
  ];
  b.open();
  await settle();
  await assertPending(second!);
  a.open();
  assertEquals([await second, await first], ["a", "b"]);
});

Deno.test("asCompleted() by for: several may be awaited at once [cpython: BaseTaskTests.test_as_completed_concurrent]", async () => {
  const promises = [...asCompleted(["a", "b"].map((name) => () => name))];
  assertEquals(promises.length, 2);
  assertEquals(await Promise.all(promises), ["a", "b"]);
});

Deno.test("asCompleted() counts once what is given twice [cpython: BaseTaskTests.test_as_completed_duplicate_coroutines]", async () => {
  const task = spawn(() => "task");
  const promise = Promise.resolve("promise");
  const seen: string[] = [];
  for await (const one of asCompleted([task, promise, task, promise])) seen.push(one.result());
  assertEquals(seen.toSorted(), ["promise", "task"]);
});

Deno.test("asCompleted() refuses what is no iterable of what can be waited for [cpython: BaseTaskTests.test_as_completed_invalid_args]", () => {
  for (const wrong of [spawn(() => 1), () => 1, Promise.resolve(), 1, undefined]) {
    assertThrows(() => asCompleted(wrong as unknown as (() => void)[]), TypeError);
  }
  const unused = () => {};
  assertThrows(() => asCompleted([unused, 1 as unknown as () => void]), TypeError);
  assertThrows(() => asCompleted([unused], { timeoutMs: -1 }), RangeError);
  assertEquals([...asCompleted([])], []);
});

Deno.test("asCompleted() stops with its signal, before and during; the next call waits for the same", async () => {
  const { end } = createGates("end");
  const controller = new AbortController();
  const { signal } = controller;
  const reason = new Error("enough");
  const task = spawn(() => end.wait());
  const all = asCompleted([task], { signal });
  const next = all.next();
  await assertPending(next);
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => next), reason);
  assertStrictEquals(await assertRejects(() => all.next()), reason);
  assertStrictEquals(assertThrows(() => asCompleted([task], { signal })), reason);
  end.open();
  await task;
});

Deno.test("asCompleted() in a task that is cancelled: the step ends, the next one waits for the same", async () => {
  const { end } = createGates("end");
  const inner = spawn(() => end.wait().then(() => "inner"));
  const all = asCompleted([inner]);
  const task = spawn(async () => {
    for await (const _ of all) await sleep(Infinity);
  });
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  end.open();
  const { value } = await all.next();
  assertEquals([value?.result(), (await all.next()).done], ["inner", true]);
});

Deno.test("asCompleted() has the types of all that it gives", async () => {
  for await (const task of asCompleted([() => 1, Promise.resolve("text")])) {
    const typed: number | string = task.result();
    // @ts-expect-error: it has ended, and is no promise to await
    assertInstanceOf(task.then, Function);
    assertEquals(new Set<unknown>([1, "text"]).has(typed), true);
  }
  for (const result of asCompleted([spawn(() => 1)])) {
    const typed: number = await result;
    // @ts-expect-error: it is a number
    const wrong: string = await result;
    assertEquals<unknown>([typed, wrong], [1, 1]);
  }
});

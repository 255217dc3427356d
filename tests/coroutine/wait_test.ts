import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { CancelledError, sleep, spawn, type Task, wait } from "../../coroutine/mod.ts";
import { FakeTime } from "../support/fake_time.ts";
import { createGates } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";
import { hang } from "./_task_work.ts";

Deno.test("wait() waits for all, and at once when all have ended [cpython: BaseTaskTests.test_wait]", async () => {
  const { a, b } = createGates("a", "b");
  const one = spawn(() => a.wait().then(() => 1));
  const two = spawn(() => b.wait().then(() => 2));
  const waiting = wait([two, one]);
  b.open();
  await assertPending(waiting);
  a.open();
  for (const { done, pending } of [await waiting, await wait([two, one])]) {
    assertEquals([...done].map((task) => task.result()), [2, 1]);
    assertEquals([done.has(one), done.has(two), pending.size], [true, true, 0]);
  }
});

Deno.test("wait() takes tasks as they are, and makes tasks of all else [cpython: BaseTaskTests.test_ensure_future_task]", async () => {
  const task = spawn(() => 1);
  const { done } = await wait([task, () => 2, Promise.resolve(3)]);
  assertEquals([...done].map((one) => one.result()), [1, 2, 3]);
  assertStrictEquals<unknown>([...done][0], task);
});

Deno.test("wait() counts once what is given twice [cpython: BaseTaskTests.test_wait_duplicate_coroutines]", async () => {
  let runs = 0;
  const run = () => `function${++runs}`;
  const task = spawn(() => "task");
  const promise = Promise.resolve("promise");
  const { done } = await wait([task, promise, run, task, promise, run]);
  assertEquals([...done].map((one) => one.result()), [
    "task",
    "promise",
    "function1",
    "function2",
  ]);
});

Deno.test("wait() takes iterators and generators [cpython: BaseTaskTests.test_wait_with_iterator_of_tasks, BaseTaskTests.test_wait_generator]", async () => {
  const tasks = [spawn(() => 1), spawn(() => 2)];
  assertEquals((await wait(tasks.values())).done, new Set(tasks));
  function* generate() {
    yield* tasks;
  }
  assertEquals((await wait(generate())).done.size, 2);
});

Deno.test("wait() refuses nothing, unknown words and what is no iterable, and starts nothing [cpython: BaseTaskTests.test_wait_errors, BaseTaskTests.test_wait_invalid_args]", async () => {
  let hasStarted = false;
  const start = () => hasStarted = true;
  await assertRejects(() => wait([]), RangeError, "no task is given");
  for (const returnWhen of ["never", "toString", "", -1, null]) {
    await assertRejects(
      () => wait([start], { returnWhen: returnWhen as "all-completed" }),
      RangeError,
      '"returnWhen" must be one of first-completed, first-exception, all-completed',
    );
  }
  for (const wrong of [start, spawn(() => 1), Promise.resolve(), "text", 1, undefined]) {
    await assertRejects(
      () => wait(wrong as unknown as (() => void)[]),
      TypeError,
      "expected several in an iterable",
    );
  }
  await assertRejects(() => wait([start, 1 as unknown as () => void]), TypeError, "Cannot wait");
  await assertRejects(() => wait([start], { timeoutMs: -1 }), RangeError);
  await settle();
  assertEquals(hasStarted, false);
});

Deno.test('wait() for "first-completed" [cpython: BaseTaskTests.test_wait_first_completed]', async () => {
  const { a, b } = createGates("a", "b");
  const one = spawn(() => a.wait());
  const two = spawn(() => b.wait());
  const waiting = wait([one, two], { returnWhen: "first-completed" });
  await assertPending(waiting);
  b.open();
  const { done, pending } = await waiting;
  assertEquals([done.has(two), done.size, pending.has(one), pending.size], [true, 1, true, 1]);
  assertEquals(one.cancelling(), 0);
  a.open();
  await one;
});

Deno.test("wait() has in done all that has ended by the time it goes on [cpython: BaseTaskTests.test_wait_really_done]", async () => {
  const { end } = createGates("end");
  const one = spawn(() => end.wait());
  const two = spawn(() => end.wait());
  const waiting = wait([one, two], { returnWhen: "first-completed" });
  end.open();
  assertEquals((await waiting).done, new Set([one, two]));
});

Deno.test('wait() for "first-exception" is over at once when one has failed [cpython: BaseTaskTests.test_wait_first_exception]', async () => {
  const hangs = spawn(() => hang());
  const fails = spawn(() => Promise.reject(new Error("fails")));
  const { done, pending } = await wait([hangs, fails], { returnWhen: "first-exception" });
  assertEquals([done.has(fails), pending.has(hangs), done.size], [true, true, 1]);
  hangs.cancel();
});

Deno.test('wait() for "first-exception" is over when one fails meanwhile [cpython: BaseTaskTests.test_wait_first_exception_in_wait]', async () => {
  const { a, b } = createGates("a", "b");
  const hangs = spawn(() => hang());
  const works = spawn(() => a.wait());
  const fails = spawn(() => b.wait().then(() => Promise.reject(new Error("fails"))));
  const waiting = wait([hangs, works, fails], { returnWhen: "first-exception" });
  a.open();
  await assertPending(waiting);
  b.open();
  const { done, pending } = await waiting;
  assertEquals([[...done], [...pending]], [[works, fails], [hangs]]);
  hangs.cancel();
});

Deno.test('wait() for "first-exception" goes on when one is cancelled, and ends with all', async () => {
  const { end } = createGates("end");
  const cancelled = spawn(() => hang());
  const works = spawn(() => end.wait());
  const waiting = wait([cancelled, works], { returnWhen: "first-exception" });
  await settle();
  cancelled.cancel();
  await assertPending(waiting);
  end.open();
  assertEquals((await waiting).done.size, 2);
});

Deno.test("wait() throws nothing of the tasks [cpython: BaseTaskTests.test_wait_with_exception]", async () => {
  const error = new Error("fails");
  const { done, pending } = await wait([() => Promise.reject(error), () => 1]);
  assertEquals([...done].map((task) => task.exception()), [error, undefined]);
  assertEquals(pending.size, 0);
});

Deno.test("wait() answers what has ended when the time is over, and cancels nothing [cpython: BaseTaskTests.test_wait_with_timeout]", async () => {
  using time = new FakeTime();
  const one = spawn(() => sleep(100));
  const two = spawn(() => sleep(150));
  const waiting = wait([one, two], { timeoutMs: 110 });
  await time.tick(110);
  const { done, pending } = await waiting;
  assertEquals([[...done], [...pending]], [[one], [two]]);
  assertEquals([two.cancelling(), time.timers], [0, 1]);
  await time.tick(40);
  await two;
});

Deno.test("wait() has what ends together with the time [cpython: BaseTaskTests.test_wait_concurrent_complete]", async () => {
  using time = new FakeTime();
  const one = spawn(() => sleep(100));
  const two = spawn(() => sleep(150));
  await settle();
  const waiting = wait([one, two], { timeoutMs: 100 });
  time.skip(100);
  time.fireDue();
  const { done, pending } = await waiting;
  assertEquals([[...done], [...pending]], [[one], [two]]);
  await time.tick(100);
});

Deno.test("wait() of 0 ms does not wait", async () => {
  const ended = spawn(() => 1);
  const hangs = spawn(() => hang());
  await ended;
  const { done, pending } = await wait([ended, hangs], { timeoutMs: 0 });
  assertEquals([[...done], [...pending]], [[ended], [hangs]]);
  hangs.cancel();
});

Deno.test("wait() stops with its signal, before, during and after, and starts nothing before", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const reason = new Error("enough");
  const hangs = spawn(() => hang());
  const ended = await wait([() => 1], { signal });
  const waiting = wait([hangs], { signal });
  await assertPending(waiting);
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => waiting), reason);
  assertEquals([hangs.done(), hangs.cancelling(), ended.done.size], [false, 0, 1]);
  let hasStarted = false;
  const late = wait([() => hasStarted = true], { signal });
  assertStrictEquals(await assertRejects(() => late), reason);
  await settle();
  assertEquals(hasStarted, false);
  hangs.cancel();
});

Deno.test("wait() in a task that is cancelled ends with it", async () => {
  const hangs = spawn(() => hang());
  const task = spawn(() => wait([hangs]));
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  assertEquals(hangs.done(), false);
  hangs.cancel();
});

Deno.test("wait() has the types of all that it waits for", async () => {
  const number = spawn(() => 1);
  const { done } = await wait([number, () => "text", Promise.resolve(true)]);
  const typed: Set<Task<number | string | boolean>> = done;
  const numbers: Set<Task<number>> = (await wait([number])).done;
  // @ts-expect-error: they are numbers
  const wrong: Set<Task<string>> = (await wait([number])).done;
  assert(typed.size === 3 && numbers.size === 1 && wrong.size === 1);
});

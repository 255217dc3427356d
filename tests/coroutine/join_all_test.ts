import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  CancelledError,
  currentTask,
  InvalidStateError,
  joinAll,
  killAll,
  sleep,
  spawn,
  type Task,
} from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";
import { hang } from "./_task_work.ts";

const REASON = new Error("enough");

// joinAll()

Deno.test("joinAll() waits for all, and gives them in the order in which they ended", async () => {
  const { a, b } = createGates("a", "b");
  const tasks = [spawn(() => a.wait().then(() => 1)), spawn(() => b.wait().then(() => 2))];
  const joining = joinAll(tasks);
  await assertPending(joining);
  b.open();
  await assertPending(joining);
  a.open();
  const ended = await joining;
  assertEquals(ended.map((task) => task.result()), [2, 1]);
  assertStrictEquals(ended[0], tasks[1]);
});

Deno.test("joinAll() leaves the errors in the tasks", async () => {
  const [failed, cancelled] = [spawn(() => Promise.reject(REASON)), spawn(() => hang())];
  cancelled.cancel();
  assertEquals((await joinAll([failed, cancelled])).length, 2);
  assertStrictEquals(failed.exception(), REASON);
  assert(cancelled.cancelled());
});

Deno.test("joinAll() counts each task once, takes any iterable, and none", async () => {
  const task = spawn(() => 1);
  assertEquals(await joinAll([task, task]), [task]);
  assertEquals(await joinAll(new Set([task])), [task]);
  assertEquals(await joinAll([]), []);
  assertEquals(await joinAll([], { timeoutMs: 0 }), []);
});

Deno.test("joinAll() with count waits for so many, and cancels nothing", async () => {
  const { a, b } = createGates("a", "b");
  const tasks = [spawn(() => a.wait()), spawn(() => b.wait()), spawn(() => hang())];
  const joining = joinAll(tasks, { count: 2 });
  b.open();
  await assertPending(joining);
  a.open();
  assertEquals((await joining).map((task) => tasks.indexOf(task)), [1, 0]);
  assertEquals(tasks[2]?.done(), false);
  assertEquals((await joinAll(tasks, { count: 1 })).length, 1);
  assertEquals(await joinAll(tasks, { count: 0 }), []);
  tasks[2]?.cancel();
  assertEquals((await joinAll(tasks, { count: 9 })).length, 3);
});

Deno.test("joinAll() gives those that have ended after timeoutMs", async () => {
  const tasks = [spawn(() => 1), spawn(() => hang())];
  for (const timeoutMs of [1, 0]) {
    assertEquals(await joinAll(tasks, { timeoutMs }), [tasks[0]]);
  }
  assertEquals(tasks[1]?.done(), false);
  tasks[1]?.cancel();
});

Deno.test("joinAll() with raiseError throws the first error as soon as it happens", async () => {
  const { fail } = createGates("fail");
  const other = spawn(() => hang());
  const failing = spawn(async () => {
    await fail.wait();
    throw REASON;
  });
  const joining = joinAll([other, spawn(() => 1), failing], { raiseError: true });
  await assertPending(joining);
  fail.open();
  assertStrictEquals(await assertRejects(() => joining), REASON);
  assertEquals(other.done(), false);
  const again = joinAll([other, failing], { raiseError: true });
  assertStrictEquals(await assertRejects(() => again), REASON);
  other.cancel();
  await assertRejects(() => joinAll([other], { raiseError: true }), CancelledError);
  const ended = await joinAll([spawn(() => 1)], { raiseError: true });
  assertEquals(ended[0]?.result(), 1);
});

Deno.test("joinAll() is aborted before anything else, and leaves no error behind", async () => {
  const signal = AbortSignal.abort(REASON);
  const failed = spawn(() => Promise.reject(new Error("fails")));
  await failed.join();
  const joining = joinAll([failed], { signal, raiseError: true });
  assertStrictEquals(await assertRejects(() => joining), REASON);
  const wrong = [5] as unknown as Task<unknown>[];
  assertStrictEquals(await assertRejects(() => joinAll(wrong, { signal })), REASON);
  await spawn(async () => {
    currentTask()?.cancel();
    await assertRejects(() => joinAll([failed], { raiseError: true }), CancelledError);
  });
  await settle();
});

Deno.test("joinAll() that is aborted or cancelled leaves the tasks alone", async () => {
  const task = spawn(() => hang());
  const controller = new AbortController();
  const joining = joinAll([task], { signal: controller.signal });
  const waiter = spawn(() => joinAll([task]));
  await assertPending(joining);
  controller.abort(REASON);
  waiter.cancel();
  assertStrictEquals(await assertRejects(() => joining), REASON);
  await assertRejects(async () => await waiter, CancelledError);
  assertEquals(task.done(), false);
  task.cancel();
});

Deno.test("joinAll() refuses what are no tasks, and options", async () => {
  const wrong = [() => 1] as unknown as Task<unknown>[];
  await assertRejects(() => joinAll(wrong), TypeError, "Cannot join: expected tasks, got function");
  for (const count of [-1, 1.5, NaN]) {
    await assertRejects(() => joinAll([], { count }), RangeError, '"count" must be a whole number');
  }
  await assertRejects(() => joinAll([], { timeoutMs: -1 }), RangeError);
});

Deno.test("joinAll() and killAll() are refused to a task that would wait for itself", async () => {
  const other = spawn(() => hang());
  const task: Task<string[]> = spawn(async () => {
    const tasks = [other, currentTask()!];
    const refused = [() => joinAll(tasks), () => killAll(tasks)].map(async (call) =>
      (await assertRejects<Error>(call, InvalidStateError)).message
    );
    // The other one is enough.
    queueMicrotask(() => other.cancel());
    assertEquals(await joinAll(tasks, { count: 1 }), [other]);
    return await Promise.all(refused);
  }, { name: "me" });
  assertEquals(await task, [
    "Cannot join: me is among the tasks, and would wait for itself",
    "Cannot kill: me is among the tasks, and would wait for itself",
  ]);
});

Deno.test("joinAll() with ten thousand tasks", async () => {
  const tasks = Array.from({ length: 10_000 }, (_, n) => spawn(() => n));
  assertEquals((await joinAll(tasks)).length, 10_000);
});

// killAll()

Deno.test("killAll() cancels all and waits for their end", async () => {
  const { cleaned } = createGates("cleaned");
  const seen: unknown[] = [];
  const tasks = [
    spawn(() => hang(seen, "a").finally(() => cleaned.wait())),
    spawn(() => hang(seen, "b")),
    spawn(() => 3),
  ];
  await settle();
  const killing = killAll(tasks, { reason: "the end" });
  await assertPending(killing);
  cleaned.open();
  assertEquals(await killing, true);
  assertEquals(seen, ["a", "b"]);
  assertEquals(tasks.map((task) => task.cancelled()), [true, true, false]);
  const error = await assertRejects(async () => await tasks[0], CancelledError);
  assertEquals(error.cause, "the end");
  assertEquals(await killAll([]), true);
});

Deno.test("killAll() keeps tasks that have not started from starting, and errors in the tasks", async () => {
  let began = false;
  const task = spawn(() => began = true);
  const failing = spawn(() => hang().finally(() => Promise.reject(REASON)));
  assertEquals(await killAll([task]), true);
  await settle();
  assertEquals(await killAll([failing]), true);
  assertEquals([began, failing.exception()], [false, REASON]);
});

Deno.test("killAll() answers false when some have not ended after timeoutMs", async () => {
  const { cleaned } = createGates("cleaned");
  const task = spawn(() => hang().finally(() => cleaned.wait()));
  await settle();
  assertEquals(await killAll([task], { timeoutMs: 1 }), false);
  cleaned.open();
  assertEquals(await killAll([task], { timeoutMs: 60_000 }), true);
});

Deno.test("killAll() refuses options and is aborted before it cancels anything", async () => {
  const task = spawn(() => sleep(Infinity));
  const signal = AbortSignal.abort(REASON);
  assertStrictEquals(await assertRejects(() => killAll([task], { signal })), REASON);
  await assertRejects(() => killAll([task], { timeoutMs: NaN }), RangeError);
  const wrong = [task, 5] as unknown as Task<unknown>[];
  await assertRejects(() => killAll(wrong), TypeError, "Cannot kill: expected tasks, got number");
  assertEquals([task.done(), task.cancelling()], [false, 0]);
  task.cancel();
});

// Types

Deno.test("joinAll() gives tasks of the type that it was given", async () => {
  const tasks: Task<string>[] = await joinAll([spawn(() => "text")]);
  // @ts-expect-error: they give text
  const wrong: Task<number>[] = await joinAll([spawn(() => "text")]);
  assertEquals<unknown>([tasks[0]?.result(), wrong[0]?.result()], ["text", "text"]);
  const killed: boolean = await killAll(tasks);
  assert(killed);
});

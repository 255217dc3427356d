import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { CancelledError, sleep, spawn } from "../../coroutine/mod.ts";
import { FakeTime } from "../support/fake_time.ts";
import { assertPending, settle } from "../support/settle.ts";

Deno.test("sleep() gives its result after the time [cpython: BaseTaskTests.test_sleep]", async () => {
  using time = new FakeTime();
  const sleeping = sleep(1000, { result: "yeah" });
  await time.tick(999);
  await assertPending(sleeping);
  await time.tick(1);
  assertEquals([await sleeping, time.timers], ["yeah", 0]);
  const plain: Promise<void> = sleep(1);
  await time.tick(1);
  assertStrictEquals(await plain, undefined);
});

Deno.test("sleep() of 0 gives one turn to all others [cpython: SleepTests.test_sleep_zero]", async () => {
  const seen: string[] = [];
  const turns = async (name: string) => {
    for (let turn = 0; turn < 3; turn++) {
      seen.push(`${name}${turn}`);
      await sleep(0);
    }
  };
  const tasks = [spawn(() => turns("a")), spawn(() => turns("b"))];
  await Promise.all(tasks);
  assertEquals(seen, ["a0", "b0", "a1", "b1", "a2", "b2"]);
});

Deno.test("sleep() refuses what is no time [cpython: BaseTaskTests.test_sleep_when_delay_is_nan]", async () => {
  for (const wrong of [NaN, -1, -Infinity]) {
    await assertRejects(() => sleep(wrong), RangeError, '"delayMs" must be 0 or more');
  }
  for (const wrong of ["1", null, undefined, 1n]) {
    await assertRejects(
      () => sleep(wrong as unknown as number),
      TypeError,
      '"delayMs" must be a number',
    );
  }
});

Deno.test("sleep() longer than the longest timer, and without end", async () => {
  using time = new FakeTime();
  const longest = 2 ** 31 - 1;
  const long = sleep(longest + 1000);
  const task = spawn(() => sleep(Infinity));
  await time.tick(longest);
  await assertPending(long);
  await time.tick(1000);
  await long;
  assertEquals([task.done(), time.timers], [false, 1]);
  task.cancel();
  assertEquals(time.timers, 0);
  await assertRejects(async () => await task, CancelledError);
});

Deno.test("sleep() ends with its signal, before, during and not after", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const { signal } = controller;
  const reason = new Error("awake");
  const after = sleep(1, { signal, result: 1 });
  await time.tick(1);
  const during = sleep(1000, { signal });
  await settle();
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => during), reason);
  assertStrictEquals(await assertRejects(() => sleep(0, { signal })), reason);
  assertEquals([await after, time.timers], [1, 0]);
});

Deno.test("sleep() with a signal of its own does not end with its task", async () => {
  using time = new FakeTime();
  const { signal } = new AbortController();
  const task = spawn(() => sleep(1000, { signal, result: "slept" }));
  await settle();
  task.cancel();
  await time.tick(1000);
  assertEquals(await task, "slept");
});

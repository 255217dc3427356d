import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { InvalidStateError } from "../../coroutine/errors.ts";
import { Timer } from "../../thread/timer.ts";
import { assertPending } from "../support/settle.ts";

Deno.test("Timer calls its function after the time, with arguments of its own [cpython: TimerTests.test_init_immutable_default_args]", async () => {
  const calls: string[][] = [];
  const args = ["a"];
  const first = new Timer(1, (...all: string[]) => calls.push(all), { args });
  const second = new Timer(1, (...all: string[]) => calls.push(all));
  args.push("b");
  assertEquals([first.isAlive(), second.isAlive()], [false, false]);
  first.start();
  assertEquals([first.isAlive(), calls.length], [true, 0]);
  assertEquals(await first.join(), true);
  second.start();
  assertEquals(await second.join(), true);
  assertEquals([calls, first.isAlive()], [[["a"], []], false]);
});

Deno.test("Timer.cancel() keeps the function from being called", async () => {
  const calls: number[] = [];
  using timer = new Timer(60_000, () => calls.push(1));
  timer.start();
  assertEquals(await timer.join({ timeoutMs: 1 }), false);
  timer.cancel();
  assertEquals([await timer.join(), timer.isAlive(), calls], [true, false, []]);
  timer.cancel();
});

Deno.test("Timer.join() throws what the function threw", async () => {
  const timer = new Timer(0, () => Promise.reject(new Error("enough")));
  timer.start();
  await assertRejects(() => timer.join(), Error, "enough");
});

Deno.test("Timer refuses bad arguments, a second start, and a join before the start", async () => {
  assertThrows(() => new Timer(-1, () => {}), RangeError, '"delayMs" must be');
  assertThrows(() => new Timer("1" as never, () => {}), TypeError, '"delayMs" must be');
  assertThrows(() => new Timer(1, 1 as never), TypeError, '"target" must be');
  const timer = new Timer(0, () => {});
  await assertRejects(() => timer.join(), InvalidStateError, "it was not started");
  timer.start();
  assertThrows(() => timer.start(), InvalidStateError, "it was started before");
  await timer.join();
  assertThrows(() => timer.start(), InvalidStateError);
});

Deno.test("Timer.cancel() leaves a function alone that runs, and join() waits for its end", async () => {
  const { promise: end, resolve: finish } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const timer = new Timer(0, () => (begin(), end));
  timer.start();
  await begun;
  timer.cancel();
  assertEquals(timer.isAlive(), true);
  const joined = timer.join();
  await assertPending(joined);
  const reason = new Error("enough");
  assertStrictEquals(
    await assertRejects(() => timer.join({ signal: AbortSignal.abort(reason) })),
    reason,
  );
  finish();
  assertEquals([await joined, timer.isAlive()], [true, false]);
});

Deno.test("Timer whose function throws and that nobody has joined is reported by the runtime", async () => {
  const { promise: reported, resolve } = Promise.withResolvers<unknown>();
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    resolve(event.reason);
  };
  addEventListener("unhandledrejection", listener);
  try {
    const reason = new Error("enough");
    new Timer(0, () => {
      throw reason;
    }).start();
    assertStrictEquals(await reported, reason);
  } finally {
    removeEventListener("unhandledrejection", listener);
  }
});

Deno.test("Timer that never comes keeps waiting until it is cancelled", async () => {
  let called = false;
  using timer = new Timer(Infinity, () => called = true);
  timer.start();
  await assertPending(timer.join(), "the timer");
  timer.cancel();
  assertEquals([await timer.join(), timer.isAlive(), called], [true, false, false]);
});

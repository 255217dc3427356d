import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  AsyncCoroutine,
  CancelledError,
  coroutine,
  InvalidStateError,
  spawn,
  TimeoutError,
} from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { countListeners } from "../support/listeners.ts";
import { assertPending, settle } from "../support/settle.ts";

const FAILURE = new Error("failure");
const REASON = new Error("enough");

const echo = coroutine(async function* () {
  let heard: unknown;
  for (;;) {
    const value: unknown = yield heard;
    heard = await Promise.resolve(value);
  }
});

/** Answers each number when the gate is open. */
function createGated() {
  const gates = createGates("go");
  const adding = coroutine(async function* () {
    let total = 0;
    for (;;) {
      const n: number = yield total;
      if (!gates.go.isOpen) await gates.go.wait();
      total += n;
    }
  })();
  return { adding, go: gates.go };
}

// Sending

Deno.test("AsyncCoroutine.send() makes the value the result of the yield", async () => {
  const running = await echo().start();
  for (const value of [1, "two", null, undefined]) {
    assertStrictEquals(await running.send(value), value);
  }
  assertEquals(running.state, "suspended");
});

Deno.test("AsyncCoroutine.send() of a value before the first yield is a TypeError", async () => {
  const created = echo();
  await assertRejects(() => created.send(0), TypeError, "call start() first");
  await assertRejects(() => created.next(0), TypeError, "call start() first");
  assertEquals(created.state, "created");
  assertStrictEquals(await created.send(undefined), undefined);
  assertEquals(await created.send(1), 1);
});

Deno.test("AsyncCoroutine.send() answers the returned value at the end, and then it is readable", async () => {
  const greet = coroutine(async function* () {
    const name: string = yield "who?";
    return await Promise.resolve(`Hello ${name}`);
  })();
  assertEquals(await greet.next(), { done: false, value: "who?" });
  assertEquals([greet.state, greet.value], ["suspended", undefined]);
  assertEquals(await greet.send("Ada"), "Hello Ada");
  assertEquals([greet.state, greet.value], ["closed", "Hello Ada"]);
  await assertRejects(() => greet.send("Bob"), InvalidStateError, "it has ended");
  assertEquals<unknown>(await greet.next(), { done: true, value: undefined });
  assertEquals(greet.value, "Hello Ada");
});

Deno.test("AsyncCoroutine.start() refuses a second time", async () => {
  const running = await echo().start();
  await assertRejects(() => running.start(), InvalidStateError, "it is suspended");
});

Deno.test("AsyncCoroutine has the name of its function, and refuses to be copied", () => {
  const named = coroutine(async function* consume() {
    yield await Promise.resolve(1);
  })();
  assertEquals([named.name, named.state], ["consume", "created"]);
  assertThrows(() => structuredClone(named), DOMException, "could not be cloned");
  assertThrows(() => JSON.stringify(named), TypeError, "Cannot copy coroutine");
});

// Errors

Deno.test("AsyncCoroutine lets an error out, and is closed then", async () => {
  const failing = await coroutine(async function* () {
    const n: number = yield 0;
    await Promise.resolve(n);
    throw FAILURE;
  })().start();
  assertStrictEquals(await assertRejects(() => failing.send(1)), FAILURE);
  assertEquals(failing.state, "closed");
});

Deno.test("AsyncCoroutine.throw() is seen at the yield, which may go on", async () => {
  const brave = await coroutine(async function* () {
    for (;;) {
      try {
        yield "waiting";
      } catch (error) {
        yield await Promise.resolve(error);
      }
    }
  })().start();
  assertStrictEquals(await brave.throw(FAILURE), FAILURE);
  assertEquals(await brave.next(), { done: false, value: "waiting" });
  await brave.close();
});

Deno.test("AsyncCoroutine.throw() before the start or after the end throws the error", async () => {
  const created = echo();
  assertStrictEquals(await assertRejects(() => created.throw(FAILURE)), FAILURE);
  assertEquals(created.state, "closed");
  assertStrictEquals(await assertRejects(() => created.throw(FAILURE)), FAILURE);
});

// Closing

Deno.test("AsyncCoroutine.close() runs finally, and answers what it returns", async () => {
  const log: string[] = [];
  const running = await coroutine(async function* () {
    try {
      yield 1;
      log.push("not here");
    } finally {
      await Promise.resolve();
      log.push("finally");
      // deno-lint-ignore no-unsafe-finally -- it is how a closed generator answers
      return 5;
    }
  })().start();
  assertEquals(await running.close(), 5);
  assertEquals([running.state, running.value, log], ["closed", 5, ["finally"]]);
  assertStrictEquals(await running.close(), undefined);
  assertEquals(running.value, 5);
});

Deno.test("AsyncCoroutine.close() before the start runs nothing", async () => {
  let ran = false;
  const created = coroutine(async function* () {
    ran = true;
    yield await Promise.resolve(1);
  })();
  assertStrictEquals(await created.close(), undefined);
  assertEquals([created.state, ran], ["closed", false]);
});

Deno.test("AsyncCoroutine.close() lets out what is thrown meanwhile", async () => {
  const running = await coroutine(async function* () {
    try {
      yield 1;
    } finally {
      await Promise.reject(FAILURE);
    }
  })().start();
  assertStrictEquals(await assertRejects(() => running.close()), FAILURE);
  assertEquals(running.state, "closed");
});

Deno.test("AsyncCoroutine.close() of one that yields again is an InvalidStateError", async () => {
  const stubborn = await coroutine(async function* () {
    try {
      yield 1;
    } finally {
      yield await Promise.resolve(2);
    }
  })().start();
  await assertRejects(() => stubborn.close(), InvalidStateError, "it yielded instead of ending");
  assertEquals(stubborn.state, "suspended");
  await stubborn.close();
  assertEquals(stubborn.state, "closed");
});

// One thing at a time

Deno.test("AsyncCoroutine refuses every call from inside itself, and does not wait for itself", async () => {
  const errors: unknown[] = [];
  const selfish: AsyncCoroutine<number, undefined, void> = coroutine(async function* () {
    const calls = [
      () => selfish.send(undefined),
      () => selfish.next(),
      () => selfish.throw(FAILURE),
      () => selfish.close(),
      () => selfish.start(),
      () => selfish[Symbol.asyncIterator]().next(),
      () => selfish[Symbol.asyncIterator]().throw!(FAILURE),
      () => selfish[Symbol.asyncIterator]().return!(),
    ];
    for (const call of calls) errors.push(await assertRejects(call, InvalidStateError));
    const _: undefined = yield 1;
  })();
  await selfish.start();
  assertEquals(errors.length, 8);
  assertEquals(selfish.state, "suspended");
  await selfish.close();
});

Deno.test("AsyncCoroutine refuses every call from outside while it runs, and the running one goes on", async () => {
  const { adding, go } = createGated();
  await adding.start();
  const first = adding.send(1);
  assertEquals(adding.state, "running");
  await assertRejects(() => adding.send(2), InvalidStateError, "it does one thing at a time");
  await assertRejects(() => adding.next(2), InvalidStateError, "it does one thing at a time");
  await assertRejects(() => adding.throw(FAILURE), InvalidStateError, "Cannot throw into");
  await assertRejects(() => adding.close(), InvalidStateError, "Cannot close coroutine");
  await assertRejects(() => adding.answer(), InvalidStateError, "there is none");
  go.open();
  assertEquals(await first, 1);
  assertEquals(await adding.send(10), 11);
});

// Giving up the wait

Deno.test("AsyncCoroutine.send() with an aborted signal sends nothing", async () => {
  const { adding, go } = createGated();
  go.open();
  await adding.start();
  const options = { signal: AbortSignal.abort(REASON) };
  assertStrictEquals(await assertRejects(() => adding.send(5, options)), REASON);
  assertEquals(adding.state, "suspended");
  assertEquals(await adding.send(1), 1);
  await assertRejects(() => adding.answer(), InvalidStateError, "there is none");
});

Deno.test("AsyncCoroutine.send() with a bad timeoutMs sends nothing", async () => {
  const running = await echo().start();
  for (const timeoutMs of [-1, NaN]) {
    await assertRejects(() => running.send(1, { timeoutMs }), RangeError);
  }
  await assertRejects(() => running.send(1, { timeoutMs: "1" as never }), TypeError);
  assertEquals(running.state, "suspended");
});

Deno.test("AsyncCoroutine.send() that is aborted leaves its answer to answer()", async () => {
  const { adding, go } = createGated();
  await adding.start();
  const controller = new AbortController();
  const sent = adding.send(1, { signal: controller.signal });
  await assertPending(sent);
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => sent), REASON);
  assertEquals(adding.state, "running");
  await assertRejects(() => adding.send(2), InvalidStateError, "it is running");
  const answer = adding.answer();
  await assertPending(answer);
  go.open();
  assertEquals(await answer, 1);
  assertEquals(await adding.send(2), 3);
});

Deno.test("AsyncCoroutine.send() refuses to mistake the answer that was given up", async () => {
  const { adding, go } = createGated();
  await adding.start();
  await assertRejects(() => adding.send(1, { timeoutMs: 1 }), TimeoutError, "within 1 ms");
  go.open();
  await settle();
  assertEquals(adding.state, "suspended");
  await assertRejects(() => adding.send(2), InvalidStateError, "call answer() first");
  await assertRejects(() => adding.next(2), InvalidStateError, "call answer() first");
  await assertRejects(() => adding.throw(FAILURE), InvalidStateError, "call answer() first");
  assertEquals(await adding.answer(), 1);
  await assertRejects(() => adding.answer(), InvalidStateError, "there is none");
  assertEquals(await adding.send(2), 3);
});

Deno.test("AsyncCoroutine.answer() can be given up as well", async () => {
  const { adding, go } = createGated();
  await adding.start();
  await assertRejects(() => adding.send(1, { timeoutMs: 1 }), TimeoutError);
  await assertRejects(() => adding.answer({ timeoutMs: 1 }), TimeoutError);
  const options = { signal: AbortSignal.abort(REASON) };
  assertStrictEquals(await assertRejects(() => adding.answer(options)), REASON);
  go.open();
  assertEquals(await adding.answer(), 1);
  assertEquals(await adding.send(2), 3);
});

Deno.test("AsyncCoroutine.answer() throws the error that came late", async () => {
  const { go } = createGates("go");
  const failing = await coroutine(async function* () {
    yield 1;
    await go.wait();
    throw FAILURE;
  })().start();
  await assertRejects(() => failing.send(undefined, { timeoutMs: 1 }), TimeoutError);
  go.open();
  await settle();
  assertEquals(failing.state, "closed");
  await assertRejects(() => failing.send(undefined), InvalidStateError, "call answer() first");
  assertStrictEquals(await assertRejects(() => failing.answer()), FAILURE);
  await failing.close();
});

Deno.test("AsyncCoroutine.close() does not swallow an error that came late, and is harmless then", async () => {
  const { go } = createGates("go");
  const failing = await coroutine(async function* () {
    yield 1;
    await go.wait();
    throw FAILURE;
  })().start();
  await assertRejects(() => failing.send(undefined, { timeoutMs: 1 }), TimeoutError);
  go.open();
  await settle();
  assertStrictEquals(await assertRejects(() => failing.close()), FAILURE);
  await failing.close();
});

Deno.test("AsyncCoroutine.send() keeps an answer that came in the same turn as the abort", async () => {
  const counting = await coroutine(async function* () {
    for (let n = 0;; n++) {
      const _: undefined = yield n;
    }
  })().start();
  const outcomes = new Set<string>();
  for (let turns = 0; turns < 20; turns++) {
    const controller = new AbortController();
    const sent = counting.send(undefined, { signal: controller.signal });
    for (let turn = 0; turn < turns; turn++) await undefined;
    controller.abort(REASON);
    const outcome = await sent.then(() => "answered", () => "given up");
    outcomes.add(outcome);
    await settle();
    // Whichever came first: each answer is had once, and none is mistaken for another.
    if (outcome === "given up") {
      await assertRejects(() => counting.send(undefined), InvalidStateError, "call answer() first");
      assertEquals(await counting.answer(), 2 * turns + 1);
    }
    assertEquals(await counting.send(undefined), 2 * turns + 2);
  }
  assertEquals(outcomes.size, 2);
});

Deno.test("AsyncCoroutine.send() leaves no timer and no listener behind", async () => {
  const running = await echo().start();
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  // A timer that went on would fail the test.
  assertEquals(await running.send(1, { signal, timeoutMs: 60_000 }), 1);
  assertEquals(listeners.count, 0);
});

Deno.test("AsyncCoroutine.send() that aborts its own signal sends once", async () => {
  const controller = new AbortController();
  const signaller = await coroutine(async function* () {
    for (let n = 0;; n++) {
      const _: undefined = yield n;
      controller.abort(REASON);
      await Promise.resolve();
    }
  })().start();
  const options = { signal: controller.signal };
  assertStrictEquals(await assertRejects(() => signaller.send(undefined, options)), REASON);
  assertEquals(await signaller.answer(), 1);
  assertEquals(await signaller.send(undefined), 2);
});

Deno.test("AsyncCoroutine.send() ends when its task is cancelled, and the answer stays", async () => {
  const { adding, go } = createGated();
  await adding.start();
  const task = spawn(async () => await adding.send(1));
  await settle();
  task.cancel("over");
  await assertRejects(async () => await task, CancelledError);
  go.open();
  assertEquals(await adding.answer(), 1);
  assertEquals(await adding.send(1), 2);
});

Deno.test("AsyncCoroutine.start() can be given up, and goes on", async () => {
  const { go } = createGates("go");
  const slow = coroutine(async function* () {
    await go.wait();
    const n: number = yield 1;
    yield n;
  })();
  await assertRejects(() => slow.start({ timeoutMs: 1 }), TimeoutError);
  assertEquals(slow.state, "running");
  go.open();
  assertEquals(await slow.answer(), 1);
  assertEquals(await slow.send(7), 7);
});

Deno.test("AsyncCoroutine.close() can be given up, and closes nevertheless", async () => {
  const { go } = createGates("go");
  const slow = await coroutine(async function* () {
    try {
      yield 1;
    } finally {
      await go.wait();
    }
  })().start();
  await assertRejects(() => slow.close({ timeoutMs: 1 }), TimeoutError);
  assertEquals(slow.state, "running");
  go.open();
  await settle();
  assertEquals(slow.state, "closed");
  await slow.close();
});

Deno.test("AsyncCoroutine.close() that was given up tells later that it yielded instead", async () => {
  const { go } = createGates("go");
  const stubborn = await coroutine(async function* () {
    try {
      yield 1;
    } finally {
      await go.wait();
      yield 2;
    }
  })().start();
  await assertRejects(() => stubborn.close({ timeoutMs: 1 }), TimeoutError);
  go.open();
  await settle();
  assertEquals(stubborn.state, "suspended");
  await assertRejects(() => stubborn.next(), InvalidStateError, "call answer() first");
  await assertRejects(() => stubborn.answer(), InvalidStateError, "it yielded instead of ending");
  await stubborn.close();
  assertEquals(stubborn.state, "closed");
});

// Disposal and loops

Deno.test("AsyncCoroutine is closed at the end of its block, once", async () => {
  let closings = 0;
  const make = coroutine(async function* () {
    try {
      yield 1;
    } finally {
      await Promise.resolve();
      closings++;
    }
  });
  {
    await using running = await make().start();
    assertInstanceOf(running, AsyncCoroutine);
    await running[Symbol.asyncDispose]();
  }
  assertEquals(closings, 1);
});

Deno.test("AsyncCoroutine waits at the end of its block for what runs", async () => {
  const { adding, go } = createGated();
  await adding.start();
  const sent = adding.send(1);
  const disposed = adding[Symbol.asyncDispose]();
  await assertPending(disposed);
  // Nobody gets in between.
  await assertRejects(() => adding.send(2), InvalidStateError, "it is running");
  go.open();
  assertEquals(await sent, 1);
  await disposed;
  assertEquals(adding.state, "closed");
});

Deno.test("AsyncCoroutine lets nobody in between what runs and its disposal", async () => {
  const { go, end } = createGates("go", "end");
  const running = await coroutine(async function* () {
    try {
      for (let n = 1;; n++) {
        const _: undefined = yield n;
        await go.wait();
      }
    } finally {
      await end.wait();
    }
  })().start();
  const sent = running.send(undefined);
  const disposed = running[Symbol.asyncDispose]();
  go.open();
  assertEquals(await sent, 2);
  assertEquals(running.state, "running");
  await assertRejects(() => running.send(undefined), InvalidStateError, "it is running");
  end.open();
  await disposed;
  assertEquals(running.state, "closed");
});

Deno.test("AsyncCoroutine can be disposed of after a send was given up", async () => {
  const { adding, go } = createGated();
  await adding.start();
  await assertRejects(() => adding.send(1, { timeoutMs: 1 }), TimeoutError);
  const disposed = adding[Symbol.asyncDispose]();
  await assertPending(disposed);
  go.open();
  await disposed;
  assertEquals(adding.state, "closed");
});

Deno.test("AsyncCoroutine keeps its value when it ends while its disposal waits", async () => {
  const { go } = createGates("go");
  const ending = await coroutine(async function* () {
    yield 1;
    await go.wait();
    return "ended";
  })().start();
  const sent = ending.send(undefined);
  const disposed = ending[Symbol.asyncDispose]();
  go.open();
  assertEquals(await sent, "ended");
  await disposed;
  assertEquals([ending.state, ending.value], ["closed", "ended"]);
});

Deno.test("AsyncCoroutine can be looped over, and is closed when the loop is left", async () => {
  const counting = coroutine(async function* () {
    for (let n = 1; n < 4; n++) yield await Promise.resolve(n);
    return "end";
  });
  const whole = counting();
  const seen: number[] = [];
  for await (const n of whole) seen.push(n);
  assertEquals([seen, whole.value], [[1, 2, 3], "end"]);
  const left = counting();
  for await (const n of left) {
    if (n === 2) break;
  }
  assertEquals([left.state, left.value], ["closed", undefined]);
});

Deno.test("AsyncCoroutine delegates and can be delegated to", async () => {
  const log: unknown[] = [];
  const inner = coroutine(async function* (): AsyncGenerator<string, string, unknown> {
    try {
      log.push(yield "a");
      try {
        yield "b";
      } catch (error) {
        log.push(error);
      }
      return await Promise.resolve("inner's");
    } finally {
      log.push("inner ends");
    }
  });
  const outer = coroutine(async function* (): AsyncGenerator<string, string, unknown> {
    return `outer has ${yield* inner()}`;
  });
  const running = outer();
  assertEquals((await running.next()).value, "a");
  assertEquals(await running.send(1), "b");
  assertEquals(await running.throw(FAILURE), "outer has inner's");
  assertEquals(log, [1, FAILURE, "inner ends"]);
  const closed = await outer().start();
  await closed.close();
  assertEquals([closed.state, log.length], ["closed", 4]);
  assert(log.at(-1) === "inner ends");
});

Deno.test("AsyncCoroutine iterator.return() of one that is closed answers the value, as a generator does", async () => {
  const closed = coroutine(async function* (): AsyncGenerator<number, number, void> {
    yield 1;
    return 2;
  })();
  const iterator = closed[Symbol.asyncIterator]();
  await iterator.next();
  await closed.close();
  assertEquals(await iterator.return!(7), { done: true, value: 7 });
});

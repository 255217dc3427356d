import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  AsyncCoroutine,
  Coroutine,
  coroutine,
  type CoroutineState,
  InvalidStateError,
} from "../../coroutine/mod.ts";

/** Compiles only when both types are the same. */
function assertType<_Expected>(): <Actual>(
  ..._actual: Same<Actual, _Expected> extends true ? [value: Actual] : ["the types differ"]
) => void {
  return () => {};
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

const FAILURE = new Error("failure");

const echo = coroutine(function* () {
  let heard: unknown;
  for (;;) {
    const value: unknown = yield heard;
    heard = value;
  }
});

const countdown = coroutine(function* (from: number) {
  for (let n = from; n > 0; n--) yield n;
  return "lift-off";
});

// Types

Deno.test("coroutine() infers what is yielded, sent and returned", () => {
  const average = coroutine(function* (first: number) {
    let sum = first;
    for (let count = 1;; count++) {
      const n: number = yield sum / count;
      sum += n;
    }
  });
  assertType<(first: number) => Coroutine<number, number, never>>()(average);
  assertEquals(average(10).start().send(20), 15);

  const ask = coroutine(function* () {
    const name: string = yield "name?";
    const age: string = yield 5;
    return [name, age] as const;
  });
  assertType<() => Coroutine<"name?" | 5, string, readonly [string, string]>>()(ask);
  const sink = coroutine(function* () {
    for (;;) {
      const line: string = yield;
      assert(line);
    }
  });
  assertType<() => Coroutine<undefined, string, never>>()(sink);
  const plain = coroutine(function* () {
    yield "a" as string;
  });
  assertType<() => Coroutine<string, unknown, void>>()(plain);
});

Deno.test("coroutine() infers through yield*", () => {
  function* inner(): Generator<string, boolean, number> {
    return (yield "a") > 1;
  }
  const outer = coroutine(function* () {
    return yield* inner();
  });
  assertType<() => Coroutine<string, number, boolean>>()(outer);
  const delegate = coroutine(inner);
  const around = coroutine(function* () {
    return yield* delegate();
  });
  assertType<() => Coroutine<string, number, boolean>>()(around);
  const running = around().start();
  assertEquals([running.send(2), running.value], [true, true]);
});

Deno.test("coroutine() keeps the type parameters of the function", () => {
  const repeat = coroutine(function* <T>(first: T): Generator<T, void, T> {
    for (let item = first;;) item = yield item;
  });
  const numbers = repeat(1);
  assertType<Coroutine<number, number, void>>()(numbers);
  assertType<number | void>()(numbers.start().send(5));
});

Deno.test("coroutine() of an async generator function makes async coroutines", async () => {
  const slow = coroutine(async function* (first: string) {
    const n: number = yield first;
    return n > 0;
  });
  assertType<(first: string) => AsyncCoroutine<string, number, boolean>>()(slow);
  // What annotates nothing is sent anything, and not what only the compiler has a name for.
  const timer = coroutine(async function* () {
    yield await Promise.resolve(1);
  });
  assertType<() => AsyncCoroutine<number, unknown, void>>()(timer);
  const repeat = coroutine(async function* <T>(first: T): AsyncGenerator<T, void, T> {
    for (let item = first;;) item = yield item;
  });
  assertType<AsyncCoroutine<string, string, void>>()(repeat("a"));
  await using running = await slow("a").start();
  assertInstanceOf(running, AsyncCoroutine);
  const answer = running.send(1);
  assertType<Promise<string | boolean>>()(answer);
  assertStrictEquals(await answer, true);
});

Deno.test("Coroutine.send() takes only what the function takes", () => {
  const sink = coroutine(function* () {
    for (;;) {
      const line: string = yield;
      assert(line);
    }
  });
  const running = sink().start();
  // @ts-expect-error a number is no line
  assertEquals(running.send(1), undefined);
  // @ts-expect-error nor is nothing
  assertThrows(() => running.send(undefined));
  // One that takes more can stand for one that takes less, and not the other way round.
  const narrow: Coroutine<undefined, "a", never> = sink();
  // @ts-expect-error it does not take numbers
  const wide: Coroutine<undefined, string | number, never> = sink();
  assertEquals([narrow.state, wide.state], ["created", "created"]);
});

Deno.test("Coroutine cannot be looped over when it needs values, and the compiler says so", () => {
  const sink = coroutine(function* () {
    for (;;) {
      const line: string = yield 1;
      if (line === undefined) return;
    }
  });
  const seen: number[] = [];
  // @ts-expect-error a loop sends undefined
  for (const n of sink()) seen.push(n);
  assertEquals(seen, [1]);
});

Deno.test("coroutine() refuses a yield that nobody annotated, at compile time", () => {
  const nameless = coroutine(function* () {
    // @ts-expect-error what is sent is not known
    const n = yield 1;
    return n;
  });
  assertEquals([...nameless()], [1]);
  // Without a star it is none, and its answer cannot be called.
  // @ts-expect-error no coroutine function
  assertThrows(() => coroutine(() => 5)(), TypeError);
});

// Making one

Deno.test("coroutine() refuses what is no generator function", () => {
  assertThrows(
    () => coroutine(5 as never),
    TypeError,
    "a generator function is needed, got number",
  );
  const notOne = coroutine(function notOne() {
    return 5;
  } as never);
  assertThrows(() => (notOne as () => void)(), TypeError, '"notOne" must be a generator function');
  const promised = coroutine((() => Promise.resolve()) as never);
  assertThrows(() => (promised as () => void)(), TypeError, "it returned object");
});

Deno.test("coroutine() keeps the name of the function [cpython: GeneratorTest.test_name]", () => {
  const consumer = coroutine(function* consume() {
    yield 1;
  });
  assertEquals([consumer.name, consumer().name, countdown.name], ["consume", "consume", ""]);
  assertEquals(new Coroutine((function* () {})(), "mine").name, "mine");
});

Deno.test("Coroutine refuses to be copied [cpython: GeneratorTest.test_copy]", () => {
  assertThrows(() => structuredClone(echo()), DOMException, "could not be cloned");
});

Deno.test("Coroutine refuses to be serialised [cpython: GeneratorTest.test_pickle]", () => {
  assertThrows(() => JSON.stringify({ it: echo() }), TypeError, "Cannot copy coroutine");
});

Deno.test("Coroutine.state is created, running, suspended, closed", () => {
  const states: CoroutineState[] = [];
  const watched: Coroutine<undefined, undefined, void> = coroutine(function* () {
    states.push(watched.state);
    const _: undefined = yield;
    states.push(watched.state);
  })();
  states.push(watched.state);
  watched.start();
  states.push(watched.state);
  watched.send(undefined);
  states.push(watched.state);
  assertEquals(states, ["created", "running", "suspended", "running", "closed"]);
});

// Sending

Deno.test("Coroutine.send() makes the value the result of the yield [cpython: coroutine_tests.send-is-the-result-of-yield]", () => {
  const running = echo().start();
  for (const value of [1, "two", null, undefined]) assertStrictEquals(running.send(value), value);
});

Deno.test("Coroutine.send() of a value before the first yield is a TypeError [cpython: GeneratorTest.test_send_non_none_to_new_gen, coroutine_tests.send-before-the-first-step]", () => {
  const created = echo();
  assertThrows(() => created.send(0), TypeError, "call start() first");
  assertThrows(() => created.next(null), TypeError, 'before the first "yield"');
  assertEquals(created.state, "created");
  assertStrictEquals(created.send(undefined), undefined);
  assertEquals(created.send(1), 1);
});

Deno.test("Coroutine.send() answers undefined to a bare yield [cpython: coroutine_tests.bare-yield]", () => {
  const bare = coroutine(function* () {
    yield;
    yield undefined;
  })();
  assertStrictEquals(bare.send(undefined), undefined);
  assertEquals(bare.state, "suspended");
  assertStrictEquals(bare.send(undefined), undefined);
  assertEquals(bare.state, "suspended");
});

Deno.test("Coroutine.send() can be added up in one expression [cpython: coroutine_tests.accumulates-sent-values]", () => {
  const seen: number[] = [];
  const count = coroutine(function* (): Generator<undefined, never, number> {
    for (let total = 0;;) {
      total += yield;
      seen.push(total);
    }
  })().start();
  for (const n of [10, 20, 12]) count.send(n);
  assertEquals(seen, [10, 30, 42]);
});

Deno.test("Coroutine.send() answers the returned value at the end, and then it is readable", () => {
  const greet = coroutine(function* () {
    const name: string = yield "who?";
    return { greeting: `Hello ${name}` };
  })();
  assertStrictEquals(greet.value, undefined);
  assertStrictEquals(greet.send(undefined as never), "who?");
  assertStrictEquals(greet.value, undefined);
  assertEquals(greet.send("Ada"), { greeting: "Hello Ada" });
  assertEquals([greet.state, greet.value], ["closed", { greeting: "Hello Ada" }]);
});

Deno.test("Coroutine.send() after the end throws, next() says done [cpython: coroutine_tests.send-after-the-end]", () => {
  const ended = countdown(0);
  assertEquals(ended.next(), { done: true, value: "lift-off" });
  assertThrows(() => ended.send(1), InvalidStateError, "it has ended");
  assertThrows(() => ended.send(undefined), InvalidStateError, "it has ended");
  assertEquals<unknown>(ended.next(), { done: true, value: undefined });
  assertEquals<unknown>(ended.next(1), { done: true, value: undefined });
  assertEquals(ended.value, "lift-off");
});

Deno.test("Coroutine is sent the keys of an assignment from left to right [cpython: coroutine_tests.evaluation-order]", () => {
  const target: Record<string, number> = {};
  const assign = coroutine(function* (): Generator<string, void, string> {
    target[yield "a"] = target[yield "b"] = 27;
  })();
  assertEquals(assign.next().value, "a");
  assertEquals(assign.send("A"), "b");
  assign.send("B");
  assertEquals(target, { A: 27, B: 27 });
});

Deno.test("Coroutine.start() refuses a second time, and after the end", () => {
  const once = echo();
  assertStrictEquals(once.start(), once);
  assertThrows(() => once.start(), InvalidStateError, "it is suspended");
  once.close();
  assertThrows(() => once.start(), InvalidStateError, "it is closed");
});

Deno.test("Coroutine.send() works in expression functions and through delegation [cpython: FinalizationTest.test_lambda_generator]", () => {
  const one = coroutine(function* (): Generator<number, string, string> {
    return yield 1;
  });
  const two = coroutine(function* (): Generator<number, string, string> {
    return yield* one();
  });
  const three = coroutine((): Generator<number, string, string> =>
    (function* () {
      return yield 1;
    })()
  );
  for (const make of [one, two, three]) {
    const made = make();
    assertEquals(made.next().value, 1);
    assertEquals(made.send("sent"), "sent");
    assertEquals(made.value, "sent");
  }
});

// Errors and values

Deno.test("Coroutine lets an error after its last yield out of the loop [cpython: GeneratorTest.test_issue103488]", () => {
  const failing = coroutine(function* () {
    yield 1;
    throw FAILURE;
  });
  const seen: number[] = [];
  const caught = assertThrows(() => {
    for (const n of failing()) seen.push(n);
  });
  assertStrictEquals(caught, FAILURE);
  assertEquals(seen, [1]);
});

Deno.test("Coroutine is not ended well by a thrown end of an iterator [cpython: ExceptionTest.test_stopiteration_error]", () => {
  const end = { done: true, value: 5 };
  const failing = coroutine(function* (ends: () => never): Generator<number, number, void> {
    yield ends();
    return 1;
  })(() => {
    throw end;
  });
  assertStrictEquals(thrownBy(() => failing.next()), end);
  assertEquals([failing.state, failing.value], ["closed", undefined]);
});

Deno.test("Coroutine is not ended well by one after some values either [cpython: ExceptionTest.test_tutorial_stopiteration]", () => {
  const end = { done: true, value: 5 };
  const failing = coroutine(function* () {
    yield 1;
    throw end;
  })();
  assertEquals(failing.next(), { done: false, value: 1 });
  assertStrictEquals(thrownBy(() => failing.next()), end);
});

Deno.test("Coroutine returns values of any kind [cpython: ExceptionTest.test_return_tuple, ExceptionTest.test_return_stopiteration]", () => {
  for (const value of [[1, 2], { done: true, value: 1 }, FAILURE, undefined, null, () => 1]) {
    const returning = coroutine(function* () {
      yield 1;
      return value;
    })().start();
    assertStrictEquals(returning.send(undefined), value);
    assertStrictEquals(returning.value, value);
  }
});

// throw

Deno.test("Coroutine.throw() is seen at the yield, which may go on [cpython: coroutine_tests.throw-is-seen-at-the-yield]", () => {
  const caught: unknown[] = [];
  const brave = coroutine(function* () {
    for (;;) {
      try {
        yield "waiting";
      } catch (error) {
        caught.push(error);
      }
    }
  })().start();
  assertEquals(brave.throw(FAILURE), "waiting");
  assertEquals(brave.throw(TypeError), "waiting");
  assertEquals(caught, [FAILURE, TypeError]);
  assertEquals(brave.state, "suspended");
});

Deno.test("Coroutine.throw() throws anything [cpython: coroutine_tests.throw-of-no-exception]", () => {
  for (const value of ["text", 5, undefined, class {}]) {
    assertStrictEquals(thrownBy(() => echo().start().throw(value)), value);
  }
});

Deno.test("Coroutine.throw() of what nobody catches ends it [cpython: coroutine_tests.unhandled-error-ends-the-generator]", () => {
  const running = echo().start();
  assertStrictEquals(thrownBy(() => running.throw(FAILURE)), FAILURE);
  assertEquals(running.state, "closed");
});

Deno.test("Coroutine.throw() after the end throws the error [cpython: coroutine_tests.throw-after-the-end]", () => {
  const ended = countdown(0);
  ended.next();
  assertStrictEquals(thrownBy(() => ended.throw(FAILURE)), FAILURE);
  assertEquals([ended.state, ended.value], ["closed", "lift-off"]);
});

Deno.test("Coroutine.throw() before the start throws the error and closes it [cpython: coroutine_tests.throw-before-the-start]", () => {
  let ran = false;
  const created = coroutine(function* () {
    ran = true;
    yield 1;
  })();
  assertStrictEquals(thrownBy(() => created.throw(FAILURE)), FAILURE);
  assertEquals(created.state, "closed");
  assertEquals(created.next(), { done: true, value: undefined });
  assert(!ran);
});

Deno.test("Coroutine.throw() works after an error that was handled [cpython: GeneratorThrowTest.test_throw_after_none_exc_type]", () => {
  const running = coroutine(function* () {
    try {
      JSON.parse("{");
    } catch {
      // Handled.
    }
    try {
      yield 1;
    } catch (error) {
      yield error;
    }
  })().start();
  const other = new RangeError("other");
  assertStrictEquals(running.throw(other), other);
});

Deno.test("Coroutine.throw() answers what is returned", () => {
  const running = coroutine(function* () {
    try {
      yield 1;
      return undefined;
    } catch (error) {
      return error;
    }
  })().start();
  assertStrictEquals(running.throw(FAILURE), FAILURE);
  assertEquals([running.state, running.value], ["closed", FAILURE]);
});

// close

Deno.test("Coroutine.close() of a plain one gives nothing [cpython: GeneratorCloseTest.test_close_no_return_value, coroutine_tests.close-of-a-simple-generator]", () => {
  const running = coroutine(function* () {
    yield;
  })().start();
  assertStrictEquals(running.close(), undefined);
  assertEquals(running.state, "closed");
});

Deno.test("Coroutine.close() answers what finally returns [cpython: GeneratorCloseTest.test_close_return_value]", () => {
  const running = coroutine(function* () {
    try {
      yield;
    } finally {
      // deno-lint-ignore no-unsafe-finally -- it is how a closed generator answers
      return 0;
    }
  })().start();
  assertStrictEquals(running.close(), 0);
  assertStrictEquals(running.value, 0);
});

Deno.test("Coroutine.close() does not run what follows the yield [cpython: GeneratorCloseTest.test_close_not_catching_exit]", () => {
  let ran = false;
  const running = coroutine(function* () {
    yield;
    ran = true;
    return 0;
  })().start();
  assertStrictEquals(running.close(), undefined);
  assert(!ran);
});

Deno.test("Coroutine.close() before the start runs nothing [cpython: GeneratorCloseTest.test_close_not_started, coroutine_tests.close-before-the-start]", () => {
  let ran = false;
  const created = coroutine(function* () {
    ran = true;
    try {
      yield;
    } finally {
      ran = true;
    }
  })();
  assertStrictEquals(created.close(), undefined);
  assertEquals(created.state, "closed");
  assertThrows(() => created.send(undefined), InvalidStateError);
  assert(!ran);
});

Deno.test("Coroutine.close() after the end is nothing [cpython: GeneratorCloseTest.test_close_exhausted]", () => {
  const ended = countdown(0);
  ended.next();
  assertStrictEquals(ended.close(), undefined);
  assertEquals(ended.value, "lift-off");
});

Deno.test("Coroutine.close() a second time is nothing [cpython: GeneratorCloseTest.test_close_closed, coroutine_tests.close-twice]", () => {
  let closings = 0;
  const running = coroutine(function* () {
    try {
      yield;
    } finally {
      // deno-lint-ignore no-unsafe-finally -- it is how a closed generator answers
      return ++closings;
    }
  })().start();
  assertStrictEquals(running.close(), 1);
  assertStrictEquals(running.close(), undefined);
  assertEquals([running.value, closings], [1, 1]);
});

Deno.test("Coroutine.close() lets out what is thrown meanwhile [cpython: GeneratorCloseTest.test_close_raises, coroutine_tests.error-during-close]", () => {
  const running = coroutine(function* () {
    try {
      yield;
    } finally {
      // deno-lint-ignore no-unsafe-finally -- the test is about it
      throw FAILURE;
    }
  })().start();
  assertStrictEquals(thrownBy(() => running.close()), FAILURE);
  assertEquals(running.state, "closed");
  assertStrictEquals(running.close(), undefined);
});

Deno.test("Coroutine.close() runs finally at the yield [cpython: coroutine_tests.close-is-seen-at-the-yield]", () => {
  const log: string[] = [];
  const running = coroutine(function* () {
    log.push("begin");
    try {
      yield;
      log.push("not here");
    } finally {
      log.push("end");
    }
  })().start();
  running.close();
  assertEquals(log, ["begin", "end"]);
});

Deno.test("Coroutine.close() passes catch by [cpython: coroutine_tests.close-passes-catch-but-not-finally]", () => {
  const log: string[] = [];
  const running = coroutine(function* () {
    try {
      yield;
    } catch {
      log.push("catch");
    } finally {
      log.push("finally");
    }
  })().start();
  running.close();
  assertEquals(log, ["finally"]);
});

Deno.test("Coroutine.close() of one that yields again is an InvalidStateError [cpython: coroutine_tests.yield-during-close, coroutine_tests.close-after-a-yield-during-close]", () => {
  const stubborn = coroutine(function* () {
    try {
      yield 1;
    } finally {
      yield "foo!";
    }
  })().start();
  assertThrows(() => stubborn.close(), InvalidStateError, "it yielded instead of ending");
  assertEquals(stubborn.state, "suspended");
  assertStrictEquals(stubborn.close(), undefined);
  assertEquals(stubborn.state, "closed");
});

// Re-entering

Deno.test("Coroutine refuses every call from inside itself", () => {
  const refused: string[] = [];
  const attempt = (call: () => unknown): void => {
    refused.push(assertThrows(call, InvalidStateError, "it is running").message.split(":")[0]!);
  };
  const selfish: Coroutine<string, undefined, void> = coroutine(function* () {
    attempt(() => selfish.send(undefined));
    attempt(() => selfish.next());
    attempt(() => selfish.throw(FAILURE));
    attempt(() => selfish.close());
    attempt(() => selfish[Symbol.dispose]());
    attempt(() => selfish[Symbol.iterator]().next());
    attempt(() => selfish[Symbol.iterator]().return?.());
    attempt(() => selfish[Symbol.iterator]().throw?.(FAILURE));
    assertThrows(() => selfish.start(), InvalidStateError, "it is running");
    const _: undefined = yield "still there";
  })();
  assertEquals(selfish.next().value, "still there");
  assertEquals(refused.length, 8);
  assertEquals(new Set(refused).size, 3);
  assertEquals(selfish.state, "suspended");
});

// Loops and disposal

Deno.test("Coroutine can be looped over, and ends with the loop", () => {
  const counting = countdown(3);
  assertEquals([...counting], [3, 2, 1]);
  assertEquals([counting.state, counting.value], ["closed", "lift-off"]);
});

Deno.test("Coroutine is closed when its loop is left", () => {
  const counting = countdown(3);
  for (const n of counting) {
    if (n === 2) break;
  }
  assertEquals([counting.state, counting.value], ["closed", undefined]);
  assertEquals(counting[Symbol.iterator]().return?.("other"), { done: true, value: "other" });
  assertStrictEquals(counting.value, undefined);
});

Deno.test("Coroutine is closed at the end of its block, once", () => {
  let closings = 0;
  const make = coroutine(function* () {
    try {
      yield;
    } finally {
      closings++;
    }
  });
  {
    using running = make().start();
    assertEquals(running.state, "suspended");
    running[Symbol.dispose]();
    running[Symbol.dispose]();
  }
  assertEquals(closings, 1);
});

/** What a function throws, whatever it is. */
function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown");
}

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Coroutine,
  coroutine,
  type CoroutineState,
  InvalidStateError,
} from "../../coroutine/mod.ts";
import { countdown, echo, FAILURE, thrownBy } from "./_coroutines.ts";

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
  const empty = coroutine((() => null) as never);
  assertThrows(() => (empty as () => void)(), TypeError, "it returned null");
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

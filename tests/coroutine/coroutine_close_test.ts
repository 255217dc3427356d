import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { coroutine, InvalidStateError } from "../../coroutine/mod.ts";
import { countdown, echo, FAILURE, thrownBy } from "./_coroutines.ts";

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

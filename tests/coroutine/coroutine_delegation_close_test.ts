import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { coroutine, InvalidStateError } from "../../coroutine/mod.ts";
import { FAILURE, thrownBy } from "./_coroutines.ts";
import { type Delegate, fail, type Sub, testBoth } from "./_delegation.ts";

// What `yield*` does to `throw()` and `close()`, with both kinds of delegates.

const OTHER = new RangeError("other");

testBoth(
  "yield* closes the delegate first [cpython: TestPEP380Operation.test_delegating_close]",
  (delegate) => {
    const log: string[] = [];
    const outer = coroutine(function* () {
      try {
        yield* delegate(function* () {
          try {
            yield 1;
          } finally {
            log.push("inner");
          }
        });
      } finally {
        log.push("outer");
      }
    })().start();
    outer.close();
    assertEquals(log, ["inner", "outer"]);
    assertEquals(outer.state, "closed");
  },
);

testBoth(
  "yield* lets an error of the delegate's cleaning up out of close() [cpython: TestPEP380Operation.test_handing_exception_while_delegating_close]",
  (delegate) => {
    const log: string[] = [];
    const outer = coroutine(function* () {
      try {
        yield* delegate(function* () {
          try {
            yield 1;
          } finally {
            log.push("inner");
            fail(FAILURE);
          }
        });
      } finally {
        log.push("outer");
      }
    })().start();
    assertStrictEquals(thrownBy(() => outer.close()), FAILURE);
    assertEquals(log, ["inner", "outer"]);
  },
);

testBoth(
  "yield* hands thrown errors on [cpython: TestPEP380Operation.test_delegating_throw]",
  (delegate) => {
    const seen: unknown[] = [];
    const outer = coroutine(function* () {
      try {
        yield* delegate(function* () {
          try {
            yield 1;
          } catch (error) {
            seen.push("inner", error);
            throw error;
          }
        });
      } catch (error) {
        seen.push("outer", error);
        throw error;
      }
    })().start();
    assertStrictEquals(thrownBy(() => outer.throw(FAILURE)), FAILURE);
    assertEquals(seen, ["inner", FAILURE, "outer", FAILURE]);
  },
);

testBoth(
  "close() goes on in the delegator when the delegate returns [cpython: TestPEP380Operation.test_throwing_GeneratorExit_into_subgen_that_returns]",
  (delegate) => {
    let went = false;
    const outer = coroutine(function* () {
      yield* delegate(function* () {
        try {
          yield 1;
        } finally {
          // deno-lint-ignore no-unsafe-finally -- it is how a closed generator answers
          return 2;
        }
      });
      went = true;
    })().start();
    // What the delegate answers is the delegator's answer, too; nothing behind the `yield*` runs.
    assertEquals<unknown>(outer.close(), 2);
    assertEquals([went, outer.state], [false, "closed"]);
  },
);

testBoth(
  "close() is an InvalidStateError when the delegate yields [cpython: TestPEP380Operation.test_throwing_GeneratorExit_into_subgenerator_that_yields]",
  (delegate) => {
    const outer = coroutine(function* () {
      yield* delegate(function* () {
        try {
          yield 1;
        } finally {
          yield 2;
        }
      });
    })().start();
    assertThrows(() => outer.close(), InvalidStateError, "it yielded instead of ending");
    assertEquals(outer.state, "suspended");
    outer.close();
    assertEquals(outer.state, "closed");
  },
);

testBoth(
  "close() throws what the delegate throws instead [cpython: TestPEP380Operation.test_throwing_GeneratorExit_into_subgen_that_raises]",
  (delegate) => {
    const outer = coroutine(function* () {
      yield* delegate(function* () {
        try {
          yield 1;
        } finally {
          fail(FAILURE);
        }
      });
    })().start();
    assertStrictEquals(thrownBy(() => outer.close()), FAILURE);
    assertEquals(outer.state, "closed");
  },
);

/** Thrown into a coroutine; one is no error, and one looks like an iterator's end. */
const THROWN: unknown[] = [FAILURE, new TypeError("type"), { done: true, value: 1 }, "text"];

testBoth(
  "close() and throw() through a delegate that does nothing [cpython: TestInterestingEdgeCases.test_close_and_throw_work]",
  (delegate) => {
    const make = coroutine(function* () {
      yield* delegate(function* () {
        yield "yielded first";
        yield "not here";
      });
    });
    const closed = make().start();
    assertStrictEquals(closed.close(), undefined);
    assertEquals(closed.next(), { done: true, value: undefined });
    for (const error of THROWN) {
      const thrown = make().start();
      assertStrictEquals(thrownBy(() => thrown.throw(error)), error);
      assertEquals(thrown.next(), { done: true, value: undefined });
    }
  },
);

testBoth(
  "close() and throw() through a delegate whose finally throws an AbortError [cpython: TestInterestingEdgeCases.test_close_and_throw_raise_generator_exit]",
  (delegate) => {
    checkThrowingCleanup(delegate, new DOMException("left", "AbortError"));
  },
);

testBoth(
  "close() and throw() through a delegate whose finally throws an iterator's end [cpython: TestInterestingEdgeCases.test_close_and_throw_raise_stop_iteration]",
  (delegate) => {
    checkThrowingCleanup(delegate, { done: true, value: 1 });
  },
);

testBoth(
  "close() and throw() through a delegate whose finally throws no error [cpython: TestInterestingEdgeCases.test_close_and_throw_raise_base_exception]",
  (delegate) => {
    checkThrowingCleanup(delegate, "text");
  },
);

testBoth(
  "close() and throw() through a delegate whose finally throws an error [cpython: TestInterestingEdgeCases.test_close_and_throw_raise_exception]",
  (delegate) => {
    checkThrowingCleanup(delegate, OTHER);
  },
);

/** However a coroutine is ended, what its delegate throws meanwhile comes out, and it has ended. */
function checkThrowingCleanup(
  delegate: (sub: Sub<string>) => Delegate<string, void>,
  error: unknown,
): void {
  const make = coroutine(function* () {
    yield* delegate(function* () {
      try {
        yield "yielded first";
      } finally {
        fail(error);
      }
    });
  });
  const closed = make().start();
  assertStrictEquals(thrownBy(() => closed.close()), error);
  assertEquals(closed.next(), { done: true, value: undefined });
  for (const given of THROWN) {
    const thrown = make().start();
    assertStrictEquals(thrownBy(() => thrown.throw(given)), error);
    assertEquals(thrown.next(), { done: true, value: undefined });
  }
}

testBoth(
  "close() and throw() through a delegate whose finally yields [cpython: TestInterestingEdgeCases.test_close_and_throw_yield]",
  (delegate) => {
    const make = coroutine(function* () {
      yield* delegate(function* () {
        try {
          yield "yielded first";
        } finally {
          yield "yielded second";
        }
      });
    });
    const closed = make().start();
    assertThrows(() => closed.close(), InvalidStateError);
    for (const error of THROWN) {
      const thrown = make().start();
      assertEquals(thrown.throw(error), "yielded second");
      // The error was only held up.
      assertStrictEquals(thrownBy(() => thrown.next()), error);
      assertEquals(thrown.next(), { done: true, value: undefined });
    }
  },
);

testBoth(
  "close() and throw() through a delegate whose finally returns [cpython: TestInterestingEdgeCases.test_close_and_throw_return]",
  (delegate) => {
    const make = coroutine(function* () {
      return yield* delegate(function* () {
        try {
          yield "yielded first";
        } finally {
          // deno-lint-ignore no-unsafe-finally -- it is how a closed generator answers
          return "returned";
        }
      });
    });
    const closed = make().start();
    assertEquals(closed.close(), "returned");
    assertEquals(closed.value, "returned");
    for (const error of THROWN) {
      const thrown = make().start();
      assertEquals(thrown.throw(error), "returned");
      assertEquals([thrown.state, thrown.value], ["closed", "returned"]);
    }
  },
);

import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { type Coroutine, coroutine, InvalidStateError } from "../../coroutine/mod.ts";
import { FAILURE, thrownBy } from "./_coroutines.ts";
import { fail, testBoth } from "./_delegation.ts";

// What `yield*` does to steps, to sent values and to what comes out. Each delegation is tried to a bare
// generator and to a coroutine, which stands in for one.

testBoth(
  "yield* hands the first step on [cpython: TestPEP380Operation.test_delegation_of_initial_next_to_subgenerator]",
  (delegate) => {
    const log: string[] = [];
    const outer = coroutine(function* () {
      log.push("outer begins");
      yield* delegate(function* () {
        log.push("inner begins");
        yield 5;
        log.push("inner ends");
      });
      log.push("outer ends");
    })();
    assertEquals([...outer], [5]);
    assertEquals(log, ["outer begins", "inner begins", "inner ends", "outer ends"]);
  },
);

testBoth(
  "yield* lets an error of the first step out, finally blocks inside first [cpython: TestPEP380Operation.test_raising_exception_in_initial_next_call]",
  (delegate) => {
    const log: string[] = [];
    const outer = coroutine(function* () {
      try {
        yield* delegate(function* () {
          try {
            yield fail(FAILURE);
          } finally {
            log.push("inner");
          }
        });
      } finally {
        log.push("outer");
      }
    })();
    assertStrictEquals(thrownBy(() => outer.next()), FAILURE);
    assertEquals(log, ["inner", "outer"]);
    assertEquals(outer.state, "closed");
  },
);

testBoth(
  "yield* hands later steps on [cpython: TestPEP380Operation.test_delegation_of_next_call_to_subgenerator]",
  (delegate) => {
    const outer = coroutine(function* () {
      yield "first";
      yield* delegate(function* () {
        yield "inner 1";
        yield "inner 2";
      });
      yield "last";
    })();
    assertEquals([...outer], ["first", "inner 1", "inner 2", "last"]);
  },
);

testBoth(
  "yield* lets an error of a later step out [cpython: TestPEP380Operation.test_raising_exception_in_delegated_next_call]",
  (delegate) => {
    const log: string[] = [];
    const outer = coroutine(function* () {
      try {
        yield "first";
        yield* delegate(function* () {
          try {
            yield "inner";
            throw FAILURE;
          } finally {
            log.push("inner");
          }
        });
      } finally {
        log.push("outer");
      }
    })();
    assertEquals([outer.next().value, outer.next().value], ["first", "inner"]);
    assertStrictEquals(thrownBy(() => outer.next()), FAILURE);
    assertEquals(log, ["inner", "outer"]);
  },
);

testBoth(
  "yield* hands sent values on [cpython: TestPEP380Operation.test_delegation_of_send]",
  (delegate) => {
    const heard: unknown[] = [];
    const outer = coroutine(function* (): Generator<string, void, unknown> {
      yield* delegate(function* () {
        heard.push(yield "a");
        heard.push(yield "b");
      });
    })();
    assertEquals([outer.next().value, outer.send(1), outer.send(2)], ["a", "b", undefined]);
    assertEquals(heard, [1, 2]);
    assertEquals(outer.state, "closed");
  },
);

testBoth(
  "yield* lets the delegator handle an error after a sent value [cpython: TestPEP380Operation.test_handling_exception_while_delegating_send]",
  (delegate) => {
    const outer = coroutine(function* (): Generator<unknown, string, unknown> {
      try {
        yield* delegate(function* (): Generator<string, void, unknown> {
          const heard = yield "a";
          throw heard;
        });
        return "not here";
      } catch (error) {
        yield error;
        return "handled";
      }
    })();
    outer.start();
    assertStrictEquals(outer.send(FAILURE), FAILURE);
    assertEquals(outer.send(1), "handled");
  },
);

testBoth(
  "yield* ends with the value that the end carries [cpython: TestPEP380Operation.test_value_attribute_of_StopIteration_exception]",
  (delegate) => {
    for (const value of [undefined, "text", [1, 2], { done: true }]) {
      const outer = coroutine(function* () {
        return yield* delegate(function* () {
          yield 1;
          return value;
        });
      })().start();
      assertEquals(outer.next(), { done: true, value });
      assertStrictEquals(outer.value, value);
    }
  },
);

testBoth(
  "yield* evaluates to what the delegate returns, undefined by default [cpython: TestPEP380Operation.test_generator_return_value]",
  (delegate) => {
    const results: unknown[] = [];
    const outer = coroutine(function* () {
      results.push(
        yield* delegate(function* () {
          yield 1;
        }),
        yield* delegate(function* () {
          yield 2;
          return 42;
        }),
      );
    })();
    assertEquals([...outer], [1, 2]);
    assertEquals(results, [undefined, 42]);
  },
);

// Delegates that are no generators

Deno.test("yield* takes any iterable [cpython: TestPEP380Operation.test_delegation_of_next_to_non_generator]", () => {
  const outer = coroutine(function* () {
    yield* [1, 2];
    yield* "ab";
    yield* new Set([3]);
  })();
  assertEquals([...outer], [1, 2, "a", "b", 3]);
});

Deno.test("yield* steps a plain iterator with sent undefined [cpython: TestPEP380Operation.test_conversion_of_sendNone_to_next]", () => {
  const outer = coroutine(function* () {
    yield* [0, 1, 2];
  })();
  assertEquals([outer.send(undefined), outer.send(undefined), outer.send(undefined)], [0, 1, 2]);
});

Deno.test("yield* drops a value that is sent to a plain iterator [cpython: TestPEP380Operation.test_attempting_to_send_to_non_generator]", () => {
  let isFinished = false;
  const outer = coroutine(function* (): Generator<number, void, unknown> {
    try {
      yield* [0, 1];
    } finally {
      isFinished = true;
    }
  })().start();
  // Python has an AttributeError here; JavaScript's iterators are asked for the next item with any value.
  assertEquals(outer.send(42), 1);
  assertEquals([outer.send(42), isFinished], [undefined, true]);
});

Deno.test("yield* closes past an iterator that has no return [cpython: TestPEP380Operation.test_delegation_of_close_to_non_generator]", () => {
  const outer = coroutine(function* () {
    yield* endless({});
  })().start();
  assertStrictEquals(outer.close(), undefined);
  assertEquals(outer.state, "closed");
});

Deno.test("yield* throws into an iterator that has no throw as an error of the delegator [cpython: TestPEP380Operation.test_delegating_throw_to_non_generator]", () => {
  const log: string[] = [];
  const outer = coroutine(function* () {
    try {
      yield* endless({
        return: () => {
          log.push("left");
          return { done: true, value: undefined };
        },
      });
    } catch (error) {
      log.push("caught");
      throw error;
    }
  })().start();
  // Python throws the error itself; JavaScript leaves the iterator and says that it has no throw.
  assertThrows(() => outer.throw(FAILURE), TypeError);
  assertEquals(log, ["left", "caught"]);
  assertEquals(outer.state, "closed");
});

Deno.test("yield* lets an error of an iterator's first step out [cpython: TestPEP380Operation.test_exception_in_initial_next_call]", () => {
  const outer = coroutine(function* () {
    yield* { [Symbol.iterator]: () => ({ next: () => fail(FAILURE) }) } as Iterable<number>;
  })();
  assertStrictEquals(thrownBy(() => outer.next()), FAILURE);
});

Deno.test("yield* ends with the end value of an iterator [cpython: TestPEP380Operation.test_custom_iterator_return]", () => {
  const custom = { [Symbol.iterator]: () => ({ next: () => ({ done: true, value: 42 }) }) };
  const outer = coroutine(function* (): Generator<never, unknown, unknown> {
    return yield* custom as Iterable<never, unknown, unknown>;
  })();
  assertEquals(outer.next(), { done: true, value: 42 });
});

Deno.test("yield* hands a sent list to an iterator as it is [cpython: TestPEP380Operation.test_send_tuple_with_custom_generator]", () => {
  const heard: unknown[] = [];
  const outer = coroutine(function* (): Generator<unknown, void, unknown> {
    yield* {
      [Symbol.iterator]: () => ({
        next: (value?: unknown) => {
          heard.push(value);
          return { done: false, value };
        },
      }),
    };
  })().start();
  const list = [1, 2, 3];
  assertStrictEquals(outer.send(list), list);
  assertEquals(heard, [undefined, list]);
});

// Loops of delegation

Deno.test("yield* to itself is an InvalidStateError [cpython: TestPEP380Operation.test_attempted_yield_from_loop]", () => {
  const seen: number[] = [];
  const loop: Coroutine<number, unknown, void> = coroutine(
    function* (): Generator<number, void, unknown> {
      yield 1;
      yield* inner;
      yield 4;
    },
  )();
  const inner = coroutine(function* (): Generator<number, void, unknown> {
    yield 2;
    yield* loop;
    yield 3;
  })();
  const takeAll = () => {
    for (const n of loop) seen.push(n);
  };
  assertThrows(takeAll, InvalidStateError, "it is running");
  assertEquals(seen, [1, 2]);
  assertEquals([loop.state, inner.state], ["closed", "closed"]);
});

Deno.test("Coroutine refuses every call while it delegates [cpython: TestPEP380Operation.test_delegating_generators_claim_to_be_running]", () => {
  const calls: Record<string, (outer: Coroutine<unknown, unknown, void>) => unknown> = {
    next: (outer) => outer.next(),
    send: (outer) => outer.send(1),
    throw: (outer) => outer.throw(FAILURE),
    close: (outer) => outer.close(),
  };
  for (const [name, call] of Object.entries(calls)) {
    let error: unknown;
    const outer: Coroutine<unknown, unknown, void> = coroutine(
      function* (): Generator<unknown, void, unknown> {
        yield* [1];
        yield* inner();
      },
    )();
    const inner = function* (): Generator<unknown, void, unknown> {
      error = thrownBy(() => call(outer));
      yield name;
    };
    assertEquals([outer.next().value, outer.next().value], [1, name]);
    assertInstanceOf(error, InvalidStateError);
    assertEquals(outer.state, "suspended");
  }
});

// Values out of delegates

testBoth(
  "yield* goes on when the delegate returns after a thrown error [cpython: TestPEP380Operation.test_returning_value_from_delegated_throw]",
  (delegate) => {
    const outer = coroutine(function* () {
      const result = yield* delegate(function* (): Generator<unknown, unknown, unknown> {
        try {
          yield 1;
          return "not here";
        } catch (error) {
          return error;
        }
      });
      yield ["delegate returned", result];
    })().start();
    assertEquals(outer.throw(FAILURE), ["delegate returned", FAILURE]);
  },
);

testBoth(
  "yield* gives returned values of any kind after a step [cpython: TestPEP380Operation.test_next_and_return_with_value]",
  (delegate) => {
    for (const value of [undefined, 5, [1], FAILURE, { done: true, value: 1 }]) {
      const outer = coroutine(function* () {
        return yield* delegate(function* () {
          yield 1;
          return value;
        });
      })();
      assertEquals(outer.next().value, 1);
      assertStrictEquals(outer.next().value, value);
    }
  },
);

testBoth(
  "yield* gives returned values of any kind after a sent value [cpython: TestPEP380Operation.test_send_and_return_with_value]",
  (delegate) => {
    for (const value of [undefined, 5, [1], FAILURE, { done: true, value: 1 }]) {
      const outer = coroutine(function* (): Generator<unknown, unknown, unknown> {
        return yield* delegate(function* (): Generator<unknown, unknown, unknown> {
          return yield 1;
        });
      })().start();
      assertStrictEquals(outer.send(value), value);
      assertStrictEquals(outer.value, value);
    }
  },
);

testBoth(
  "yield* gives what the delegate returns after it caught an error [cpython: TestPEP380Operation.test_catching_exception_from_subgen_and_returning]",
  (delegate) => {
    const outer = coroutine(function* () {
      const result = yield* delegate(function* () {
        yield 1;
        try {
          yield fail(FAILURE);
        } catch {
          return 2;
        }
        return 3;
      });
      yield result;
    })();
    assertEquals([...outer], [1, 2]);
  },
);

testBoth(
  "yield* to something empty yields nothing [cpython: TestPEP380Operation.test_yield_from_empty]",
  (delegate) => {
    const outer = coroutine(function* () {
      yield* [];
      yield* delegate(function* (): Generator<never, void, unknown> {
        yield* [];
      });
    })();
    assertEquals([...outer], []);
  },
);

function endless(more: Partial<Iterator<number>>): Iterable<number> {
  return { [Symbol.iterator]: () => ({ next: () => ({ done: false, value: 1 }), ...more }) };
}

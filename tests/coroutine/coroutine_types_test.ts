import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { AsyncCoroutine, type Coroutine, coroutine } from "../../coroutine/mod.ts";

/** Compiles only when both types are the same. */
function assertType<_Expected>(): <Actual>(
  ..._actual: Same<Actual, _Expected> extends true ? [value: Actual] : ["the types differ"]
) => void {
  return () => {};
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

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

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  CancelledError,
  type Coroutine,
  coroutine,
  currentTask,
  InvalidStateError,
  pipe,
  Queue,
  spawn,
  TimeoutError,
} from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { assertPending, settle } from "../support/settle.ts";

const FAILURE = new Error("failure");
const OTHER = new RangeError("other");
const REASON = new Error("enough");

const double = coroutine(function* () {
  let answer: number | undefined;
  for (;;) {
    const n: number = yield answer;
    answer = n * 2;
  }
});

const even = coroutine(function* () {
  let answer: number | undefined;
  for (;;) {
    const n: number = yield answer;
    answer = n % 2 === 0 ? n : undefined;
  }
});

const write = coroutine(function* () {
  let answer: string | undefined;
  for (;;) {
    const n: number = yield answer;
    answer = `<${n}>`;
  }
});

const join = coroutine(function* () {
  let text = "";
  for (;;) {
    const part: string = yield text;
    text += part;
  }
});

const sum = coroutine(function* () {
  let total = 0;
  for (;;) {
    const n: number = yield total;
    total += n;
  }
});

const sumSlowly = coroutine(async function* () {
  let total = 0;
  for (;;) {
    const n: number = yield total;
    total += await Promise.resolve(n);
  }
});

const take = coroutine(function* (count: number) {
  let answer: number | undefined;
  for (let taken = 1; taken < count; taken++) {
    const n: number = yield answer;
    answer = n;
  }
  const last: number = yield answer;
  return last;
});

/** Notes what happens to it, under a name. */
const witness = coroutine(function* (name: string, log: string[]) {
  let answer: number | undefined;
  try {
    for (;;) {
      const n: number = yield answer;
      answer = n;
    }
  } catch (error) {
    log.push(`${name} gets ${(error as Error).message}`);
    throw error;
  } finally {
    log.push(`${name} ends`);
  }
});

const witnessSlowly = coroutine(async function* (name: string, log: string[]) {
  let answer: number | undefined;
  try {
    for (;;) {
      const n: number = yield answer;
      answer = await Promise.resolve(n);
    }
  } catch (error) {
    log.push(`${name} gets ${(error as Error).message}`);
    throw error;
  } finally {
    await Promise.resolve();
    log.push(`${name} ends`);
  }
});

const failing = coroutine(function* (error: unknown) {
  const n: number = yield undefined as number | undefined;
  assert(n);
  throw error;
});

function* count(log: string[] = []): Generator<number> {
  try {
    for (let n = 1;; n++) yield n;
  } finally {
    log.push("source ends");
  }
}

async function* countSlowly(to: number): AsyncGenerator<number> {
  for (let n = 1; n <= to; n++) yield await Promise.resolve(n);
}

// What goes through

Deno.test("pipe() sends what one part answers into the next", () => {
  const result: number = pipe([1, 2, 3], double(), sum());
  assertEquals(result, 12);
  const text: string = pipe(new Set([1, 2]), double(), write(), join());
  assertEquals(text, "<2><4>");
});

Deno.test("pipe() does not pass undefined on", () => {
  assertEquals(pipe([1, 2, 3, 4], even(), sum()), 6);
});

Deno.test("pipe() passes what is falsy on", () => {
  const seen: unknown[] = [];
  const same = coroutine(function* () {
    let answer: unknown;
    for (;;) {
      const value: unknown = yield answer;
      answer = value;
    }
  });
  const note = coroutine(function* () {
    for (;;) {
      const value: NonNullable<unknown> | null = yield;
      seen.push(value);
    }
  });
  pipe([0, "", null, false, NaN], same(), note());
  assertEquals(seen, [0, "", null, false, NaN]);
});

Deno.test("pipe() of nothing answers what the sink yields first", () => {
  assertEquals(pipe([] as number[], double(), sum()), 0);
});

Deno.test("pipe() answers what the sink returns at its close", () => {
  const last = coroutine(function* () {
    let seen = 0;
    try {
      for (;;) {
        const n: number = yield;
        seen = n;
      }
    } finally {
      // deno-lint-ignore no-unsafe-finally -- it is how a closed generator answers
      return `last: ${seen}`;
    }
  });
  const result: string | undefined = pipe([1, 2], last());
  assertEquals(result, "last: 2");
});

Deno.test("pipe() takes items out of a coroutine", () => {
  const numbers = coroutine(function* () {
    yield 1;
    yield 2;
  });
  assertEquals(pipe(numbers(), double(), sum()), 6);
});

Deno.test("pipe() passes on what a part returns at its close", () => {
  const pairs = coroutine(function* (): Generator<string | undefined, string | undefined, string> {
    let held: string[] = [];
    let answer: string | undefined;
    try {
      for (;;) {
        held.push(yield answer);
        answer = held.length === 2 ? held.join("+") : undefined;
        if (answer !== undefined) held = [];
      }
    } finally {
      // deno-lint-ignore no-unsafe-finally -- it is how a closed generator answers
      return held[0];
    }
  });
  assertEquals(pipe(["a", "b", "c"], pairs(), join()), "a+bc");
});

Deno.test("pipe() feeds a sink that has a target of its own", () => {
  const words = coroutine(function* (target: Coroutine<unknown, string, unknown>) {
    try {
      for (;;) {
        const line: string = yield;
        for (const word of line.split(" ")) target.send(word);
      }
    } finally {
      target.close();
    }
  });
  const target = join().start();
  const seen: string[] = [];
  const note = coroutine(function* () {
    for (;;) {
      const word: string = yield;
      seen.push(word);
    }
  })().start();
  pipe(["a b", "c"], words(note));
  assertEquals([seen, note.state, target.state], [["a", "b", "c"], "closed", "suspended"]);
});

// Types

Deno.test("pipe() accepts only parts that fit each other", () => {
  // @ts-expect-error text into a sum
  assertEquals(pipe(["a"], sum()), "0a");
  // @ts-expect-error text behind `write` into a sum
  assertEquals(pipe([1], write(), sum()), "0<1>");
  // @ts-expect-error numbers behind `double` into `join`
  assertEquals(pipe([1], double(), join()), "2");
  // @ts-expect-error the second of three
  assertEquals(pipe([1], write(), double(), sum()), NaN);
  // @ts-expect-error the result is a number
  const text: string = pipe([1], sum());
  assertEquals<unknown>(text, 1);
  // @ts-expect-error no part
  assertThrows(() => pipe([1]), TypeError, "at least one coroutine is needed");
  // @ts-expect-error no coroutine
  assertThrows(() => pipe([1], sum), TypeError, "got function");
});

Deno.test("pipe() answers a promise when something is async, as its type says", async () => {
  const sink: Promise<number> = pipe([1, 2], double(), sumSlowly());
  const source: Promise<number> = pipe(countSlowly(2), double(), sum());
  const options: Promise<number> = pipe([1, 2], double(), sum(), { signal: undefined });
  assertEquals(await Promise.all([sink, source, options]), [6, 6, 6]);
});

// Async parts

Deno.test("pipe() mixes plain and async parts in any order", async () => {
  const slowly = coroutine(async function* () {
    let answer: number | undefined;
    for (;;) {
      const n: number = yield answer;
      answer = await Promise.resolve(n + 1);
    }
  });
  assertEquals(await pipe([1, 2], slowly(), double(), sum()), 10);
  assertEquals(await pipe(countSlowly(3), double(), slowly(), sumSlowly()), 15);
});

Deno.test("pipe() takes the next item when the last part has answered", async () => {
  const { go } = createGates("go");
  const taken: number[] = [];
  function* numbers() {
    for (let n = 1; n <= 3; n++) {
      taken.push(n);
      yield n;
    }
  }
  const sink = coroutine(async function* () {
    for (;;) {
      const n: number = yield;
      if (n === 1) await go.wait();
    }
  });
  const piped = pipe(numbers(), sink());
  await assertPending(piped);
  assertEquals(taken, [1]);
  go.open();
  await piped;
  assertEquals(taken, [1, 2, 3]);
});

Deno.test("pipe() takes items out of a queue until it is shut down", async () => {
  const queue = new Queue<number>();
  const piped = pipe(queue, double(), sum());
  for (const n of [1, 2, 3]) await queue.put(n);
  await assertPending(piped);
  queue.shutdown();
  assertEquals(await piped, 12);
});

// The end

Deno.test("pipe() closes its parts in their order", async () => {
  const log: string[] = [];
  pipe([1], witness("a", log), witness("b", log), witness("c", log));
  assertEquals(log, ["a ends", "b ends", "c ends"]);
  log.length = 0;
  await pipe([1], witnessSlowly("a", log), witness("b", log), witnessSlowly("c", log));
  assertEquals(log, ["a ends", "b ends", "c ends"]);
});

Deno.test("pipe() ends when a part ends, and leaves the source", () => {
  const log: string[] = [];
  const total = pipe(count(log), witness("a", log), take(3), witness("b", log), sum());
  assertEquals(total, 6);
  assertEquals(log, ["source ends", "a ends", "b ends"]);
  assertEquals(pipe(count(), take(3)), 3);
});

Deno.test("pipe() drops what is left for a part that has ended", () => {
  const keep = coroutine(function* () {
    let answer: number | undefined;
    try {
      for (;;) {
        const n: number = yield answer;
        answer = n;
      }
    } finally {
      // deno-lint-ignore no-unsafe-finally -- it is how a closed generator answers
      return -1;
    }
  });
  assertEquals(pipe([5, 6, 7], keep(), take(2), sum()), 11);
});

Deno.test("pipe() takes no item when a part ends before the first", () => {
  const nothing = coroutine(function* (more: readonly number[]): Generator<number, string, number> {
    yield* more;
    return "nothing";
  });
  let taken = 0;
  function* numbers() {
    yield ++taken;
  }
  assertEquals(pipe(numbers(), nothing([])), "nothing");
  assertEquals(taken, 0);
});

// Errors

Deno.test("pipe() throws the error of a part into those behind it, and closes those before it", () => {
  const log: string[] = [];
  const run = () =>
    pipe(count(log), witness("a", log), failing(FAILURE), witness("b", log), witness("c", log));
  assertStrictEquals(assertThrows(run), FAILURE);
  assertEquals(log, [
    "a ends",
    "b gets failure",
    "b ends",
    "c gets failure",
    "c ends",
    "source ends",
  ]);
});

Deno.test("pipe() throws the error of an async part, too", async () => {
  const log: string[] = [];
  const run = () =>
    pipe(count(log), witnessSlowly("a", log), failing(FAILURE), witnessSlowly("b", log));
  assertStrictEquals(await assertRejects(run), FAILURE);
  assertEquals(log.toSorted(), ["a ends", "b ends", "b gets failure", "source ends"]);
});

Deno.test("pipe() throws the error of its source into all parts", async () => {
  const log: string[] = [];
  function* broken(): Generator<number> {
    yield 1;
    throw FAILURE;
  }
  assertStrictEquals(assertThrows(() => pipe(broken(), witness("a", log), sum())), FAILURE);
  async function* brokenSlowly(): AsyncGenerator<number> {
    yield await Promise.resolve(1);
    throw FAILURE;
  }
  const run = () => pipe(brokenSlowly(), witness("b", log), sum());
  assertStrictEquals(await assertRejects(run), FAILURE);
  assertEquals(log, ["a gets failure", "a ends", "b gets failure", "b ends"]);
});

Deno.test("pipe() fails also when a part behind takes the error for its own", () => {
  const calm = coroutine(function* () {
    for (;;) {
      try {
        const n: number = yield;
        assert(n);
      } catch {
        // Goes on.
      }
    }
  })();
  assertStrictEquals(assertThrows(() => pipe([1], failing(FAILURE), calm)), FAILURE);
  assertEquals(calm.state, "closed");
});

Deno.test("pipe() tells all errors when the parts throw others", () => {
  const worse = coroutine(function* () {
    try {
      for (;;) {
        const n: number = yield;
        assert(n);
      }
    } finally {
      // deno-lint-ignore no-unsafe-finally -- the test is about it
      throw OTHER;
    }
  });
  const error = assertThrows(() => pipe([1], failing(FAILURE), worse()), AggregateError);
  assertEquals(error.errors, [FAILURE, OTHER]);
});

Deno.test("pipe() throws what a part throws at its close, and the next ones get it", () => {
  const log: string[] = [];
  const bad = coroutine(function* () {
    try {
      for (;;) {
        const n: number = yield undefined as number | undefined;
        assert(n);
      }
    } finally {
      // deno-lint-ignore no-unsafe-finally -- the test is about it
      throw FAILURE;
    }
  });
  assertStrictEquals(assertThrows(() => pipe([1], bad(), witness("b", log))), FAILURE);
  assertEquals(log, ["b gets failure", "b ends"]);
});

// Refused

Deno.test("pipe() refuses what it cannot use, before anything runs", () => {
  const started = sum().start();
  const created = double();
  assertThrows(() => pipe([1], created, started), InvalidStateError, "is suspended");
  assertThrows(() => pipe([1], created, created), InvalidStateError, "only once");
  assertThrows(
    () => pipe(5 as never, created),
    TypeError,
    "the source must be iterable, got number",
  );
  assertThrows(() => pipe(null as never, created), TypeError, "got null");
  assertThrows(() => (pipe as (...args: unknown[]) => unknown)([1], null), TypeError, "got null");
  assertEquals([created.state, started.state], ["created", "suspended"]);
});

// Giving up

Deno.test("pipe() with an aborted signal or a bad timeoutMs runs nothing", async () => {
  const part = sum();
  const aborted = pipe([1], part, { signal: AbortSignal.abort(REASON) });
  assertStrictEquals(await assertRejects(() => aborted), REASON);
  await assertRejects(async () => await pipe([1], part, { timeoutMs: -1 }), RangeError);
  assertEquals(part.state, "created");
});

Deno.test("pipe() that is aborted ends at once, and closes a busy part when it can", async () => {
  const { go } = createGates("go");
  const log: string[] = [];
  const busy = coroutine(async function* () {
    try {
      for (;;) {
        const n: number = yield undefined as number | undefined;
        assert(n);
        await go.wait();
      }
    } finally {
      log.push("busy ends");
    }
  })();
  const controller = new AbortController();
  const piped = pipe(count(log), witness("a", log), busy, witness("b", log), {
    signal: controller.signal,
  });
  await assertPending(piped);
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => piped), REASON);
  assertEquals(log, ["a ends", "b gets enough", "b ends", "source ends"]);
  assertEquals(busy.state, "running");
  go.open();
  await settle();
  assertEquals([busy.state, log.at(-1)], ["closed", "busy ends"]);
});

Deno.test("pipe() that is aborted while it waits for an item leaves the source", async () => {
  const log: string[] = [];
  const silent: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => {}),
      return: () => {
        log.push("source ends");
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  const controller = new AbortController();
  const piped = pipe(silent, witness("a", log), { signal: controller.signal });
  await assertPending(piped);
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => piped), REASON);
  assertEquals(log, ["a gets enough", "a ends", "source ends"]);
});

Deno.test("pipe() that timed out while it waits for an item takes none later", async () => {
  const queue = new Queue<number>();
  const log: string[] = [];
  const piped = pipe(queue, witness("a", log), { timeoutMs: 1 });
  await assertRejects(() => piped, TimeoutError, "after 1 ms");
  await settle();
  assertEquals([log, queue.statistics().getting], [[
    "a gets Pipe had not ended after 1 ms",
    "a ends",
  ], 0]);
  queue.putNowait(1);
  await settle();
  assertEquals(queue.qsize(), 1);
});

Deno.test("pipe() ends when its task is cancelled, and takes no item later", async () => {
  const queue = new Queue<number>();
  const log: string[] = [];
  const task = spawn(async () => await pipe(queue, witness("a", log)));
  await settle();
  task.cancel("over");
  await assertRejects(async () => await task, CancelledError);
  await settle();
  assertEquals([log.at(-1), queue.statistics().getting], ["a ends", 0]);
});

Deno.test("pipe() with options ends when its task is cancelled, and is a part of it", async () => {
  const queue = new Queue<number>();
  const seen: unknown[] = [];
  const note = coroutine(function* () {
    for (;;) {
      const n: number = yield;
      seen.push(n, currentTask() === task);
    }
  });
  const task = spawn(async () => await pipe(queue, note(), { timeoutMs: 60_000 }));
  queue.putNowait(1);
  await settle();
  task.cancel("over");
  await assertRejects(async () => await task, CancelledError);
  await settle();
  assertEquals([seen, queue.statistics().getting], [[1, true], 0]);
});

Deno.test("pipe() ends although an async source cannot be left", async () => {
  const endless = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: false, value: 1 }) }),
  };
  assertEquals(await pipe(endless as AsyncIterable<number>, take(2)), 1);
});

Deno.test("pipe() waits until an async source that it leaves has ended", async () => {
  const { end } = createGates("end");
  async function* ending(): AsyncGenerator<number> {
    try {
      for (let n = 1;; n++) yield n;
    } finally {
      await end.wait();
    }
  }
  const piped = pipe(ending(), take(2));
  await assertPending(piped, "the end of the source");
  end.open();
  assertEquals(await piped, 2);
});

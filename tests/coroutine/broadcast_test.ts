import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  AsyncCoroutine,
  broadcast,
  Coroutine,
  coroutine,
  InvalidStateError,
  pipe,
} from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { assertPending } from "../support/settle.ts";

const FAILURE = new Error("failure");
const OTHER = new RangeError("other");

const sum = coroutine(function* () {
  let total = 0;
  for (;;) {
    const n: number = yield total;
    total += n;
  }
});

const join = coroutine(function* () {
  let text = "";
  for (;;) {
    const item: number | string = yield text;
    text += item;
  }
});

const sumSlowly = coroutine(async function* () {
  let total = 0;
  for (;;) {
    const n: number = yield total;
    total += await Promise.resolve(n);
  }
});

const first = coroutine(function* () {
  const n: number = yield;
  return n;
});

const witness = coroutine(function* (name: string, log: string[]) {
  try {
    for (;;) {
      const n: number = yield;
      log.push(`${name} has ${n}`);
    }
  } catch (error) {
    log.push(`${name} gets ${(error as Error).message}`);
    throw error;
  } finally {
    log.push(`${name} ends`);
  }
});

const failing = coroutine(function* (error: unknown) {
  const n: number = yield;
  if (n > 0) throw error;
});

Deno.test("broadcast() sends each item to all targets, and answers their answers", () => {
  const both = broadcast(sum(), join());
  assertInstanceOf(both, Coroutine);
  both.start();
  const answers: [number, string] = both.send(1);
  assertEquals(answers, [1, "1"]);
  assertEquals(both.send(2), [3, "12"]);
  assertEquals(answers, [1, "1"]);
  assertEquals(both.close(), [3, "12"]);
  assertEquals(both.value, [3, "12"]);
});

Deno.test("broadcast() is a sink for a pipe", () => {
  const answers: [number, string] = pipe([1, 2], broadcast(sum(), join()));
  assertEquals(answers, [3, "12"]);
  assertEquals(pipe([] as number[], broadcast(sum(), join())), [0, ""]);
});

Deno.test("broadcast() takes what all targets take", () => {
  // @ts-expect-error a sum takes no text
  assertEquals(pipe(["a"], broadcast(sum(), join())), ["0a", "a"]);
  const texts = coroutine(function* () {
    const text: string = yield;
    return text;
  });
  // @ts-expect-error nothing is both
  assertEquals(pipe([1], broadcast(sum(), texts())), [1, 1]);
});

Deno.test("broadcast() with an async target is async", async () => {
  const both = broadcast(sum(), sumSlowly());
  assertInstanceOf(both, AsyncCoroutine);
  await both.start();
  const answers: Promise<[number, number]> = both.send(5);
  assertEquals(await answers, [5, 5]);
  assertEquals(await both.close(), [5, 5]);
  const piped: Promise<[number, number]> = pipe([1, 2], broadcast(sum(), sumSlowly()));
  assertEquals(await piped, [3, 3]);
});

Deno.test("broadcast() gives all targets an item at the same time, and waits for the slowest", async () => {
  const { go } = createGates("go");
  const log: string[] = [];
  const slow = coroutine(async function* () {
    for (;;) {
      const n: number = yield;
      await go.wait();
      log.push(`slow has ${n}`);
    }
  });
  const all = broadcast(slow(), witness("quick", log));
  await all.start();
  const sent = all.send(1);
  await assertPending(sent);
  assertEquals(log, ["quick has 1"]);
  go.open();
  await sent;
  assertEquals(log, ["quick has 1", "slow has 1"]);
  await all.close();
});

Deno.test("broadcast() passes by a target that has ended, and ends with the last one", () => {
  const some = broadcast(first(), sum()).start();
  some.send(1);
  assertEquals(some.send(2), [1, 3]);
  const last = broadcast(first(), first()).start();
  assertEquals(last.send(7), [7, 7]);
  assertEquals([last.state, last.value], ["closed", [7, 7]]);
});

Deno.test("broadcast() ends a pipe when all targets have ended", () => {
  let taken = 0;
  function* numbers() {
    for (;;) yield ++taken;
  }
  assertEquals(pipe(numbers(), broadcast(first(), first())), [1, 1]);
  assertEquals(taken, 1);
});

Deno.test("broadcast() with async targets passes by one that has ended, too", async () => {
  const all = await broadcast(first(), sumSlowly()).start();
  assertEquals([await all.send(1), await all.send(2)], [[1, 1], [1, 3]]);
  await all.close();
});

Deno.test("broadcast() that fails closes a target that is busy when its step has ended", async () => {
  const { go } = createGates("go");
  const log: string[] = [];
  const busy = coroutine(async function* () {
    try {
      for (;;) {
        const n: number = yield;
        await go.wait();
        log.push(`busy has ${n}`);
      }
    } finally {
      log.push("busy ends");
    }
  })();
  const all = await broadcast(failing(FAILURE), busy).start();
  // Somebody else sends to it, which he should not.
  const own = busy.send(1);
  const sent = all.send(2);
  await assertPending(sent, "broadcast");
  go.open();
  const { errors } = await assertRejects(() => sent, AggregateError);
  assertStrictEquals(errors[0], FAILURE);
  assertInstanceOf(errors[1], InvalidStateError);
  await own;
  assertEquals([log, busy.state], [["busy has 1", "busy ends"], "closed"]);
});

Deno.test("broadcast() closes its targets with itself", async () => {
  const log: string[] = [];
  broadcast(witness("a", log), witness("b", log)).start().close();
  assertEquals(log, ["a ends", "b ends"]);
  const slow = broadcast(witness("c", log), sumSlowly());
  await slow.start();
  await slow[Symbol.asyncDispose]();
  assertEquals(log.slice(2), ["c ends"]);
});

Deno.test("broadcast() gives the item to the others when a target throws, then the error", () => {
  const log: string[] = [];
  const all = broadcast(witness("a", log), failing(FAILURE), witness("b", log)).start();
  assertStrictEquals(assertThrows(() => all.send(1)), FAILURE);
  assertEquals(log, ["a has 1", "b has 1", "a gets failure", "a ends", "b gets failure", "b ends"]);
  assertEquals(all.state, "closed");
});

Deno.test("broadcast() with async targets gives the error to the others, too", async () => {
  const log: string[] = [];
  const run = () => pipe([1], broadcast(witness("a", log), failing(FAILURE), sumSlowly()));
  assertStrictEquals(await assertRejects(run), FAILURE);
  assertEquals(log, ["a has 1", "a gets failure", "a ends"]);
});

Deno.test("broadcast() tells all errors when several targets throw", async () => {
  const error = assertThrows(
    () => pipe([1], broadcast(failing(FAILURE), failing(OTHER))),
    AggregateError,
  );
  assertEquals(error.errors, [FAILURE, OTHER]);
  const later = await assertRejects(
    async () => await pipe([1], broadcast(failing(FAILURE), failing(OTHER), sumSlowly())),
    AggregateError,
  );
  assertEquals(later.errors, [FAILURE, OTHER]);
});

Deno.test("broadcast() hands an error that is thrown into it to its targets", () => {
  const log: string[] = [];
  const all = broadcast(witness("a", log)).start();
  assertStrictEquals(assertThrows(() => all.throw(FAILURE)), FAILURE);
  assertEquals(log, ["a gets failure", "a ends"]);
});

Deno.test("broadcast() refuses what it cannot use", () => {
  const target = sum();
  // @ts-expect-error none
  assertThrows(() => broadcast(), TypeError, "at least one coroutine is needed");
  // @ts-expect-error no coroutine
  assertThrows(() => broadcast(sum), TypeError, "got function");
  assertThrows(() => broadcast(target, target), InvalidStateError, "only once");
  assertThrows(() => broadcast(sum().start()), InvalidStateError, "is suspended");
  assertEquals(target.state, "created");
});

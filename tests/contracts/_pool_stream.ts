import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { CancelledError, PoolClosedError, TimeoutError } from "../../coroutine/mod.ts";
import { settle } from "../support/settle.ts";
import {
  collect,
  controllerOf,
  type PoolSubject,
  poolTester,
  REASON,
  RemoteGate,
} from "./_pool_subject.ts";
import {
  answer,
  countAtGate,
  countLater,
  countOpenly,
  countTo,
  listLater,
  square,
} from "./pool_functions.ts";

/** The rules of `stream`. */
export function poolStreamContract(name: string, subject: PoolSubject): void {
  const test = poolTester(name, subject);

  test(".stream() gives the values in order, then the end", async (pool) => {
    for (const count of [0, 1, 5, 200]) {
      const numbers = Array.from({ length: count }, (_, n) => n);
      assertEquals(await collect(pool.stream(countTo, [count])), numbers);
      assertEquals(await collect(pool.stream(countLater, [count], { lookAhead: 1 })), numbers);
    }
    assertEquals(await collect(pool.stream(listLater)), [1, 2, 3]);
    const values = pool.stream(countTo, [1]);
    assertEquals(await values.next(), { done: false, value: 0 });
    assertEquals(await values.next(), { done: true, value: undefined });
    assertEquals(await values.next(), { done: true, value: undefined });
    assertEquals(pool.statistics().running, 0);
  });

  test(".stream() gives values while the generator goes on", async (pool) => {
    const gate = new RemoteGate(subject);
    const values = pool.stream(countAtGate, [gate.token]);
    assertEquals((await values.next()).value, 1);
    await assertRejects(() => values.next({ timeoutMs: 1 }), TimeoutError);
    await gate.pass(1);
    assertEquals((await values.next()).value, 2);
    assertEquals((await values.next()).done, true);
  });

  test(
    ".stream() lets the generator run ahead so far and no further, and closes it",
    async (pool) => {
      const queue = subject.createQueue();
      const values = pool.stream(countOpenly, [queue], { lookAhead: 3 });
      for (let n = 0; n < 3; n++) assertEquals(await queue.get(), n);
      await settle();
      assertEquals(await queue.qsize(), 0);
      assertEquals((await values.next()).value, 0);
      assertEquals(await queue.get(), 3);
      await values.return();
      assertEquals(await queue.get(), -1);
      assertEquals((await values.next()).done, true);
      assertEquals(await pool.apply(square, [3]), 9);
    },
    1,
  );

  test(".stream() closes the generator when the loop is left", async (pool) => {
    const queue = subject.createQueue();
    for await (const n of pool.stream(countOpenly, [queue], { lookAhead: 1 })) {
      if (n === 2) break;
    }
    for (let seen = 0; seen !== -1;) seen = await queue.get();
    assertEquals(pool.statistics().running, 0);
  });

  test(".stream().next() that may not wait throws at once, and takes nothing", async (pool) => {
    const gate = new RemoteGate(subject);
    const values = pool.stream(countAtGate, [gate.token]);
    await assertRejects(() => values.next({ timeoutMs: 0 }), TimeoutError, "after 0 ms");
    assertEquals((await values.next()).value, 1);
    await assertRejects(() => values.next({ timeoutMs: 0 }), TimeoutError);
    await gate.pass(1);
    assertEquals((await values.next()).value, 2);
  });

  test(".stream() gives the values before an error", async (pool) => {
    const values = pool.stream(countTo, [2, "enough"]);
    assertEquals((await values.next()).value, 0);
    assertEquals((await values.next()).value, 1);
    await assertRejects(() => values.next(), RangeError, "enough");
    assertEquals((await values.next()).done, true);
    const waiting = pool.stream(countTo, [0, "at once"]);
    await assertRejects(() => waiting.next(), RangeError, "at once");
    assertEquals(pool.statistics().failed, 2);
  });

  test(".stream() rejects when the function returns nothing to be iterated", async (pool) => {
    const values = pool.stream(answer as never);
    await assertRejects(() => values.next(), TypeError, "Cannot stream");
  });

  test(".stream() ends when its signal aborts, or the pool is terminated", async (pool) => {
    const queue = subject.createQueue();
    const { signal, abort } = controllerOf();
    const values = pool.stream(countOpenly, [queue], { signal, lookAhead: 1 });
    assertEquals((await values.next()).value, 0);
    abort(REASON);
    assertStrictEquals(await assertRejects(() => values.next()), REASON);
    assertEquals((await values.next()).done, true);
    const early = pool.stream(countOpenly, [queue], { signal });
    assertStrictEquals(await assertRejects(() => early.next()), REASON);
    const gate = new RemoteGate(subject);
    const waiting = pool.stream(countAtGate, [gate.token]);
    assertEquals((await waiting.next()).value, 1);
    const next = assertRejects(() => waiting.next(), CancelledError);
    await pool.terminate();
    await next;
  });

  test(".stream() exceeds its time like any call", async (pool) => {
    const gate = new RemoteGate(subject);
    const values = pool.stream(countAtGate, [gate.token], { timeoutMs: 500 });
    assertEquals((await values.next()).value, 1);
    await assertRejects(() => values.next(), TimeoutError, "it ran longer than 500 ms");
  });

  test(".stream() refuses bad calls", async (pool) => {
    assertThrows(() => pool.stream(countTo, [1], { lookAhead: 0 }), RangeError);
    assertThrows(() => pool.stream(countTo, 7 as never), TypeError);
    assertThrows(() => pool.stream(7 as never), TypeError);
    pool.close();
    assertThrows(() => pool.stream(countTo, [1]), PoolClosedError);
    await pool.join();
  });
}

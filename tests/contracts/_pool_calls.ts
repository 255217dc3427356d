import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { InvalidStateError, TimeoutError } from "../../coroutine/mod.ts";
import { assertPending, settle } from "../support/settle.ts";
import {
  byValue,
  collect,
  NUMBERS,
  type PoolSubject,
  poolTester,
  REASON,
  RemoteGate,
  SQUARES,
  upTo,
} from "./_pool_subject.ts";
import {
  add,
  answer,
  failIfOdd,
  failWithFields,
  passGate,
  passGateOrFail,
  record,
  reportUpTo,
  spinFor,
  square,
  squareLater,
} from "./pool_functions.ts";
import { TallyError } from "./tally_error.ts";

/** The rules of `apply`, `map`, their callbacks and their progress. */
export function poolCallContract(name: string, subject: PoolSubject): void {
  const test = poolTester(name, subject);

  // apply

  test(".apply() gives the result [cpython: _TestPool.test_apply, ExecutorTest.test_submit]", async (pool) => {
    assertEquals(await pool.apply(square, [7]), 49);
    assertEquals(await pool.apply(squareLater, [7]), 49);
    assertEquals(await pool.apply(add, [1, 2]), 3);
    assertEquals(await pool.apply(answer), 42);
  });

  test(".apply() rejects with what the function throws", async (pool) => {
    await assertRejects(() => pool.apply(failIfOdd, [3]), RangeError, "3 is odd");
    assertEquals(await pool.apply(failIfOdd, [4]), 4);
  });

  test(".apply() keeps the fields of an error", async (pool) => {
    const error = await assertRejects(() => pool.apply(failWithFields, [12]), Error, "wrong tally");
    assertEquals([error.name, (error as TallyError).tally], ["TallyError", 12]);
    if (subject.errors === "same") assertInstanceOf(error, TallyError);
  });

  test(".applyAsync() gives a result to be fetched [cpython: _TestPool.test_async]", async (pool) => {
    const result = pool.applyAsync(square, [7]);
    assertEquals(result.ready(), false);
    assertEquals(await result.get(), 49);
    assertEquals(await result, 49);
    assert(result.ready() && result.successful() && !result.cancelled());
  });

  test(" starts calls in the order in which they were made", async (pool) => {
    const queue = subject.createQueue();
    const calls = NUMBERS.map((n) => pool.apply(record, [{ queue, n }]));
    await Promise.all(calls);
    const seen: number[] = [];
    for (const _ of NUMBERS) seen.push(await queue.get());
    assertEquals(seen, NUMBERS);
  }, 1);

  test(
    " runs as many calls at a time as its size [cpython: ThreadPoolExecutorTest.test_saturation, ThreadPoolShutdownTest.test_threads_terminate]",
    async (pool) => {
      const gate = new RemoteGate(subject);
      const calls = [1, 2, 3, 4, 5].map((n) => pool.applyAsync(passGate, [gate.token, n]));
      assertEquals((await gate.arrivals(3)).sort(byValue), [1, 2, 3]);
      await settle();
      assertEquals(await gate.token.arrivals.qsize(), 0);
      assertEquals(pool.statistics().running, 3);
      await gate.pass(5);
      for (const [at, call] of calls.entries()) assertEquals(await call, at + 1);
    },
    3,
  );

  test(" starts calls of higher priority first, and equals in their order", async (pool) => {
    const gate = new RemoteGate(subject);
    const holding = pool.applyAsync(passGate, [gate.token, 0]);
    await gate.arrivals(1);
    const priorities = [0, 5, -1, 5, 0, 7];
    const calls = priorities.map((priority, n) =>
      pool.applyAsync(passGate, [gate.token, n], { priority })
    );
    await gate.pass(7);
    assertEquals(await gate.arrivals(6), [5, 1, 3, 0, 4, 2]);
    await Promise.all([holding, ...calls]);
  }, 1);

  // map

  test(".map() keeps the order [cpython: _TestPool.test_map, ExecutorTest.test_map, ProcessPoolExecutorTest.test_map_chunksize]", async (pool) => {
    assertEquals(await pool.map(square, NUMBERS), SQUARES);
    assertEquals(await pool.map(squareLater, new Set([1, 2, 3])), [1, 4, 9]);
    for (const chunkSize of [1, 2, 3, 11, 100]) {
      assertEquals(await pool.map(squareLater, NUMBERS, { chunkSize }), SQUARES);
    }
    const many = Array.from(upTo(1000));
    assertEquals(await pool.map(squareLater, many), many.map(square));
  });

  test(".starmap() spreads the arguments [cpython: _TestPool.test_starmap]", async (pool) => {
    const pairs: [number, number][] = NUMBERS.map((n) => [n, 10]);
    const sums = NUMBERS.map((n) => n + 10);
    assertEquals(await pool.starmap(add, pairs), sums);
    assertEquals(await pool.starmap(add, pairs, { chunkSize: 3 }), sums);
  });

  test(".starmapAsync() gives the same [cpython: _TestPool.test_starmap_async]", async (pool) => {
    assertEquals(await pool.starmapAsync(add, [[1, 2], [3, 4]]).get(), [3, 7]);
  });

  test(".mapAsync() gives the same [cpython: _TestPool.test_map_async]", async (pool) => {
    assertEquals(await pool.mapAsync(square, NUMBERS).get(), SQUARES);
  });

  test(" gives nothing for nothing [cpython: _TestPool.test_empty_iterable, _TestPool.test_map_chunksize]", async (pool) => {
    assertEquals(await pool.map(square, []), []);
    assertEquals(await pool.starmap(add, []), []);
    assertEquals(await collect(pool.imap(square, [])), []);
    assertEquals(await collect(pool.imapUnordered(square, [])), []);
    const result = pool.mapAsync(square, [], { chunkSize: 1 });
    assert(result.ready());
    assertEquals(await result, []);
    assertEquals(pool.statistics().queued, 0);
  });

  test(".map() rejects with the error of its input, and starts nothing [cpython: _TestPool.test_map_handle_iterable_exception]", async (pool) => {
    for (const good of [0, 1, 5]) {
      const error = await assertRejects(() => pool.map(square, upTo(good, REASON)));
      assertStrictEquals(error, REASON);
    }
    const { queued, done } = pool.statistics();
    assertEquals([queued, done], [0, 0]);
  });

  test(".map() waits for all items, then rejects with the first error [cpython: _TestPool.test_map_no_failfast]", async (pool) => {
    for (const chunkSize of [undefined, 1, 2, 8]) {
      const gate = new RemoteGate(subject);
      const items = [0, 3, 2, 1].map((n) => ({ gate: gate.token, n }));
      const failing = pool.map(passGateOrFail, items, { chunkSize });
      await gate.pass(3);
      await assertPending(failing, "the map whose last item is held");
      await gate.pass(1);
      await assertRejects(() => failing, RangeError, "3 is odd");
      assertEquals((await gate.arrivals(4)).length, 4);
    }
  });

  test(".map() goes on after a failed item of a chunk", async (pool) => {
    await assertRejects(
      () => pool.map(failIfOdd, [1, 2, 3, 4], { chunkSize: 4 }),
      RangeError,
      "1 is",
    );
    const { done, failed } = pool.statistics();
    assertEquals([done, failed], [2, 2]);
  });

  // Callbacks

  test(
    ".map() runs what follows a chunk that is handed back between two of its items",
    async (pool) => {
      // Short ones, so that a runner is given more than one chunk at a time.
      await pool.map(spinFor, new Array(50).fill(0), { chunkSize: 1 });
      assertEquals(await pool.map(spinFor, [60, 0, 1, 0, 0, 2], { chunkSize: 3 }), [
        60,
        0,
        1,
        0,
        0,
        2,
      ]);
    },
    1,
  );

  test(".mapAsync() calls back with the whole list, or the error [cpython: _TestPool.test_map_async_callbacks]", async (pool) => {
    const seen: unknown[] = [];
    const good = pool.mapAsync(square, [1, 2], { callback: (list) => seen.push(list) });
    assertEquals(await good, [1, 4]);
    assertEquals(seen, [[1, 4]]);
    const bad = pool.mapAsync(failIfOdd, [2, 3], {
      callback: () => seen.push("wrong"),
      errorCallback: (error) => seen.push(error),
    });
    const error = await assertRejects(() => bad.get(), RangeError);
    assertEquals(seen.length, 2);
    assertStrictEquals(seen[1], error);
  });

  test(".applyAsync() calls back before who waits goes on [cpython: FutureTests.test_done_callback_with_result]", async (pool) => {
    const seen: unknown[] = [];
    const result = pool.applyAsync(square, [3], { callback: (value) => seen.push(value) });
    await result.wait();
    assertEquals(seen, [9]);
  });

  test(".applyAsync() calls back with the error [cpython: _TestPoolWorkerErrors.test_async_error_callback, FutureTests.test_done_callback_with_exception]", async (pool) => {
    const seen: unknown[] = [];
    const result = pool.applyAsync(failIfOdd, [1], { errorCallback: (error) => seen.push(error) });
    const error = await assertRejects(() => result.get(), RangeError);
    assertEquals(seen.length, 1);
    assertStrictEquals(seen[0], error);
    assertEquals(result.successful(), false);
  });

  // Waiting

  test(" AsyncResult.get() throws TimeoutError, and the call goes on [cpython: _TestPool.test_async_timeout, FutureTests.test_result_with_timeout]", async (pool) => {
    const gate = new RemoteGate(subject);
    const result = pool.applyAsync(passGate, [gate.token, 1]);
    await gate.arrivals(1);
    for (const timeoutMs of [0, 1]) {
      await assertRejects(() => result.get({ timeoutMs }), TimeoutError, `after ${timeoutMs} ms`);
      assertEquals(await result.wait({ timeoutMs }), false);
    }
    await assertRejects(() => result.get({ signal: AbortSignal.abort(REASON) }), Error, "enough");
    assertThrows(() => result.successful(), InvalidStateError);
    await gate.pass(1);
    assertEquals(await result.get({ timeoutMs: 30_000 }), 1);
    assertEquals(await result.wait({ timeoutMs: 0 }), true);
    assertEquals(await result.get({ timeoutMs: 0 }), 1);
    await assertRejects(() => result.get({ signal: AbortSignal.abort(REASON) }), Error, "enough");
  });

  // Progress

  test(" passes on what functions report, in order, before the result", async (pool) => {
    const seen: unknown[] = [];
    const onProgress = (value: unknown, index: number) => seen.push([index, value]);
    assertEquals(await pool.apply(reportUpTo, [3], { onProgress }), 3);
    assertEquals(seen, [[0, 1], [0, 2], [0, 3]]);
    seen.length = 0;
    await pool.map(reportUpTo, [1, 2], { onProgress });
    assertEquals(seen.filter((entry) => (entry as number[])[0] === 1), [[1, 1], [1, 2]]);
    assertEquals(seen.length, 3);
    assertEquals(await pool.apply(reportUpTo, [3]), 3);
  });
}

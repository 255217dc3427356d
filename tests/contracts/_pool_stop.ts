import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  CancelledError,
  InvalidStateError,
  PoolClosedError,
  TimeoutError,
} from "../../coroutine/mod.ts";
import { settle } from "../support/settle.ts";
import {
  collect,
  controllerOf,
  NUMBERS,
  type PoolSubject,
  poolTester,
  REASON,
  RemoteGate,
  SQUARES,
  upTo,
} from "./_pool_subject.ts";
import {
  failIfOdd,
  passGate,
  passGateWith,
  record,
  square,
  squareLater,
} from "./pool_functions.ts";

/** The rules of cancelling, time limits, closing and terminating. */
export function poolStopContract(name: string, subject: PoolSubject): void {
  const test = poolTester(name, subject);

  // Stopping

  test(
    " never starts a call that was cancelled before [cpython: FutureTests.test_cancel, FutureTests.test_result_with_cancel, FutureTests.test_done_callback_with_cancel]",
    async (pool) => {
      const gate = new RemoteGate(subject);
      const first = pool.applyAsync(passGate, [gate.token, 1]);
      await gate.arrivals(1);
      const seen: unknown[] = [];
      const second = pool.applyAsync(passGate, [gate.token, 2], {
        errorCallback: (error) => seen.push(error),
      });
      const waiting = second.get();
      assertEquals(second.cancel("too late"), true);
      assertEquals([second.ready(), second.cancelled(), second.cancel()], [true, true, false]);
      const error = await assertRejects(() => waiting, CancelledError);
      assertEquals(error.cause, "too late");
      assertStrictEquals(seen[0], error);
      await gate.pass(2);
      assertEquals(await first, 1);
      assertEquals(first.cancel(), false);
      await settle();
      assertEquals(await gate.token.arrivals.qsize(), 0);
      assertEquals(pool.statistics().cancelled, 1);
    },
    1,
  );

  test(" stops a call that runs, and goes on", async (pool) => {
    const gate = new RemoteGate(subject);
    const result = pool.applyAsync(passGate, [gate.token, 1]);
    await gate.arrivals(1);
    assertEquals(result.cancel(), true);
    await assertRejects(() => result.get(), CancelledError);
    assertEquals(result.cancelled(), true);
    assertEquals(await pool.apply(square, [3]), 9);
    assertEquals(pool.statistics().running, 0);
  }, 1);

  test(
    " stops a list of which one item runs, starts none of the others, and goes on",
    async (pool) => {
      const gate = new RemoteGate(subject);
      const items = [1, 2, 3].map((n) => ({ gate: gate.token, n }));
      const list = pool.mapAsync(passGateWith, items, { chunkSize: 3 });
      assertEquals(await gate.arrivals(1), [1]);
      assertEquals(list.cancel(), true);
      await assertRejects(() => list.get({ timeoutMs: 30_000 }), CancelledError);
      assertEquals(await pool.apply(square, [3]), 9);
      const { running, cancelled } = pool.statistics();
      assertEquals([running, cancelled, await gate.token.arrivals.qsize()], [0, 3, 0]);
    },
    1,
  );

  test(" stops a call whose signal aborts, and rejects with its reason", async (pool) => {
    const gate = new RemoteGate(subject);
    const { signal, abort } = controllerOf();
    const running = pool.apply(passGate, [gate.token, 1], { signal });
    const waiting = pool.map(square, [1, 2], { signal });
    const streaming = pool.imap(square, [1, 2], { signal });
    await gate.arrivals(1);
    abort(REASON);
    const calls = [running, waiting, streaming.next()];
    for (const error of await Promise.all(calls.map((call) => assertRejects(() => call)))) {
      assertStrictEquals(error, REASON);
    }
    assertEquals((await streaming.next()).done, true);
    assertEquals(await pool.apply(square, [3]), 9);
  }, 1);

  test(" starts nothing when the signal has aborted before", async (pool) => {
    const queue = subject.createQueue();
    const signal = AbortSignal.abort(REASON);
    for (
      const call of [
        () => pool.apply(record, [{ queue, n: 1 }], { signal }),
        () => pool.map(record, [{ queue, n: 1 }], { signal }),
        () => pool.imap(record, [{ queue, n: 1 }], { signal }).next(),
      ]
    ) assertStrictEquals(await assertRejects(call), REASON);
    await settle();
    assertEquals(await queue.qsize(), 0);
  });

  test(" stops a call that runs longer than its time, and goes on", async (pool) => {
    const gate = new RemoteGate(subject);
    await assertRejects(
      () => pool.apply(passGate, [gate.token, 1], { timeoutMs: 5 }),
      TimeoutError,
      "it ran longer than 5 ms",
    );
    assertEquals(await pool.apply(square, [3], { timeoutMs: 30_000 }), 9);
    const { running, failed } = pool.statistics();
    assertEquals([running, failed], [0, 1]);
  }, 1);

  test(" does not count the time in the queue", async (pool) => {
    const gate = new RemoteGate(subject);
    const first = pool.apply(passGate, [gate.token, 1], { timeoutMs: 20 });
    const second = pool.apply(square, [3], { timeoutMs: 10_000 });
    await assertRejects(() => first, TimeoutError);
    assertEquals(await second, 9);
  }, 1);

  test(".map() has the time of an item begin when it starts, not its chunk", async (pool) => {
    const gates = [1, 2].map(() => new RemoteGate(subject));
    await gates[0]!.pass(1);
    const items = gates.map(({ token }, n) => ({ gate: token, n }));
    const call = pool.mapAsync(passGateWith, items, { timeoutMs: 500, chunkSize: 2 });
    await assertRejects(
      () => call.get({ timeoutMs: 30_000 }),
      TimeoutError,
      "it ran longer than 500 ms",
    );
    assertEquals(await pool.apply(square, [3]), 9);
  }, 1);

  test(".map() stops only the item that takes too long", async (pool) => {
    const gate = new RemoteGate(subject);
    const open = new RemoteGate(subject);
    await open.pass(2);
    const items = [open, gate, open].map(({ token }, n) => ({ gate: token, n }));
    await assertRejects(() => pool.map(passGateWith, items, { timeoutMs: 500 }), TimeoutError);
    const { done, failed } = pool.statistics();
    assertEquals([done, failed], [2, 1]);
  });

  // The end

  Deno.test(`${name} refuses a size that makes no sense [cpython: _TestPool.test_make_pool, ExecutorTest.test_max_workers_negative]`, async () => {
    for (const size of [0, -1, 1.5, NaN]) assertThrows(() => subject.createPool(size), RangeError);
    assertThrows(() => subject.createPool("2" as unknown as number), TypeError);
    await using pool = subject.createPool(3);
    assertEquals(pool.size, 3);
  });

  test(".close() finishes what was given, and takes no more [cpython: ExecutorShutdownTest.test_hang_issue12364, ExecutorTest.test_shutdown_race_issue12456, ExecutorShutdownTest.test_run_after_shutdown]", async (pool) => {
    const calls = NUMBERS.map((n) => pool.applyAsync(squareLater, [n]));
    const list = pool.map(squareLater, NUMBERS);
    const stream = pool.imap(squareLater, NUMBERS);
    pool.close();
    pool.close();
    assertThrows(() => pool.applyAsync(square, [1]), PoolClosedError, "the pool is closed");
    assertThrows(() => pool.imap(square, [1]), PoolClosedError);
    await assertRejects(() => pool.apply(square, [1]), PoolClosedError);
    await assertRejects(() => pool.map(square, []), PoolClosedError);
    await pool.join();
    assertEquals(await Promise.all(calls), SQUARES);
    assertEquals(await list, SQUARES);
    assertEquals(await collect(stream), SQUARES);
    assertEquals(pool.statistics().runners, 0);
  });

  test(".join() is refused while the pool is open", async (pool) => {
    await assertRejects(() => pool.join(), InvalidStateError, "it is open");
    assertEquals(await pool.apply(square, [2]), 4);
  });

  test(".join() waits for a limited time", async (pool) => {
    const gate = new RemoteGate(subject);
    const call = pool.apply(passGate, [gate.token, 1]);
    await gate.arrivals(1);
    pool.close();
    await assertRejects(() => pool.join({ timeoutMs: 1 }), TimeoutError, "1 are running");
    const { signal, abort } = controllerOf();
    const joining = pool.join({ signal });
    abort(REASON);
    assertStrictEquals(await assertRejects(() => joining), REASON);
    await gate.pass(1);
    await pool.join();
    assertEquals(await call, 1);
  });

  test(
    ".join() does not wait for what was cancelled [cpython: ExecutorShutdownTest.test_hang_gh94440]",
    async (pool) => {
      const gate = new RemoteGate(subject);
      const first = pool.applyAsync(passGate, [gate.token, 1]);
      await gate.arrivals(1);
      const second = pool.applyAsync(passGate, [gate.token, 2]);
      second.cancel();
      pool.close();
      await gate.pass(1);
      await pool.join();
      assertEquals([await first, second.cancelled()], [1, true]);
    },
    1,
  );

  test(".terminate() stops everything [cpython: _TestPool.test_terminate]", async (pool) => {
    const gate = new RemoteGate(subject);
    const items = Array.from(upTo(10_000), (n) => ({ gate: gate.token, n }));
    const list = pool.mapAsync(passGateWith, items, { chunkSize: 1 });
    const call = pool.apply(passGate, [gate.token, 1]);
    const stream = pool.imap(passGateWith, items);
    await gate.arrivals(2);
    const settled = Promise.all([
      assertRejects(() => list.get(), CancelledError, "terminated"),
      assertRejects(() => call, CancelledError),
      assertRejects(() => stream.next(), CancelledError),
    ]);
    await pool.terminate();
    await settled;
    await pool.join();
    assertEquals((await stream.next()).done, true);
    assertEquals(await gate.token.arrivals.qsize(), 0);
    assertThrows(() => pool.applyAsync(square, [1]), PoolClosedError, "the pool is terminated");
    const { queued, running, runners, cancelled } = pool.statistics();
    assertEquals([queued, running, runners], [0, 0, 0]);
    assert(cancelled > 10_000);
  });

  Deno.test(`${name} is terminated at the end of its block, also twice [cpython: _TestPool.test_context, _TestPool.test_enter]`, async () => {
    const pool = subject.createPool(2);
    const gate = new RemoteGate(subject);
    let call: Promise<unknown> | undefined;
    {
      await using _ = pool;
      assertEquals(await pool.map(square, NUMBERS), SQUARES);
      call = assertRejects(() => pool.apply(passGate, [gate.token, 1]), CancelledError);
      await gate.arrivals(1);
    }
    await call;
    assertThrows(() => pool.applyAsync(square, [1]), PoolClosedError);
    await pool.terminate();
    await pool[Symbol.asyncDispose]();
    pool.close();
    await pool.join();
    await subject.cleanUp?.();
  });

  test(".statistics() counts", async (pool) => {
    const gate = new RemoteGate(subject);
    const first = pool.apply(passGate, [gate.token, 1]);
    const second = pool.apply(passGate, [gate.token, 2]);
    await gate.arrivals(1);
    assertEquals([pool.statistics().queued, pool.statistics().running], [1, 1]);
    await gate.pass(2);
    await Promise.all([first, second]);
    await assertRejects(() => pool.map(failIfOdd, [0, 1, 2]), RangeError);
    const figures = pool.statistics();
    assertEquals([figures.queued, figures.running], [0, 0]);
    assertEquals([figures.done, figures.failed, figures.cancelled], [4, 1, 0]);
    assert(figures.waitingMs >= 0 && figures.runningMs >= 0);
  }, 1);

  test(" refuses bad calls before anything starts", async (pool) => {
    const bad: [() => unknown, typeof TypeError | typeof RangeError][] = [
      [() => pool.applyAsync("square" as never), TypeError],
      [() => pool.applyAsync(square, 7 as never), TypeError],
      [() => pool.applyAsync(square, [1], { retries: -1 }), RangeError],
      [() => pool.applyAsync(square, [1], { timeoutMs: 0 }), RangeError],
      [() => pool.applyAsync(square, [1], { timeoutMs: "1" as never }), TypeError],
      [() => pool.applyAsync(square, [1], { priority: NaN }), TypeError],
      [() => pool.applyAsync(square, [1], { onProgress: 1 as never }), TypeError],
      [() => pool.applyAsync(square, [1], { callback: 1 as never }), TypeError],
      [() => pool.mapAsync(square, 7 as never), TypeError],
      [() => pool.mapAsync(square, [1], { chunkSize: 0 }), RangeError],
      [() => pool.mapAsync(square, [1], { chunkSize: -1 }), RangeError],
      [() => pool.mapAsync(square, [1], { chunkSize: "1" as never }), TypeError],
      [() => pool.imap(square, [1], { lookAhead: 0 }), RangeError],
      [() => pool.imap(square, null as never), TypeError],
    ];
    for (const [call, error] of bad) assertThrows(call, error, "Cannot");
    await settle();
    const { queued, done, failed } = pool.statistics();
    assertEquals([queued, done, failed], [0, 0, 0]);
  });
}

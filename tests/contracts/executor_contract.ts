import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  asCompleted,
  type BaseExecutor,
  CancelledError,
  type Future,
  PoolClosedError,
  TimeoutError,
  wait,
} from "../../coroutine/mod.ts";
import { settle } from "../support/settle.ts";
import { collect, NUMBERS, REASON, RemoteGate, SQUARES, upTo } from "./_pool_subject.ts";
import {
  add,
  failIfOdd,
  passGate,
  passGateWith,
  type SharedQueue,
  square,
  squareLater,
} from "./pool_functions.ts";

/** A kind of executor, and what its tests need. */
export interface ExecutorSubject {
  createExecutor(maxWorkers: number): BaseExecutor;
  /** A queue that can be passed to a function of the executor as an argument, and is shared with it. */
  createQueue(): SharedQueue<number>;
  /** Gives up what was created for a test, at its end. */
  cleanUp?(): Promise<void>;
}

/** The rules that all executors share. `name` is the class, as titles show it. */
export function executorContract(name: string, subject: ExecutorSubject): void {
  const gates = { ...subject, errors: "same", createPool: () => neverCalled() } as const;

  function test(
    title: string,
    run: (executor: BaseExecutor) => Promise<void>,
    maxWorkers = 2,
  ): void {
    Deno.test(`${name}${title}`, async () => {
      try {
        await using executor = subject.createExecutor(maxWorkers);
        await run(executor);
      } finally {
        await subject.cleanUp?.();
      }
    });
  }

  // submit

  test(".submit() gives a future of the result [cpython: ExecutorTest.test_submit, ExecutorTest.test_submit_keyword]", async (executor) => {
    const future = executor.submit(add, 1, 2);
    assertEquals(future.done(), false);
    assertEquals(await future.result(), 3);
    assertEquals(await future, 3);
    assertEquals([future.done(), future.running(), future.cancelled()], [true, false, false]);
    assertThrows(() => executor.submit(7 as never), TypeError, "Cannot");
  });

  test(".submit() gives a future of the error [cpython: FutureTests.test_exception_with_success]", async (executor) => {
    const future = executor.submit(failIfOdd, 3);
    const error = await future.exception();
    assert(error instanceof RangeError);
    assertStrictEquals(await assertRejects(() => future.result()), error);
    assertEquals(await executor.submit(square, 2).exception(), undefined);
  });

  test(
    " Future tells its state [cpython: FutureTests.test_running, FutureTests.test_done, FutureTests.test_cancelled, FutureTests.test_cancel, FutureTests.test_repr]",
    async (executor) => {
      const gate = new RemoteGate(gates);
      const first = executor.submit(passGate, gate.token, 1);
      const second = executor.submit(passGate, gate.token, 2);
      await gate.arrivals(1);
      assertEquals(statesOf(first), [true, false, false]);
      assertEquals(statesOf(second), [false, false, false]);
      assertEquals(String(first), "Future { running }");
      assertEquals(String(second), "Future { pending }");
      assertEquals(Deno.inspect({ second }), "{ second: Future { pending } }");
      assertEquals(first.cancel(), false);
      assertEquals(second.cancel(), true);
      assertEquals(second.cancel(), true);
      assertEquals(statesOf(second), [false, true, true]);
      assertEquals(String(second), "Future { cancelled }");
      await gate.pass(1);
      assertEquals(await first.result(), 1);
      assertEquals(statesOf(first), [false, true, false]);
      assertEquals(first.cancel(), false);
      assertEquals(String(first), "Future { succeeded }");
    },
    1,
  );

  test(
    " Future.result() and exception() wait for a limited time [cpython: FutureTests.test_result_with_timeout, FutureTests.test_exception_with_timeout, FutureTests.test_result_with_cancel]",
    async (executor) => {
      const gate = new RemoteGate(gates);
      const first = executor.submit(passGate, gate.token, 1);
      const second = executor.submit(passGate, gate.token, 2);
      for (const timeoutMs of [0, 1]) {
        await assertRejects(() => first.result({ timeoutMs }), TimeoutError);
        await assertRejects(() => first.exception({ timeoutMs }), TimeoutError);
      }
      await gate.arrivals(1);
      const waiting = assertRejects(() => second.result(), CancelledError);
      second.cancel();
      await waiting;
      await assertRejects(() => second.exception(), CancelledError);
      await gate.pass(1);
      assertEquals(await first.result({ timeoutMs: 30_000 }), 1);
    },
    1,
  );

  test(
    " Future.addDoneCallback() calls when it has ended, or at once [cpython: FutureTests.test_done_callback_with_result, FutureTests.test_done_callback_with_exception, FutureTests.test_done_callback_with_cancel, FutureTests.test_done_callback_already_successful, FutureTests.test_done_callback_already_failed, FutureTests.test_done_callback_already_cancelled]",
    async (executor) => {
      const gate = new RemoteGate(gates);
      const futures = [
        executor.submit(passGate, gate.token, 1),
        executor.submit(failIfOdd, 3),
        executor.submit(square, 4),
      ] as Future<number>[];
      const seen: Future<number>[] = [];
      const note = (future: Future<number>) => void seen.push(future);
      for (const future of futures) future.addDoneCallback(note);
      await gate.arrivals(1);
      futures[2]!.cancel();
      await settle();
      assertEquals(seen, [futures[2]]);
      await gate.pass(1);
      await futures[0];
      await assertRejects(() => futures[1]!.result(), RangeError);
      await settle();
      assertEquals(seen, [futures[2], futures[0], futures[1]]);
      for (const future of futures) future.addDoneCallback(note);
      await settle();
      assertEquals(seen.slice(3), futures);
    },
    1,
  );

  test(" Future.addDoneCallback() reports what a callback throws, and goes on [cpython: FutureTests.test_done_callback_raises, FutureTests.test_done_callback_raises_already_succeeded]", async (executor) => {
    const reported: unknown[] = [];
    const note = (event: ErrorEvent): void => {
      event.preventDefault();
      reported.push(event.error);
    };
    globalThis.addEventListener("error", note);
    try {
      const future = executor.submit(square, 3);
      const seen: string[] = [];
      const fail = (): never => {
        throw REASON;
      };
      future.addDoneCallback(fail);
      future.addDoneCallback(() => seen.push("before"));
      assertEquals(await future.result(), 9);
      future.addDoneCallback(fail);
      future.addDoneCallback(() => seen.push("after"));
      await settle();
      assertEquals(seen, ["before", "after"]);
      assertEquals(reported, [REASON, REASON]);
    } finally {
      globalThis.removeEventListener("error", note);
    }
  });

  test(" works with wait() and asCompleted() [cpython: WaitTests.test_first_completed, AsCompletedTests.test_no_timeout]", async (executor) => {
    const gate = new RemoteGate(gates);
    const held = executor.submit(passGate, gate.token, 1);
    const free = executor.submit(square, 3);
    const { done, pending } = await wait([held, free], { returnWhen: "first-completed" });
    assertEquals([done.size, pending.size], [1, 1]);
    await gate.pass(1);
    const results: number[] = [];
    for await (const result of asCompleted([held, free])) results.push(result.result());
    assertEquals(results.sort((a, b) => a - b), [1, 9]);
  });

  test(" futures can be waited for together [cpython: WaitTests.test_20369, WaitTests.test_all_completed, WaitTests.test_timeout, WaitTests.test_first_completed_some_already_completed]", async (executor) => {
    const gate = new RemoteGate(gates);
    const held = executor.submit(passGate, gate.token, 1);
    const free = executor.submit(square, 3);
    await free;
    const first = await wait([held, free], { returnWhen: "first-completed" });
    assertEquals([first.done.size, first.pending.size], [1, 1]);
    const late = await wait([held, free, held], { timeoutMs: 1 });
    assertEquals([late.done.size, late.pending.size], [1, 1]);
    await gate.pass(1);
    const all = await wait([held, free, held, executor.submit(failIfOdd, 3)]);
    assertEquals([all.done.size, all.pending.size], [3, 0]);
  });

  test(" futures can be waited for until one fails [cpython: WaitTests.test_first_exception, WaitTests.test_first_exception_some_already_complete, WaitTests.test_first_exception_one_already_failed]", async (executor) => {
    const gate = new RemoteGate(gates);
    const held = executor.submit(passGate, gate.token, 1);
    const free = executor.submit(square, 3);
    await free;
    const failing = executor.submit(failIfOdd, 3);
    for (let round = 0; round < 2; round++) {
      const { done, pending } = await wait([held, free, failing], {
        returnWhen: "first-exception",
      });
      assertEquals([done.size, pending.size], [2, 1]);
    }
    await gate.pass(1);
    await held;
  });

  test(" futures can be taken as they end, for a limited time [cpython: AsCompletedTests.test_future_times_out, AsCompletedTests.test_duplicate_futures, AsCompletedTests.test_correct_timeout_exception_msg]", async (executor) => {
    const gate = new RemoteGate(gates);
    const held = executor.submit(passGate, gate.token, 1);
    const free = executor.submit(square, 3);
    await free;
    const seen: unknown[] = [];
    await assertRejects(
      async () => {
        for await (
          const { result } of namedResults(asCompleted([held, free, free], { timeoutMs: 5 }))
        ) {
          seen.push(result);
        }
      },
      TimeoutError,
      "1 of 2",
    );
    assertEquals(seen, [9]);
    await gate.pass(1);
  });

  // map

  test(".map() keeps the order, for one input and for several [cpython: ExecutorTest.test_map, ProcessPoolExecutorTest.test_map_chunksize]", async (executor) => {
    assertEquals(await collect(executor.map(squareLater, NUMBERS)), SQUARES);
    for (const chunkSize of [1, 3, 100]) {
      assertEquals(await collect(executor.map(square, NUMBERS, { chunkSize })), SQUARES);
    }
    const sums = NUMBERS.map((n, at) => n + at);
    assertEquals(await collect(executor.map(add, NUMBERS, upTo(100))), sums);
    async function* later(): AsyncGenerator<number> {
      for (const n of upTo(100)) yield n;
    }
    assertEquals(await collect(executor.map(add, NUMBERS, later(), { chunkSize: 2 })), sums);
    assertThrows(() => executor.map(square, 7 as never), TypeError);
    for (const chunkSize of [0, -1]) {
      assertThrows(() => executor.map(square, [1], { chunkSize }), RangeError);
    }
  });

  test(".map() gives the results before an error [cpython: ExecutorTest.test_map_exception]", async (executor) => {
    const results = executor.map(failIfOdd, [0, 2, 3, 4]);
    assertEquals((await results.next()).value, 0);
    assertEquals((await results.next()).value, 2);
    await assertRejects(() => results.next(), RangeError, "3 is odd");
  });

  test(".map() gives what is there in time, then throws [cpython: ExecutorTest.test_map_timeout]", async (executor) => {
    const gate = new RemoteGate(gates);
    const open = new RemoteGate(gates);
    await open.pass(1);
    const items = [open, gate, gate].map(({ token }, n) => ({ gate: token, n }));
    const results = executor.map(passGateWith, items, { timeoutMs: 3_000 });
    assertEquals((await results.next()).value, 0);
    await using _ = executor.map(square, [1]);
    const late = executor.map(passGateWith, items.slice(1), { timeoutMs: 1 });
    await assertRejects(() => late.next(), TimeoutError, "1 ms after the call");
    assertEquals((await late.next()).done, true);
    await results.return();
  });

  test(".map() with a time limit can be looped over, and left", async (executor) => {
    assertEquals(await collect(executor.map(square, NUMBERS, { timeoutMs: 60_000 })), SQUARES);
    const gate = new RemoteGate(gates);
    {
      await using results = executor.map(passGateWith, [{ gate: gate.token, n: 1 }], {
        timeoutMs: 60_000,
      });
      // The time of one wait is over, not that of the call.
      const error = await assertRejects(() => results.next({ timeoutMs: 1 }), TimeoutError);
      assert(error.message.endsWith("it is not there after 1 ms"), error.message);
      await gate.pass(1);
      assertEquals((await results.next()).value, 1);
    }
    const results = executor.map(square, upTo(100), { timeoutMs: 60_000, bufferSize: 4 });
    assertEquals((await results.next()).value, 0);
    await results[Symbol.asyncDispose]();
    assertEquals((await results.next()).done, true);
  });

  test(".map() takes all input at once, or no more than it may [cpython: ThreadPoolExecutorTest.test_map_submits_without_iteration]", async (executor) => {
    let taken = 0;
    function* count(): Generator<number> {
      while (taken < 500) yield taken++;
    }
    await using all = executor.map(square, count());
    await settle();
    assertEquals(taken, 500);
    assertEquals((await all.next()).value, 0);
    taken = 0;
    await using few = executor.map(square, count(), { bufferSize: 5 });
    await settle();
    assertEquals(taken, 5);
    assertEquals((await few.next()).value, 0);
  });

  // shutdown

  test(".shutdown() finishes what was given, and takes no more [cpython: ExecutorShutdownTest.test_run_after_shutdown, ExecutorShutdownTest.test_hang_issue12364, ExecutorTest.test_shutdown_race_issue12456]", async (executor) => {
    const futures = Array.from({ length: 50 }, (_, n) => executor.submit(squareLater, n));
    const results = executor.map(square, NUMBERS);
    await executor.shutdown();
    await executor.shutdown();
    assert(futures.every((future) => future.done()));
    assertEquals(await collect(results), SQUARES);
    assertThrows(() => executor.submit(square, 1), PoolClosedError);
    assertThrows(() => executor.map(square, [1]), PoolClosedError);
  });

  test(".shutdown() does not wait unless it shall [cpython: ProcessPoolShutdownTest.test_shutdown_no_wait, ThreadPoolShutdownTest.test_shutdown_no_wait]", async (executor) => {
    const gate = new RemoteGate(gates);
    const future = executor.submit(passGate, gate.token, 1);
    await executor.shutdown({ wait: false });
    assertEquals(future.done(), false);
    await gate.pass(1);
    assertEquals(await future, 1);
  });

  test(".shutdown() cancels what has not started, if it shall [cpython: ExecutorShutdownTest.test_cancel_futures, ExecutorShutdownTest.test_hang_gh94440]", async (executor) => {
    const gate = new RemoteGate(gates);
    const futures = [1, 2, 3, 4].map((n) => executor.submit(passGate, gate.token, n));
    const results = executor.map(square, NUMBERS);
    await gate.arrivals(2);
    futures[3]!.cancel();
    const ended = executor.shutdown({ cancelFutures: true });
    assertEquals(futures.map((future) => future.cancelled()), [false, false, true, true]);
    await assertRejects(() => results.next(), CancelledError);
    await gate.pass(2);
    await ended;
    assertEquals([await futures[0], await futures[1]], [1, 2]);
  });

  Deno.test(`${name} waits for everything at the end of its block [cpython: ProcessPoolShutdownTest.test_context_manager_shutdown, ThreadPoolShutdownTest.test_context_manager_shutdown]`, async () => {
    let future: Future<number> | undefined;
    {
      await using executor = subject.createExecutor(2);
      future = executor.submit(squareLater, 7);
    }
    assertEquals(future.done(), true);
    assertEquals(await future, 49);
  });

  Deno.test(`${name} refuses a number of workers that makes no sense [cpython: ExecutorTest.test_max_workers_negative]`, async () => {
    for (const n of [0, -1, 1.5]) assertThrows(() => subject.createExecutor(n), RangeError);
    await using executor = subject.createExecutor(3);
    assertEquals(executor.maxWorkers, 3);
  });

  test(".map() refuses what is neither an input nor options", (executor) => {
    assertThrows(() => executor.map(add, [1], 7 as never), TypeError, "got number");
    assertThrows(() => executor.map(add, [1], add as never), TypeError, "got function");
    assertThrows(() => executor.map(square, 7 as never), TypeError, "must be iterable");
    return Promise.resolve();
  });

  test(" rejects with the error of its input", async (executor) => {
    const results = executor.map(square, upTo(2, REASON));
    assertEquals((await results.next()).value, 0);
    assertEquals((await results.next()).value, 1);
    assertStrictEquals(await assertRejects(() => results.next()), REASON);
  });
}

async function* namedResults<T>(
  tasks: AsyncIterable<{ result(): T }>,
): AsyncGenerator<{ result: T }> {
  for await (const task of tasks) yield { result: task.result() };
}

function statesOf(future: Future<unknown>): boolean[] {
  return [future.running(), future.done(), future.cancelled()];
}

function neverCalled(): never {
  throw new Error("Not needed");
}

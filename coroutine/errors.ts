/**
 * The errors of this room: what a wait or a queue answers when it cannot do what it was asked.
 *
 * @module
 */

/**
 * A wait took longer than its `timeoutMs`.
 *
 * Queues answer with {@linkcode QueueEmptyError} and {@linkcode QueueFullError} instead, as Python's
 * do; everything else that has no better answer throws this.
 *
 * @example Telling a timeout from other failures
 * ```ts
 * import { Queue, TimeoutError } from "@manyhands/concurrency/coroutine";
 * import { assertRejects } from "@std/assert";
 *
 * const queue = new Queue<string>();
 * queue.putNowait("unfinished");
 * await assertRejects(() => queue.join({ timeoutMs: 1 }), TimeoutError);
 * ```
 */
export class TimeoutError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was waited for, and for how long.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TimeoutError";
  }
}

/**
 * Nothing could be taken from a queue, because it holds nothing (Python's `queue.Empty`).
 *
 * @example A worker that stops when there is no more work
 * ```ts
 * import { Queue, QueueEmptyError } from "@manyhands/concurrency/coroutine";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => new Queue<number>().getNowait(), QueueEmptyError);
 * ```
 */
export class QueueEmptyError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was tried, and the state of the queue.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "QueueEmptyError";
  }
}

/**
 * An item could not be put, because the queue holds as many as it may (Python's `queue.Full`).
 *
 * @example A producer that sees its queue full
 * ```ts
 * import { Queue, QueueFullError } from "@manyhands/concurrency/coroutine";
 * import { assertThrows } from "@std/assert";
 *
 * const queue = new Queue<number>(1);
 * queue.putNowait(1);
 * assertThrows(() => queue.putNowait(2), QueueFullError, "holds 1 of 1 items");
 * ```
 */
export class QueueFullError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was tried, and the state of the queue.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "QueueFullError";
  }
}

/**
 * The queue was shut down: nothing can be put any more, and nothing is left to take
 * (Python's `queue.ShutDown`).
 *
 * @example What a shut down queue answers
 * ```ts
 * import { Queue, QueueShutDownError } from "@manyhands/concurrency/coroutine";
 * import { assertRejects } from "@std/assert";
 *
 * const queue = new Queue<number>();
 * queue.shutdown();
 * await assertRejects(() => queue.get(), QueueShutDownError);
 * ```
 */
export class QueueShutDownError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was tried.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "QueueShutDownError";
  }
}

/**
 * The work was cancelled (Python's `asyncio.CancelledError`).
 *
 * A task that is cancelled ends with it, unless its function catches it and goes on. What was given to
 * `cancel(reason)` is its `cause`.
 *
 * @example Why a task was cancelled
 * ```ts
 * import { CancelledError, sleep, spawn } from "@manyhands/concurrency/coroutine";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const task = spawn((signal) => sleep(60_000, { signal }));
 * task.cancel("the user left");
 * const error = await assertRejects(async () => await task, CancelledError);
 * assertEquals(error.cause, "the user left");
 * ```
 */
export class CancelledError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was cancelled.
   * @param options The reason that was given, as its `cause`.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CancelledError";
  }
}

/**
 * The call does not fit the state that its object is in: a result that is not there yet, a lock that is
 * released by one who does not hold it, a group that has ended (Python's `RuntimeError` and
 * `asyncio.InvalidStateError`).
 *
 * It tells of a mistake in the program, and nothing was changed by the call.
 *
 * @example Releasing what nobody holds
 * ```ts
 * import { InvalidStateError, Lock } from "@manyhands/concurrency/coroutine";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => new Lock().release(), InvalidStateError);
 * ```
 */
export class InvalidStateError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was tried, the state, and what would be accepted.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "InvalidStateError";
  }
}

/**
 * A barrier was reset or aborted, or one of its parties did not come in time
 * (Python's `threading.BrokenBarrierError`).
 *
 * @example A barrier that is given up
 * ```ts
 * import { Barrier, BrokenBarrierError } from "@manyhands/concurrency/coroutine";
 * import { assertRejects } from "@std/assert";
 *
 * const barrier = new Barrier(2);
 * const waiting = barrier.wait();
 * barrier.abort();
 * await assertRejects(() => waiting, BrokenBarrierError);
 * ```
 */
export class BrokenBarrierError extends Error {
  /**
   * Creates the error.
   *
   * @param message Why it is broken.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BrokenBarrierError";
  }
}

/**
 * A task was given to a pool that takes no more: it was closed or terminated.
 *
 * @example A pool that was closed
 * ```ts
 * import { Pool, PoolClosedError } from "@manyhands/concurrency/coroutine";
 * import { assertThrows } from "@std/assert";
 *
 * const pool = new Pool(2);
 * pool.close();
 * assertThrows(() => pool.applyAsync(() => 1), PoolClosedError);
 * await pool.join();
 * ```
 */
export class PoolClosedError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was tried, and the state of the pool.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "PoolClosedError";
  }
}

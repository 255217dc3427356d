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

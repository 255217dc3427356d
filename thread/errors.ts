/**
 * The errors of this room.
 *
 * @module
 */

import { registerErrorClass } from "../ipc/register_error_class.ts";

/**
 * A thread ended before its target had returned or thrown: it was terminated, or closed itself.
 *
 * @example A thread that is terminated
 * ```ts
 * import { ThreadDiedError } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new ThreadDiedError('Thread-1 ended before "work" had returned: it was terminated');
 * assertEquals(error.name, "ThreadDiedError");
 * ```
 */
export class ThreadDiedError extends Error {
  /**
   * Creates the error.
   *
   * @param message Which thread ended, and how.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ThreadDiedError";
  }
}

/**
 * A thread was used in a way that its state does not allow: started twice, joined before it was started
 * or by itself, closed while it runs (Python's `RuntimeError`).
 *
 * @example Joining what was not started
 * ```ts
 * import { Thread, ThreadStateError } from "@manyhands/concurrency/thread";
 * import { assertRejects } from "@std/assert";
 *
 * const thread = new Thread({ module: import.meta.url, target: "work" });
 * await assertRejects(() => thread.join(), ThreadStateError, "was not started");
 * ```
 */
export class ThreadStateError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was tried, and the state of the thread.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ThreadStateError";
  }
}

/**
 * A thread was told to end and still runs: it is in the midst of synchronous code, where only a thread that
 * was made with `killable: true` can be stopped.
 *
 * @example Telling it from other failures
 * ```ts
 * import { ThreadNotStoppedError } from "@manyhands/concurrency/thread";
 * import { assertInstanceOf } from "@std/assert";
 *
 * assertInstanceOf(new ThreadNotStoppedError("Thread-1 still runs"), Error);
 * ```
 */
export class ThreadNotStoppedError extends Error {
  /**
   * Creates the error.
   *
   * @param message Which thread runs on, and why.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ThreadNotStoppedError";
  }
}

registerErrorClass(ThreadDiedError);
registerErrorClass(ThreadStateError);
registerErrorClass(ThreadNotStoppedError);

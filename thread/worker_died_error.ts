/**
 * The error of a pool whose thread has ended.
 *
 * @module
 */

import { registerErrorClass } from "../ipc/register_error_class.ts";
import { ThreadDiedError } from "./errors.ts";

/** Options for {@linkcode WorkerDiedError}. */
export interface WorkerDiedErrorOptions extends ErrorOptions {
  /** The number that the thread had. */
  ident: number;
  /**
   * What it ran.
   *
   * @default {undefined}
   */
  task?: { readonly name: string; readonly index: number } | undefined;
}

/**
 * A thread of a pool ended: it closed itself, called `exit()`, or did not catch an error outside of its tasks,
 * which is the `cause` then. The calls that it held reject with this error, unless they have retries left;
 * the pool goes on with another thread (Python's `BrokenThreadPool`, which ends the whole pool).
 *
 * @example What it ran
 * ```ts
 * import { WorkerDiedError } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new WorkerDiedError("ThreadPool-1-worker-1 ended", {
 *   ident: 2,
 *   task: { name: "square", index: 3 },
 * });
 * assertEquals(error.task?.name, "square");
 * ```
 */
export class WorkerDiedError extends ThreadDiedError {
  /** The number that the thread had. */
  readonly ident: number;
  /**
   * What it ran: the name of the function, and which item of its call, of a chunk the first that it has not
   * reported; `undefined` when it ran nothing.
   */
  readonly task: { readonly name: string; readonly index: number } | undefined;

  /**
   * Creates the error.
   *
   * @param message Which thread ended, how, and what it ran.
   * @param options The same as data.
   */
  constructor(message: string, options: WorkerDiedErrorOptions) {
    super(message, options);
    this.name = "WorkerDiedError";
    this.ident = options.ident;
    this.task = options.task;
  }
}

// `process/` has a class of the same name.
registerErrorClass(WorkerDiedError, "thread.WorkerDiedError");

/**
 * What goes wrong between a task queue and those who use it.
 *
 * @module
 */

import { registerErrorClass } from "../ipc/mod.ts";

/**
 * The engine that keeps the tasks cannot be reached: the connection is lost, or its answer did not come. This is
 * neither "full" nor "empty": whether a call that was in flight has had its effect is not known. A put
 * with an `id` of its own may be repeated without harm.
 *
 * @example Catching it
 * ```ts
 * import { EngineUnavailableError } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new EngineUnavailableError("Lost the connection to 10.0.0.7:5000");
 * assertEquals(error.name, "EngineUnavailableError");
 * ```
 */
export class EngineUnavailableError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was tried.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "EngineUnavailableError";
  }
}

/**
 * A task was lost with its worker as often as its `retries` allow: the worker died, its connection closed, or
 * nothing was heard of it for longer than the lease. Also the reason with which the signal of a lease aborts
 * that has ended so.
 *
 * @example Catching it
 * ```ts
 * import { WorkerLostError } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new WorkerLostError("The lease expired", { worker: "worker-1", attempt: 2 });
 * assertEquals([error.worker, error.attempt], ["worker-1", 2]);
 * ```
 */
export class WorkerLostError extends Error {
  /** What the worker is called. */
  readonly worker: string;
  /** Which attempt at the task it was; the first one is 1. */
  readonly attempt: number;

  /**
   * Creates the error.
   *
   * @param message What happened.
   * @param options Which worker, and which attempt.
   */
  constructor(message: string, options: WorkerLostErrorOptions) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "WorkerLostError";
    this.worker = options.worker;
    this.attempt = options.attempt;
  }
}

/** Options for {@linkcode WorkerLostError}. */
export interface WorkerLostErrorOptions extends ErrorOptions {
  /** What the worker is called. */
  worker: string;
  /** Which attempt at the task it was; the first one is 1. */
  attempt: number;
}

registerErrorClass(EngineUnavailableError);
registerErrorClass(WorkerLostError);

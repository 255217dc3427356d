/**
 * The errors of this room.
 *
 * @module
 */

import { registerErrorClass } from "../ipc/mod.ts";

/** How a process ended, for {@linkcode ProcessDiedError}. */
export interface ProcessDiedErrorOptions extends ErrorOptions {
  /** The process id. */
  pid: number;
  /** The exit code; `-n` when signal number `n` ended the process. */
  exitCode: number;
  /** The signal that ended the process, or `null`. */
  signal: Deno.Signal | null;
}

/**
 * A process ended before its target had returned or thrown: it was killed, called `Deno.exit()`, or the
 * runtime gave up (out of memory, for example).
 *
 * @example How it ended
 * ```ts
 * import { ProcessDiedError } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new ProcessDiedError("Process-1 was killed", {
 *   pid: 4711,
 *   exitCode: -9,
 *   signal: "SIGKILL",
 * });
 * assertEquals(error.exitCode, -9);
 * ```
 */
export class ProcessDiedError extends Error {
  /** The process id. */
  readonly pid: number;
  /** The exit code; `-n` when signal number `n` ended the process. */
  readonly exitCode: number;
  /** The signal that ended the process, or `null`. */
  readonly signal: Deno.Signal | null;

  /**
   * Creates the error.
   *
   * @param message Which process ended, and how.
   * @param options The same as data.
   */
  constructor(message: string, options: ProcessDiedErrorOptions) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "ProcessDiedError";
    this.pid = options.pid;
    this.exitCode = options.exitCode;
    this.signal = options.signal;
  }
}

/**
 * A process was used in a way that its state does not allow: started twice, joined before it was
 * started, closed while it runs (Python's `ProcessError`, `AssertionError` and `ValueError`).
 *
 * @example Joining what was not started
 * ```ts
 * import { Process, ProcessStateError } from "@manyhands/concurrency/process";
 * import { assertRejects } from "@std/assert";
 *
 * const child = new Process({ module: import.meta.url, target: "work" });
 * await assertRejects(() => child.join(), ProcessStateError, "was not started");
 * ```
 */
export class ProcessStateError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was tried, and the state of the process.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProcessStateError";
  }
}

/** How a worker of a pool ended, for {@linkcode WorkerDiedError}. */
export interface WorkerDiedErrorOptions extends ProcessDiedErrorOptions {
  /**
   * What it ran: the name of the function, and which item of its call, of a chunk the first that it has not
   * reported; `undefined` when it ran nothing.
   *
   * @default {undefined}
   */
  task?: { readonly name: string; readonly index: number } | undefined;
}

/**
 * A worker of a pool died: it was killed, called `Deno.exit()`, or the runtime gave up. The calls that it
 * held reject with this error, unless they have retries left; the pool goes on with another worker
 * (Python's `BrokenProcessPool`, which ends the whole pool).
 *
 * @example What it ran
 * ```ts
 * import { WorkerDiedError } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new WorkerDiedError("Pool-1-worker-1 was killed", {
 *   pid: 4711,
 *   exitCode: -9,
 *   signal: "SIGKILL",
 *   task: { name: "square", index: 3 },
 * });
 * assertEquals(error.task?.name, "square");
 * ```
 */
export class WorkerDiedError extends ProcessDiedError {
  /**
   * What it ran: the name of the function, and which item of its call, of a chunk the first that it has not
   * reported; `undefined` when it ran nothing.
   */
  readonly task: { readonly name: string; readonly index: number } | undefined;

  /**
   * Creates the error.
   *
   * @param message Which worker ended, how, and what it ran.
   * @param options The same as data.
   */
  constructor(message: string, options: WorkerDiedErrorOptions) {
    super(message, options);
    this.name = "WorkerDiedError";
    this.task = options.task;
  }
}

registerErrorClass(ProcessDiedError);
registerErrorClass(WorkerDiedError);
registerErrorClass(ProcessStateError);

/**
 * This process and its parent.
 *
 * @module
 */

import { state } from "./_state.ts";

/** What is known of a process that runs. */
export interface ProcessInfo {
  /** Its name: `"MainProcess"`, or the name that its parent gave it. */
  readonly name: string;
  /** Its process id. */
  readonly pid: number;
}

/** What is known of the process that runs this code. */
export interface CurrentProcessInfo extends ProcessInfo {
  /** Whether it ends with its parent, who does not wait for it. */
  readonly daemon: boolean;
}

/**
 * The process that runs this code (Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.current_process | current_process}).
 * Needs no permission.
 *
 * @example The name of the main process
 * ```ts
 * import { currentProcess } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(currentProcess().name, "MainProcess");
 * assertEquals(currentProcess().pid, Deno.pid);
 * ```
 *
 * @returns Its name, its process id, and whether it is a daemon.
 */
export function currentProcess(): CurrentProcessInfo {
  return { name: state.name, pid: Deno.pid, daemon: state.daemon };
}

/**
 * The process that started this one by `Process` (Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.parent_process | parent_process}).
 * Needs no permission. A child never outlives its parent, so the parent is alive.
 *
 * @example The main process has none
 * ```ts
 * import { parentProcess } from "@manyhands/concurrency/process";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parentProcess(), undefined);
 * ```
 *
 * @returns Its name and process id; `undefined` in the main process.
 */
export function parentProcess(): ProcessInfo | undefined {
  return state.parent;
}

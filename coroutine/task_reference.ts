/**
 * What may stand for a function.
 *
 * @module
 */

/**
 * What may stand for a function that a pool calls: the module that exports it, and its name there. The
 * function need not be imported here.
 *
 * @example A function of another module
 * ```ts
 * import type { TaskReference } from "@manyhands/concurrency/coroutine";
 *
 * const render: TaskReference = { module: import.meta.resolve("./render.ts"), name: "renderPage" };
 * ```
 */
export interface TaskReference {
  /** The URL of the module. */
  readonly module: string | URL;
  /** The name under which the module exports the function. */
  readonly name: string;
}

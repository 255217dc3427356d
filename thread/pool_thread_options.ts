/**
 * How the threads of a pool are made.
 *
 * @module
 */

import type { TaskReference } from "../coroutine/task_reference.ts";
import type { TargetFunction } from "./thread_options.ts";

export type { TaskReference };

/** Options for the threads of a pool. */
export interface PoolThreadOptions {
  /**
   * The module that exports the functions that are given to the pool: `import.meta.url` for those of the same
   * file. Without it, the pool takes references `{ module, name }` only.
   *
   * @default {undefined}
   */
  module?: string | URL | undefined;
  /**
   * A function that every thread calls before it takes tasks, and waits for. When it throws, the whole pool
   * fails with its error.
   *
   * @default {undefined}
   */
  initializer?: TargetFunction | TaskReference | undefined;
  /**
   * The arguments of the initializer.
   *
   * @default {[]}
   */
  initArgs?: readonly unknown[] | undefined;
  /**
   * After how many tasks a thread ends and a new one takes its place. Every item of a map is a task, also
   * in a chunk.
   *
   * @default {Infinity}
   */
  maxTasksPerChild?: number | undefined;
  /**
   * How long each task may run, in milliseconds, unless its call says otherwise. A thread that is still at it
   * then is ended, whatever it does.
   *
   * @default {Infinity}
   */
  taskTimeoutMs?: number | undefined;
  /**
   * How often a task is started again when its thread died, unless its call says otherwise.
   *
   * @default {0}
   */
  retries?: number | undefined;
  /**
   * After how long without work a thread ends, in milliseconds. It comes back when it is needed.
   *
   * @default {Infinity}
   */
  idleTimeoutMs?: number | undefined;
  /**
   * How long a thread may take to stop what it was asked to stop, or to end, in milliseconds, before it is
   * left to itself.
   *
   * @default {1000}
   */
  graceMs?: number | undefined;
}

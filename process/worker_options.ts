/**
 * How the processes of a pool are made.
 *
 * @module
 */

import type { TaskReference } from "../coroutine/task_reference.ts";
import type { Permissions } from "./permissions.ts";
import type { TargetFunction } from "./process_options.ts";

export type { TaskReference };

/** Options for the processes of a pool. */
export interface WorkerOptions {
  /**
   * The module that exports the functions that are given to the pool: `import.meta.url` for those of the same
   * file. Without it, the pool takes references `{ module, name }` only.
   *
   * @default {undefined}
   */
  module?: string | URL | undefined;
  /**
   * A function that every worker calls before it takes tasks, and waits for. When it throws, the whole pool
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
   * After how many tasks a worker ends and a new one takes its place. Every item of a map is a task, also
   * in a chunk.
   *
   * @default {Infinity}
   */
  maxTasksPerChild?: number | undefined;
  /**
   * What the workers may do beside talking to this process.
   *
   * @default {"none"}
   */
  permissions?: Permissions | undefined;
  /**
   * The environment variables of the workers. Without it they are those of this process.
   *
   * @default {undefined}
   */
  env?: Readonly<Record<string, string>> | undefined;
  /**
   * The working directory of the workers. Without it, it is that of this process.
   *
   * @default {undefined}
   */
  cwd?: string | URL | undefined;
  /**
   * The largest heap of each worker in megabytes. One that needs more is ended by the runtime.
   *
   * @default {undefined}
   */
  memoryLimitMb?: number | undefined;
  /**
   * How far the workers stand back behind other processes that want the processor, from -20 to 19, as for
   * `Process`.
   *
   * @default {undefined}
   */
  niceness?: number | undefined;
  /**
   * Where the standard output of the workers goes: where that of this process goes, or nowhere.
   *
   * @default {"inherit"}
   */
  stdout?: "inherit" | "null" | undefined;
  /**
   * Where the standard error of the workers goes, as for `stdout`.
   *
   * @default {"inherit"}
   */
  stderr?: "inherit" | "null" | undefined;
  /**
   * The configuration file (import map) of the workers. Without it, it is the first `deno.json` found on
   * the way up from a local module, else the first `package.json`, with the `node_modules` beside it.
   *
   * @default {undefined}
   */
  config?: string | URL | undefined;
  /**
   * The program to run in place of this process's own `deno`.
   *
   * @default {undefined}
   */
  executable?: string | URL | undefined;
  /**
   * How long a worker may take to stop what it was asked to stop, or to end, in milliseconds, before it is
   * left to itself.
   *
   * @default {1000}
   */
  graceMs?: number | undefined;
  /**
   * What the pool is called. Its workers are called after it.
   *
   * @default {"Pool-1", "Pool-2", …}
   */
  name?: string | undefined;
}

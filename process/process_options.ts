/**
 * What a process is made of.
 *
 * @module
 */

import type { ChildOutput } from "./_spawn.ts";
import type { Permissions } from "./permissions.ts";

export type { ChildOutput };

/** A function that a process can run. */
// deno-lint-ignore no-explicit-any -- every function, whatever its arguments
export type TargetFunction = (...args: any[]) => unknown;

/**
 * Options for {@linkcode Process}.
 *
 * @typeParam F The type of the target.
 */
export interface ProcessOptions<F extends TargetFunction> {
  /**
   * The module that exports the target, or the subclass that overrides `run()`: `import.meta.url` for one
   * of the same file. A relative specifier cannot be resolved here; use `import.meta.resolve()`.
   */
  module: string | URL;
  /**
   * The function to run, or the name under which the module exports it. It reaches the child by its name,
   * never by its source text. A subclass that overrides `run()` needs none.
   *
   * @default {undefined}
   */
  target?: F | string | undefined;
  /**
   * The arguments. They are copied; queues of `ipc` cross as references.
   *
   * @default {[]}
   */
  args?: Parameters<F> | undefined;
  /**
   * The name, for people.
   *
   * @default {"Process-1", "Process-2", …}
   */
  name?: string | undefined;
  /**
   * Whether this process may end without waiting for the child, which then ends as well. The default is
   * what this process itself is.
   *
   * @default {false}
   */
  daemon?: boolean | undefined;
  /**
   * What the child may do beside talking to this process.
   *
   * @default {"none"}
   */
  permissions?: Permissions | undefined;
  /**
   * The environment variables of the child. Without it they are those of this process.
   *
   * @default {undefined}
   */
  env?: Readonly<Record<string, string>> | undefined;
  /**
   * The working directory of the child. Without it, it is that of this process.
   *
   * @default {undefined}
   */
  cwd?: string | URL | undefined;
  /**
   * The largest heap of the child in megabytes. A child that needs more is ended by the runtime, and
   * {@linkcode Process.result} says so. Typed arrays and buffers are not in the heap and do not count.
   *
   * @default {undefined}
   */
  memoryLimitMb?: number | undefined;
  /**
   * How far the child stands back behind other processes that want the processor: from -20 to 19, where
   * 19 gets what nobody else wants. It is that of the thread that runs the child's code. Needs
   * `--allow-sys=setPriority`, and less than this process's own needs the rights of an administrator.
   *
   * @default {undefined}
   */
  niceness?: number | undefined;
  /**
   * Where the child's standard output goes: where that of this process goes, to
   * {@linkcode Process.stdout}, or nowhere.
   *
   * @default {"inherit"}
   */
  stdout?: ChildOutput | undefined;
  /**
   * Where the child's standard error goes, as for `stdout`.
   *
   * @default {"inherit"}
   */
  stderr?: ChildOutput | undefined;
  /**
   * The configuration file (import map) of the child. Without it, it is the first `deno.json` found on
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
}

/**
 * What a thread is made of.
 *
 * @module
 */

/** A function that a thread can run. */
// deno-lint-ignore no-explicit-any -- every function, whatever its arguments
export type TargetFunction = (...args: any[]) => unknown;

/**
 * What a thread may do: the same object as for the `permissions` of `Deno.test`. A thread can have no more than
 * the thread that starts it.
 */
export type ThreadPermissions = "inherit" | "none" | Deno.PermissionOptionsObject;

/**
 * Options for {@linkcode Thread}.
 *
 * @typeParam F The type of the target.
 */
export interface ThreadOptions<F extends TargetFunction> {
  /**
   * The module that exports the target: `import.meta.url` for a function of the same file. A relative
   * specifier cannot be resolved here; use `import.meta.resolve()`.
   */
  module: string | URL;
  /**
   * The function to run, or the name under which the module exports it. It reaches the thread by its name,
   * never by its source text. A subclass with a `run()` of its own needs none.
   *
   * @default {undefined}
   */
  target?: F | string | undefined;
  /**
   * The arguments.
   *
   * - They are copied as a structured clone copies, what the target returns likewise.
   * - What is on shared memory (locks, values, `SharedArrayBuffer`) is shared.
   * - What was given to `move()` is moved: nothing is left of it here.
   * - Queues and the like of `@manyhands/concurrency/ipc` cross as references, over loopback: this needs
   *   `--allow-net=127.0.0.1`.
   *
   * @default {[]}
   */
  args?: Parameters<F> | undefined;
  /**
   * The name, for people. A subclass without a target has `"Thread-1"` and so on.
   *
   * @default {"Thread-1 (target)", "Thread-2 (target)", …}
   */
  name?: string | undefined;
  /**
   * Whether the program may end without waiting for the thread, which then ends as well. The default is
   * what the current thread itself is. A daemon takes the time and memory of a killable thread.
   *
   * @default {false}
   */
  daemon?: boolean | undefined;
  /**
   * Whether {@linkcode Thread.terminate} can stop the thread in the midst of synchronous code. Such a
   * thread takes about 20 ms to start instead of 8, and half as much memory again.
   *
   * @default {false}
   */
  killable?: boolean | undefined;
  /**
   * What the thread may do. Without it, the same as this thread. It needs the flag
   * `--unstable-worker-options`: without the flag the runtime itself ends the program, with a message that
   * names the flag, and no code can prevent that. It cannot be had together with `daemon` or `killable`.
   *
   * @default {undefined}
   */
  permissions?: ThreadPermissions | undefined;
}

/**
 * Threads without an object (Python's {@link https://docs.python.org/3/library/_thread.html | _thread}).
 *
 * @module
 */

import { ThreadExit } from "./_control.ts";
import { currentIdent, MAIN_IDENT } from "./_ident.ts";
import { ThreadStateError } from "./errors.ts";
import { access, INTERNALS, type ThreadInternals } from "./_internals.ts";
import { Lock } from "./lock.ts";
import { Thread } from "./thread.ts";
import type { TargetFunction, ThreadOptions } from "./thread_options.ts";

export { getIdent } from "./current_thread.ts";

/**
 * What {@linkcode startNewThread} runs.
 *
 * @typeParam F The type of the target.
 */
export interface StartNewThreadOptions<F extends TargetFunction> {
  /** The module that exports the target: `import.meta.url` for a function of the same file. */
  module: string | URL;
  /** The function to run, or the name under which the module exports it. */
  target: F | string;
}

/**
 * Starts a thread and forgets it: what it returns is lost, and what it throws goes to the hook of
 * {@linkcode setExcepthook}, also when its module cannot be imported.
 *
 * It differs from Python: the program does not end before the thread.
 *
 * @example A thread that is only known by its number
 * ```ts
 * import { startNewThread } from "@manyhands/concurrency/thread";
 *
 * export function greet(name: string): void {
 *   console.log(`Hello, ${name}`);
 * }
 *
 * if (import.meta.main) startNewThread({ module: import.meta.url, target: greet }, ["world"]);
 * ```
 *
 * @param options What to run.
 * @param args Its arguments.
 * @returns The number of the thread.
 * @throws {TypeError} When an option is of the wrong kind, or an argument cannot be cloned.
 * @throws {ThreadStateError} When a thread that is still importing its module starts one.
 * @typeParam F The type of the target.
 */
export function startNewThread<F extends TargetFunction>(
  options: StartNewThreadOptions<F>,
  args: Parameters<F>,
): number {
  const { module, target } = options;
  const settings: ThreadOptions<F> & ThreadInternals = {
    ...{ module, target, args, daemon: false },
    [INTERNALS]: { isForgotten: true },
  };
  const thread = new Thread<F>(settings);
  access.begin!(thread);
  return thread.ident!;
}

/**
 * Makes a lock that threads can share (Python's
 * {@link https://docs.python.org/3/library/_thread.html#thread.allocate_lock | _thread.allocate_lock}): a
 * {@linkcode Lock}.
 *
 * @example A lock that is taken and given back
 * ```ts
 * import { allocateLock } from "@manyhands/concurrency/thread";
 *
 * const lock = allocateLock();
 * lock.acquireSync();
 * lock.release();
 * ```
 *
 * @returns A lock that nobody holds.
 */
export function allocateLock(): Lock {
  return new Lock();
}

/**
 * Ends the thread that calls it, silently, by throwing: its `finally` blocks run, and code that catches
 * everything catches this, too (Python's
 * {@link https://docs.python.org/3/library/_thread.html#thread.exit | _thread.exit}). The result of the thread
 * rejects with a `ThreadDiedError`.
 *
 * @example Leaving from deep within
 * ```ts
 * import { exit } from "@manyhands/concurrency/thread";
 *
 * export function work(isNeeded: boolean): number {
 *   if (!isNeeded) exit();
 *   return 42;
 * }
 * ```
 *
 * @throws {ThreadStateError} When it is called in the main thread.
 */
export function exit(): never {
  if (currentIdent() === MAIN_IDENT) {
    throw new ThreadStateError("Cannot exit the main thread: only what a Thread runs can be left");
  }
  throw new ThreadExit("The thread has left by exit()");
}

/**
 * What happens with errors that a thread does not catch.
 *
 * @module
 */

import { type ExceptHook, hook as place, printException } from "./_hook.ts";
import type { ThreadInfo } from "./thread_info.ts";

export type { ExceptHook };

/**
 * The hook that is there from the start: it prints the name of the thread and the error with its stack on
 * standard error (Python's
 * {@link https://docs.python.org/3/library/threading.html#threading.excepthook | threading.excepthook}).
 *
 * @example Printing as the default does, and more
 * ```ts
 * import { excepthook, setExcepthook } from "@manyhands/concurrency/thread";
 *
 * let failures = 0;
 * setExcepthook((error, thread) => {
 *   failures++;
 *   excepthook(error, thread);
 * });
 * setExcepthook(excepthook);
 * ```
 *
 * @param error What was thrown.
 * @param thread The thread that threw it.
 */
export function excepthook(error: unknown, thread: ThreadInfo): void {
  printException(error, thread);
}

/**
 * Puts a hook in place that gets the errors that threads do not catch. It is called in the thread that
 * started the one that failed, once for each thread. An error never ends the program, and the result of the
 * thread rejects with it, whatever the hook does.
 *
 * A hook that throws is reported on standard error.
 *
 * @example Counting failures
 * ```ts
 * import { excepthook, setExcepthook } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const failed: string[] = [];
 * const before = setExcepthook((_error, thread) => failed.push(thread.name));
 * assertEquals(before, excepthook);
 * setExcepthook(before);
 * ```
 *
 * @param hook The hook; {@linkcode excepthook} is the original one.
 * @returns The hook that was there before.
 * @throws {TypeError} When it is no function.
 */
export function setExcepthook(hook: ExceptHook): ExceptHook {
  if (typeof hook !== "function") {
    throw new TypeError(`Cannot set the hook: it must be a function, got ${typeof hook}`);
  }
  const before = place.current ?? excepthook;
  place.current = hook === excepthook ? undefined : hook;
  return before;
}

/**
 * The thread that runs this code, and those beside it.
 *
 * @module
 */

import { currentIdent, MAIN_IDENT } from "./_ident.ts";
import { listThreads } from "./_registry.ts";
import { state } from "./_state.ts";
import type { ThreadInfo } from "./thread_info.ts";

/**
 * The thread that runs this code (Python's
 * {@link https://docs.python.org/3/library/threading.html#threading.current_thread | current_thread}).
 *
 * @example The name of the main thread
 * ```ts
 * import { currentThread } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(currentThread(), { name: "MainThread", ident: 1, daemon: false });
 * ```
 *
 * @returns Its name, its number, and whether it is a daemon.
 */
export function currentThread(): ThreadInfo {
  const ident = currentIdent();
  const { daemon } = state;
  // A Worker that no `Thread` started has a number, and no name.
  const isNamed = ident === MAIN_IDENT || state.name !== "MainThread";
  return { name: isNamed ? state.name : `Worker-${ident}`, ident, daemon };
}

/**
 * The thread in which the program began (Python's
 * {@link https://docs.python.org/3/library/threading.html#threading.main_thread | main_thread}).
 *
 * @example Whether this is the main thread
 * ```ts
 * import { currentThread, mainThread } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(currentThread(), mainThread());
 * ```
 *
 * @returns Its name and number, in whichever thread this is called.
 */
export function mainThread(): ThreadInfo {
  return { name: "MainThread", ident: MAIN_IDENT, daemon: false };
}

/**
 * The number of the thread that runs this code: `1` in the main thread (Python's
 * {@link https://docs.python.org/3/library/threading.html#threading.get_ident | get_ident}).
 *
 * @example The main thread's
 * ```ts
 * import { getIdent } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(getIdent(), 1);
 * ```
 *
 * @returns A number that no other thread of this program has had.
 */
export function getIdent(): number {
  return currentIdent();
}

/**
 * The threads that run now: the main thread, the current one, and those that the current one has started
 * (Python's {@link https://docs.python.org/3/library/threading.html#threading.enumerate | enumerate}).
 *
 * It differs from Python: what other threads have started is not known here.
 *
 * @example Nothing but the main thread
 * ```ts
 * import { enumerate, mainThread } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(enumerate(), [mainThread()]);
 * ```
 *
 * @returns What is known of them; those that were started here come last, in the order of their starts.
 */
export function enumerate(): ThreadInfo[] {
  const self = currentThread();
  const main = mainThread();
  return [main, ...(self.ident === main.ident ? [] : [self]), ...listThreads()];
}

/**
 * How many threads {@linkcode enumerate} lists (Python's
 * {@link https://docs.python.org/3/library/threading.html#threading.active_count | active_count}).
 *
 * @example Nothing but the main thread
 * ```ts
 * import { activeCount } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(activeCount(), 1);
 * ```
 *
 * @returns A number of 1 or more.
 */
export function activeCount(): number {
  return enumerate().length;
}

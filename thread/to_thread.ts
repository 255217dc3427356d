/**
 * One call in another thread.
 *
 * @module
 */

import { checkTimeout } from "../coroutine/_check_timeout.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { readModule, readTarget } from "../coroutine/_read_target.ts";
import { ThreadPool } from "./thread_pool.ts";
import type { TargetFunction } from "./thread_options.ts";

/**
 * What {@linkcode toThread} calls.
 *
 * @typeParam F The type of the target.
 */
export interface ToThreadCall<F extends TargetFunction> extends WaitOptions {
  /** The module that exports the target: `import.meta.url` for a function of the same file. */
  module: string | URL;
  /** The function to call, or the name under which the module exports it. */
  target: F | string;
  /**
   * Whether the call is stopped, in the midst of whatever it does, when `signal` or `timeoutMs` ends the
   * wait for it. Else only the wait is stopped, as in Python.
   *
   * @default {false}
   */
  killable?: boolean | undefined;
}

/** How many calls run at a time, as with Python's default executor. */
const MOST_THREADS = Math.min(32, navigator.hardwareConcurrency + 4);

/** How long a thread stays that has nothing to do, in milliseconds. */
const IDLE_MS = 1_000;

let pool: ThreadPool | undefined;

/**
 * Calls a function of a module in another thread, so that this event loop goes on meanwhile (Python's
 * {@link https://docs.python.org/3/library/asyncio-task.html#asyncio.to_thread | asyncio.to_thread}).
 *
 * - The thread is one that stays for a second after its last call, so that the next call need not start one.
 *   The first call takes some tens of milliseconds. As in Python, four more than there are processors run at
 *   a time, 32 at most; others wait for their turn.
 * - What the function throws is thrown here, and is not given to the hook of {@linkcode setExcepthook}.
 * - Arguments and results are copied, or moved with `move()`, as those of a {@linkcode ThreadPool} are.
 *
 * It differs from Python: the values of context variables do not go along. Give them as arguments.
 *
 * @example A calculation beside the event loop
 * ```ts
 * import { toThread } from "@manyhands/concurrency/thread";
 *
 * export function square(n: number): number {
 *   return n * n;
 * }
 *
 * if (import.meta.main) {
 *   console.log(await toThread({ module: import.meta.url, target: square }, 7)); // 49
 * }
 * ```
 *
 * @param call The function, and how long to wait for it.
 * @param args Its arguments.
 * @returns What it returns.
 * @throws {TypeError} When the module does not export the function, or an argument cannot be cloned.
 * @throws {WorkerDiedError} When the thread ended before the function did.
 * @throws {TimeoutError} When the function had not returned after `timeoutMs`.
 * @typeParam F The type of the function.
 */
export async function toThread<F extends TargetFunction>(
  call: ToThreadCall<F>,
  ...args: Parameters<F>
): Promise<Awaited<ReturnType<F>>> {
  const { module, target, killable, signal, timeoutMs } = call;
  signal?.throwIfAborted();
  checkTimeout(timeoutMs);
  const reference = { module: readModule("thread", module), name: readTarget("thread", target) };
  pool ??= new ThreadPool(MOST_THREADS, { idleTimeoutMs: IDLE_MS, name: "toThread" });
  type Result = Awaited<ReturnType<F>>;
  // Whoever does not wait any more has not failed to handle an error.
  const result = pool.applyAsync<unknown[], Result>(reference, args, { errorCallback: () => {} });
  try {
    return await result.get({ signal, timeoutMs });
  } catch (error) {
    if (killable === true && !result.ready()) {
      result.cancel();
      await result.wait();
    }
    throw error;
  }
}

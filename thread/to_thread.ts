/**
 * One call in a thread of its own.
 *
 * @module
 */

import type { WaitOptions } from "../coroutine/wait_options.ts";
import { INTERNALS, type ThreadInternals } from "./_internals.ts";
import { Thread } from "./thread.ts";
import type { TargetFunction, ThreadOptions } from "./thread_options.ts";

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

/**
 * Calls a function of a module in a thread of its own, so that this event loop goes on meanwhile (Python's
 * {@link https://docs.python.org/3/library/asyncio-task.html#asyncio.to_thread | asyncio.to_thread}).
 *
 * - The thread is a new one, which takes about 8 ms to start, and it ends after the call.
 * - What the function throws is thrown here, and is not given to the hook of {@linkcode setExcepthook}.
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
 * @throws {ThreadDiedError} When the thread ended before the function did.
 * @throws {TimeoutError} When the function had not returned after `timeoutMs`.
 * @typeParam F The type of the function.
 */
export async function toThread<F extends TargetFunction>(
  call: ToThreadCall<F>,
  ...args: Parameters<F>
): Promise<Awaited<ReturnType<F>>> {
  const { module, target, killable, signal, timeoutMs } = call;
  const options: ThreadOptions<F> & ThreadInternals = {
    ...{ module, target, args, killable },
    [INTERNALS]: { isQuiet: true },
  };
  const thread = new Thread<F>(options);
  const begun = performance.now();
  await thread.start({ signal, timeoutMs });
  const left = timeoutMs === undefined
    ? undefined
    : Math.max(0, timeoutMs - (performance.now() - begun));
  try {
    const result = await thread.result({ signal, timeoutMs: left });
    // Gone by itself in a moment: nobody is to find the thread afterwards.
    await thread.join();
    return result;
  } catch (error) {
    if (killable === true && thread.isAlive()) await thread.terminate();
    throw error;
  }
}

/**
 * Waiting for time to pass.
 *
 * @module
 */

import { LONGEST_TIMER_MS } from "./_check_timeout.ts";
import { listenForCancel } from "./_listen_for_cancel.ts";

/** Options for {@linkcode sleep}. */
export interface SleepOptions<T = void> {
  /**
   * Ends the sleep: it rejects with the signal's reason.
   *
   * @default {the cancellation of the current task}
   */
  signal?: AbortSignal | undefined;
  /**
   * What the sleep gives when it is over.
   *
   * @default {undefined}
   */
  result?: T | undefined;
}

/**
 * Waits for some time (Python's
 * {@link https://docs.python.org/3/library/asyncio-task.html#asyncio.sleep | asyncio.sleep}, in milliseconds).
 *
 * - `sleep(0)` lets every other task and event of the loop have a turn.
 * - `sleep(Infinity)` never ends by itself, and keeps the program alive.
 * - Inside a task it ends when the task is cancelled, unless it was given a signal of its own.
 *
 * @param delayMs How long, in milliseconds.
 * @param options What ends the sleep, and what it gives.
 * @returns The `result` of the options.
 * @throws {TypeError} When `delayMs` is not a number.
 * @throws {RangeError} When `delayMs` is negative or `NaN`.
 * @throws {CancelledError} When the current task is cancelled.
 *
 * @example A value after a while
 * ```ts
 * import { sleep } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await sleep(1, { result: "awake" }), "awake");
 * ```
 *
 * @typeParam T What the sleep gives.
 */
export function sleep<T = void>(delayMs: number, options: SleepOptions<T> = {}): Promise<T> {
  const { signal, result } = options;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  try {
    checkDelay(delayMs);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const unlisten = listenForCancel(signal, (reason) => {
      clearTimeout(timer);
      unlisten?.();
      reject(reason);
    });
    const wait = (leftMs: number) => {
      const nextMs = Math.min(leftMs, LONGEST_TIMER_MS);
      timer = setTimeout(() => {
        if (leftMs > nextMs) return wait(leftMs - nextMs);
        unlisten?.();
        resolve(result as T);
      }, nextMs);
    };
    wait(delayMs);
  } catch (error) {
    reject(error);
  }
  return promise;
}

function checkDelay(delayMs: number): void {
  if (typeof delayMs !== "number") {
    throw new TypeError(`Cannot sleep: "delayMs" must be a number, got ${typeof delayMs}`);
  }
  if (Number.isNaN(delayMs) || delayMs < 0) {
    throw new RangeError(`Cannot sleep: "delayMs" must be 0 or more, got ${delayMs}`);
  }
}

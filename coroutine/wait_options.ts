/**
 * The two things that every wait of this library takes.
 *
 * @module
 */

/** How long to wait, and what stops the wait before. */
export interface WaitOptions {
  /**
   * Stops the wait: the promise rejects with the signal's reason. An already aborted signal is
   * looked at first, even when the result is there.
   *
   * @default {undefined}
   */
  signal?: AbortSignal | undefined;
  /**
   * The longest wait in milliseconds. `0` does not wait at all.
   *
   * @default {Infinity}
   */
  timeoutMs?: number | undefined;
}

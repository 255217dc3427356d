/**
 * What a wait that blocks the thread takes.
 *
 * @module
 */

/** How long to block. No signal: nothing can abort one while its thread is blocked. */
export interface SyncWaitOptions {
  /**
   * The longest wait in milliseconds. `0` does not wait at all.
   *
   * @default {Infinity}
   */
  timeoutMs?: number | undefined;
}

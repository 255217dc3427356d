/**
 * How a lost connection is made anew.
 *
 * @module
 */

/**
 * How long to pause between tries to connect, and how many there are. After each try that fails the pause grows, and
 * a part of it is left to chance, so that many clients of one server do not come back at the same moment.
 *
 * @example At most ten tries, a second apart
 * ```ts
 * import { BaseManager, type RetryOptions } from "@manyhands/concurrency/distributed";
 *
 * const retry: RetryOptions = { maxAttempts: 10, minTimeoutMs: 1000, multiplier: 1, jitter: 0 };
 * const manager = new BaseManager({ address: "127.0.0.1:5000", authkey: "key", retry });
 * ```
 */
export interface RetryOptions {
  /**
   * How many tries there are each time that the connection is needed and not there.
   *
   * @default {Infinity}
   */
  maxAttempts?: number | undefined;
  /**
   * The first pause, in milliseconds.
   *
   * @default {50}
   */
  minTimeoutMs?: number | undefined;
  /**
   * The longest pause, in milliseconds.
   *
   * @default {2000}
   */
  maxTimeoutMs?: number | undefined;
  /**
   * By how much a pause is longer than the one before.
   *
   * @default {2}
   */
  multiplier?: number | undefined;
  /**
   * How much of a pause is left to chance: from 0, nothing, to 1, all of it.
   *
   * @default {0.5}
   */
  jitter?: number | undefined;
}

/**
 * A lock with several places.
 *
 * @module
 */

import { beginWait, NO, waitInLine, YES } from "./_acquire.ts";
import { describe, describeWaiting } from "./_describe.ts";
import { holdAcquired } from "./_hold.ts";
import { Waiters } from "./_waiters.ts";
import type { Permit } from "./permit.ts";
import type { WaitOptions } from "./wait_options.ts";

/** What {@linkcode Semaphore.statistics} tells. */
export interface SemaphoreStatistics {
  /** How often it can be acquired now without waiting. */
  value: number;
  /** Calls of `acquire` and `hold` that wait for it. */
  waiting: number;
}

/**
 * A number of places, each of which one task at a time can hold.
 *
 * - First come, first served: a place that is released goes straight to the one who has waited longest, so
 *   nobody can overtake those who wait.
 * - One who was cancelled or timed out holds no place. When a place was handed over before the signal
 *   aborted, it stays with the one who got it.
 * - Any task may release, also more often than was acquired: there are more places then.
 *   {@linkcode BoundedSemaphore} refuses that.
 * - Every operation takes constant time, however many wait.
 *
 * It is Python's {@link https://docs.python.org/3/library/asyncio-sync.html#asyncio.Semaphore | asyncio.Semaphore},
 * with the time limit and the `release(n)` of
 * {@link https://docs.python.org/3/library/threading.html#semaphore-objects | threading.Semaphore}.
 *
 * @example At most two at a time
 * ```ts
 * import { Semaphore, sleep } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const semaphore = new Semaphore(2);
 * let running = 0;
 * let most = 0;
 * async function work(): Promise<void> {
 *   using _ = await semaphore.hold();
 *   most = Math.max(most, ++running);
 *   await sleep(0);
 *   running--;
 * }
 * await Promise.all([work(), work(), work(), work()]);
 * assertEquals(most, 2);
 * ```
 */
export class Semaphore {
  readonly #line = new Waiters<boolean>();
  #value: number;

  /**
   * Creates a semaphore with all places free.
   *
   * @param value How many places it has.
   * @throws {TypeError} When `value` is not a whole number.
   * @throws {RangeError} When `value` is below 0.
   */
  constructor(value = 1) {
    if (!Number.isSafeInteger(value)) {
      throw new TypeError(
        `Cannot create a semaphore: "value" must be a whole number, got ${String(value)}`,
      );
    }
    if (value < 0) {
      throw new RangeError(`Cannot create a semaphore: "value" must be 0 or more, got ${value}`);
    }
    this.#value = value;
  }

  /** How often it can be acquired now without waiting. */
  get value(): number {
    return this.#value;
  }

  /**
   * Acquires a place, and waits while there is none.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when there was no place for `timeoutMs`.
   */
  acquire(options: WaitOptions = {}): Promise<boolean> {
    try {
      const timeoutMs = beginWait(options);
      if (this.tryAcquire()) return YES;
      if (timeoutMs === 0) return NO;
    } catch (error) {
      return Promise.reject(error);
    }
    return waitInLine(this.#line, undefined, options);
  }

  /**
   * Acquires a place if there is one.
   *
   * @returns Whether there was one.
   */
  tryAcquire(): boolean {
    if (this.#value === 0) return false;
    this.#value--;
    return true;
  }

  /**
   * Releases places, or hands them to those who have waited longest.
   *
   * @param n How many.
   * @throws {TypeError} When `n` is not a whole number.
   * @throws {RangeError} When `n` is below 1.
   */
  release(n = 1): void {
    if (!Number.isSafeInteger(n)) {
      throw new TypeError(
        `Cannot release the semaphore: "n" must be a whole number, got ${String(n)}`,
      );
    }
    if (n < 1) {
      throw new RangeError(`Cannot release the semaphore: "n" must be 1 or more, got ${n}`);
    }
    let free = n;
    for (; free > 0; free--) {
      const next = this.#line.first();
      if (next === undefined) break;
      next.grant(true);
    }
    this.#value += free;
  }

  /**
   * Whether there is no free place.
   *
   * @returns `true` when it cannot be acquired without waiting.
   */
  locked(): boolean {
    return this.#value === 0;
  }

  /**
   * Acquires a place for a block of code: `using _ = await semaphore.hold()`.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns What releases the place when the block is left.
   * @throws {TimeoutError} When there was no place for `timeoutMs`.
   */
  hold(options: WaitOptions = {}): Promise<Permit> {
    const release = () => this.release();
    return holdAcquired(this.acquire(options), release, "the semaphore", options.timeoutMs);
  }

  /**
   * How many places are free, and how many wait.
   *
   * @returns The figures of this moment.
   */
  statistics(): SemaphoreStatistics {
    return { value: this.#value, waiting: this.#line.size };
  }

  /** How many places are free, and how many wait, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * How many places are free, and how many wait.
   *
   * @returns The text, as `Semaphore { value: 0, waiting: 2 }`.
   */
  toString(): string {
    return describe(this, `value: ${this.#value}`, describeWaiting(this.#line.size));
  }
}

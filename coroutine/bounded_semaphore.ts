/**
 * A semaphore that cannot get more places than it had.
 *
 * @module
 */

import { describe, describeWaiting } from "./_describe.ts";
import { Semaphore, type SemaphoreStatistics } from "./semaphore.ts";

/** What {@linkcode BoundedSemaphore.statistics} tells. */
export interface BoundedSemaphoreStatistics extends SemaphoreStatistics {
  /** How many places there are, free or held. */
  bound: number;
}

/**
 * A {@linkcode Semaphore} that refuses to be released more often than it was acquired: that is mostly a
 * mistake, and one that is hard to find later.
 *
 * It is Python's
 * {@link https://docs.python.org/3/library/asyncio-sync.html#asyncio.BoundedSemaphore | asyncio.BoundedSemaphore}.
 *
 * @example A release too many
 * ```ts
 * import { BoundedSemaphore } from "@manyhands/concurrency/coroutine";
 * import { assertThrows } from "@std/assert";
 *
 * const semaphore = new BoundedSemaphore(2);
 * await semaphore.acquire();
 * semaphore.release();
 * assertThrows(() => semaphore.release(), RangeError, "2 of 2 places are free");
 * ```
 */
export class BoundedSemaphore extends Semaphore {
  readonly #bound: number;

  /**
   * Creates a semaphore with all places free.
   *
   * @param value How many places it has.
   * @throws {TypeError} When `value` is not a whole number.
   * @throws {RangeError} When `value` is below 0.
   */
  constructor(value = 1) {
    super(value);
    this.#bound = value;
  }

  /** How many places there are, free or held. */
  get bound(): number {
    return this.#bound;
  }

  /**
   * Releases places, or hands them to those who have waited longest.
   *
   * @param n How many.
   * @throws {TypeError} When `n` is not a whole number.
   * @throws {RangeError} When `n` is below 1, or when fewer places are held; none is released then.
   */
  override release(n = 1): void {
    if (Number.isSafeInteger(n) && n > this.#bound - this.value) {
      throw new RangeError(
        `Cannot release ${n} of the semaphore: ${this.value} of ${this.#bound} places are free`,
      );
    }
    super.release(n);
  }

  /**
   * How many places are free, how many there are, and how many wait.
   *
   * @returns The figures of this moment.
   */
  override statistics(): BoundedSemaphoreStatistics {
    return { ...super.statistics(), bound: this.#bound };
  }

  /**
   * How many places are free, how many there are, and how many wait.
   *
   * @returns The text, as `BoundedSemaphore { value: 0, bound: 3, waiting: 2 }`.
   */
  override toString(): string {
    const { value, waiting } = super.statistics();
    return describe(this, `value: ${value}`, `bound: ${this.#bound}`, describeWaiting(waiting));
  }
}

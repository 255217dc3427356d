/**
 * A semaphore between threads that cannot get more places.
 *
 * @module
 */

import { describe, describeWaiting } from "../coroutine/_describe.ts";
import { semaphoreInternals, setBound } from "./_semaphore_internals.ts";
import { onMemory, registerShared } from "./_shared.ts";
import { Semaphore, type SemaphoreStatistics } from "./semaphore.ts";

/** What {@linkcode BoundedSemaphore.statistics} tells. */
export interface BoundedSemaphoreStatistics extends SemaphoreStatistics {
  /** How many places there are, free or held. */
  bound: number;
}

/**
 * A {@linkcode Semaphore} that throws when more places are released than are held: that is a mistake in most
 * programs.
 *
 * It is Python's
 * {@link https://docs.python.org/3/library/threading.html#threading.BoundedSemaphore | threading.BoundedSemaphore}.
 *
 * @example One release too many
 * ```ts
 * import { BoundedSemaphore } from "@manyhands/concurrency/thread";
 * import { assertThrows } from "@std/assert";
 *
 * const semaphore = new BoundedSemaphore(2);
 * semaphore.acquireSync();
 * semaphore.release();
 * assertThrows(() => semaphore.release(), RangeError, "2 of 2 places are free");
 * ```
 */
export class BoundedSemaphore extends Semaphore {
  static {
    registerShared(
      BoundedSemaphore,
      "thread.BoundedSemaphore",
      (semaphore) => ({ memory: semaphoreInternals.memoryOf(semaphore) }),
      ({ memory }) => onMemory(memory, () => new BoundedSemaphore()),
    );
  }

  /**
   * Creates a semaphore with all places free.
   *
   * @param value How many places it has.
   * @throws {TypeError} When `value` is not a whole number.
   * @throws {RangeError} When `value` is below 0, or not below 2 ** 31.
   */
  constructor(value = 1) {
    setBound(value);
    super(value);
  }

  /** How many places there are, free or held. */
  get bound(): number {
    return semaphoreInternals.boundOf(this);
  }

  /**
   * Releases places, or hands them to those who have waited longest.
   *
   * @param n How many.
   * @throws {TypeError} When `n` is not a whole number.
   * @throws {RangeError} When `n` is below 1, or when fewer places are held; none is released then.
   */
  override release(n = 1): void {
    super.release(n);
  }

  /**
   * How many places are free, how many there are, and how many wait.
   *
   * @returns The figures of this moment.
   */
  override statistics(): BoundedSemaphoreStatistics {
    return { ...super.statistics(), bound: this.bound };
  }

  /**
   * How many places are free, how many there are, and how many wait.
   *
   * @returns The text, as `BoundedSemaphore { value: 0, bound: 3, waiting: 2 }`.
   */
  override toString(): string {
    const { value, waiting, bound } = this.statistics();
    return describe(this, `value: ${value}`, `bound: ${bound}`, describeWaiting(waiting));
  }
}

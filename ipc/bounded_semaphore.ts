/**
 * A semaphore between processes that cannot get more places than it had.
 *
 * @module
 */

import { describeWaiting } from "../coroutine/_describe.ts";
import { ownObject, readReference } from "./_home.ts";
import { setPortable } from "./_portable.ts";
import { handleOf, setBound, withHandle } from "./_semaphore_handles.ts";
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
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.BoundedSemaphore | multiprocessing.BoundedSemaphore}.
 *
 * @example A release too many
 * ```ts
 * import { BoundedSemaphore } from "@manyhands/concurrency/ipc";
 * import { assertRejects } from "@std/assert";
 *
 * await using semaphore = new BoundedSemaphore(2);
 * await semaphore.acquire();
 * await semaphore.release();
 * await assertRejects(() => semaphore.release(), RangeError, "2 of 2 places are free");
 * ```
 */
export class BoundedSemaphore extends Semaphore {
  static {
    setPortable(
      BoundedSemaphore,
      "ipc.BoundedSemaphore",
      (semaphore) => ({ ...handleOf(semaphore).lend(semaphore), bound: semaphore.#bound }),
      (data) => {
        const reference = readReference(data, "a semaphore");
        const { bound } = data as { bound?: unknown };
        if (!Number.isSafeInteger(bound)) {
          throw new TypeError("Cannot receive a semaphore: its reference is not well formed");
        }
        return ownObject(reference, BoundedSemaphore) ??
          withHandle(reference, () => new BoundedSemaphore(bound as number));
      },
    );
  }

  readonly #bound: number;

  /**
   * Creates a semaphore that lives in this process, with all places free.
   *
   * @param value How many places it has.
   * @throws {TypeError} When `value` is not a whole number.
   * @throws {RangeError} When `value` is below 0.
   */
  constructor(value: number = 1) {
    setBound(value);
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
   * @returns When they are released.
   * @throws {TypeError} When `n` is not a whole number.
   * @throws {RangeError} When `n` is below 1, or when fewer places are held; none is released then.
   * @throws {ConnectionClosedError} When the semaphore was closed here or by its owner.
   */
  override async release(n: number = 1): Promise<void> {
    await super.release(n);
  }

  /**
   * How many places are free, how many there are, and how many wait.
   *
   * @returns The figures of the moment in which the semaphore was asked.
   * @throws {ConnectionClosedError} When the semaphore was closed here.
   */
  override async statistics(): Promise<BoundedSemaphoreStatistics> {
    return { ...await super.statistics(), bound: this.#bound };
  }

  /**
   * How many places are free, how many there are, and how many wait; elsewhere than in its own process that is
   * not known.
   *
   * @returns The text, as `BoundedSemaphore { value: 0, bound: 3, waiting: 2 }`.
   */
  override toString(): string {
    return handleOf(this).describe(this, ({ semaphore }) => {
      const { value, waiting } = semaphore.statistics();
      return [`value: ${value}`, `bound: ${this.#bound}`, describeWaiting(waiting)];
    });
  }
}

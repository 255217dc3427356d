/**
 * A lock between threads with several places.
 *
 * @module
 */

import { beginWait, NO, YES as YES_LATER } from "../coroutine/_acquire.ts";
import { describe, describeWaiting } from "../coroutine/_describe.ts";
import { holdAcquired } from "../coroutine/_hold.ts";
import type { Permit } from "../coroutine/permit.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { holdAcquiredSync } from "./_hold_sync.ts";
import { semaphoreInternals, takeBound } from "./_semaphore_internals.ts";
import { onMemory, registerShared } from "./_shared.ts";
import { isYes, MUST_WAIT, SharedLine, YES } from "./_shared_line.ts";
import { waitInLine, waitInLineSync } from "./_wait_in_line.ts";
import type { SyncWaitOptions } from "./sync_wait_options.ts";

/** The word of the semaphore: how many places are free, or that there is none and somebody may wait. */
const VALUE = 0;
/** How many there may be. */
const BOUND = 1;
const NONE_AND_WAITED_FOR = -1;

/** The value is a word of 32 bits. */
const MOST = 2 ** 31 - 1;

/** What {@linkcode Semaphore.statistics} tells. */
export interface SemaphoreStatistics {
  /** How often it can be acquired now without waiting. */
  value: number;
  /** Calls that wait for it, in all threads. */
  waiting: number;
}

class SemaphoreLine extends SharedLine {
  constructor(value: number, bound: number) {
    super();
    if (!this.isNew) return;
    this.head[VALUE] = value;
    this.head[BOUND] = bound;
  }

  get bound(): number {
    return this.head[BOUND]!;
  }

  get value(): number {
    return Math.max(0, Atomics.load(this.head, VALUE));
  }

  tryAcquire(): boolean {
    const { head } = this;
    for (;;) {
      const seen = Atomics.load(head, VALUE);
      if (seen <= 0) return false;
      if (Atomics.compareExchange(head, VALUE, seen, seen - 1) === seen) return true;
    }
  }

  enter(): number {
    const { head } = this;
    for (;;) {
      if (this.tryAcquire()) return YES;
      const seen = Atomics.compareExchange(head, VALUE, 0, NONE_AND_WAITED_FOR);
      if (seen <= 0) return MUST_WAIT;
    }
  }

  release(n: number): void {
    checkCount(n);
    const { head, bound } = this;
    for (;;) {
      const seen = Atomics.load(head, VALUE);
      const free = Math.max(0, seen);
      if (n > bound - free) {
        throw new RangeError(
          `Cannot release ${n} of the semaphore: ${free} of ${bound} places are free`,
        );
      }
      if (seen === NONE_AND_WAITED_FOR) return this.#handOver(n);
      if (Atomics.compareExchange(head, VALUE, seen, seen + n) === seen) return;
    }
  }

  #handOver(n: number): void {
    this.lock();
    try {
      this.#give(n);
    } finally {
      this.unlock();
    }
  }

  /** Hands places to those who have waited longest, and sets free what is left; under the guard. */
  #give(n: number): void {
    let left = n;
    for (; left > 0; left--) {
      const slot = this.first();
      if (slot === 0) break;
      this.grant(slot, YES);
    }
    if (this.first() !== 0) return;
    const { head } = this;
    // Somebody else may have set places free since the guard was asked for.
    for (;;) {
      const seen = Atomics.load(head, VALUE);
      if (Atomics.compareExchange(head, VALUE, seen, Math.max(0, seen) + left) === seen) return;
    }
  }

  protected override lost(): void {
    this.#give(1);
  }
}

/**
 * A number of places, each of which one thread at a time can hold, or one task in any of them.
 *
 * - It is passed to a thread as an argument, and is the same semaphore there.
 * - `acquireSync` blocks the thread, its event loop included; `acquire` lets it go on. Both stand in one line,
 *   first come, first served: a place that is released goes straight to the one who has waited longest, so
 *   nobody can overtake those who wait, and nobody starves.
 * - One who was cancelled or timed out holds no place. When a place was handed over before the signal aborted,
 *   it stays with the one who got it.
 * - Anybody may release, also more often than was acquired: there are more places then. `BoundedSemaphore`
 *   refuses that.
 * - Places have no owner: a thread that ends while it holds one keeps it, until somebody releases it in its place.
 *   One that ends while it waits gets none.
 *
 * It is Python's {@link https://docs.python.org/3/library/threading.html#semaphore-objects | threading.Semaphore}.
 *
 * @example Two at a time
 * ```ts
 * import { Semaphore } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const semaphore = new Semaphore(2);
 * {
 *   using _first = semaphore.holdSync(); // in a thread: blocks until a place is free
 *   using _second = await semaphore.hold(); // the event loop goes on
 *   assertEquals(semaphore.tryAcquire(), false);
 * }
 * assertEquals(semaphore.value, 2);
 * ```
 */
export class Semaphore {
  readonly #line: SemaphoreLine;

  static {
    registerShared(
      Semaphore,
      "thread.Semaphore",
      (semaphore) => ({ memory: semaphore.#line.buffer }),
      ({ memory }) => onMemory(memory, () => new Semaphore()),
    );
    semaphoreInternals.memoryOf = (semaphore) => (semaphore as Semaphore).#line.buffer;
    semaphoreInternals.boundOf = (semaphore) => (semaphore as Semaphore).#line.bound;
  }

  /**
   * Creates a semaphore with all places free.
   *
   * @param value How many places it has.
   * @throws {TypeError} When `value` is not a whole number.
   * @throws {RangeError} When `value` is below 0, or not below 2 ** 31.
   */
  constructor(value = 1) {
    const bound = takeBound() ?? MOST;
    if (!Number.isSafeInteger(value)) {
      throw new TypeError(
        `Cannot create a semaphore: "value" must be a whole number, got ${String(value)}`,
      );
    }
    if (value < 0 || value > MOST) {
      throw new RangeError(
        `Cannot create a semaphore: "value" must be 0 or more and below 2 ** 31, got ${value}`,
      );
    }
    this.#line = new SemaphoreLine(value, bound);
  }

  /** How often it can be acquired now without waiting. */
  get value(): number {
    return this.#line.value;
  }

  /**
   * Acquires a place, and waits while there is none.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when there was no place for `timeoutMs`.
   */
  acquire(options: WaitOptions = {}): Promise<boolean> {
    let timeoutMs: number;
    try {
      timeoutMs = beginWait(options);
      if (this.#line.tryAcquire()) return YES_LATER;
      if (timeoutMs === 0) return NO;
    } catch (error) {
      return Promise.reject(error);
    }
    return waitInLine(this.#line, timeoutMs, options).then(isYes);
  }

  /**
   * Acquires a place, and blocks the thread while there is none.
   *
   * @param options How long to wait.
   * @returns `true`, or `false` when there was no place for `timeoutMs`.
   */
  acquireSync(options?: SyncWaitOptions): boolean {
    const timeoutMs = options === undefined ? Infinity : beginWait(options);
    if (this.#line.tryAcquire()) return true;
    return timeoutMs !== 0 && waitInLineSync(this.#line, timeoutMs) === YES;
  }

  /**
   * Acquires a place if there is one.
   *
   * @returns Whether there was one.
   */
  tryAcquire(): boolean {
    return this.#line.tryAcquire();
  }

  /**
   * Releases places, or hands them to those who have waited longest.
   *
   * @param n How many.
   * @throws {TypeError} When `n` is not a whole number.
   * @throws {RangeError} When `n` is below 1, or when there would be 2 ** 31 places.
   */
  release(n = 1): void {
    this.#line.release(n);
  }

  /**
   * Whether there is no free place.
   *
   * @returns `true` when it cannot be acquired without waiting.
   */
  locked(): boolean {
    return this.value === 0;
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
   * Acquires a place for a block of code, and blocks the thread until then.
   *
   * @param options How long to wait.
   * @returns What releases the place when the block is left.
   * @throws {TimeoutError} When there was no place for `timeoutMs`.
   */
  holdSync(options: SyncWaitOptions = {}): Permit {
    const release = () => this.release();
    return holdAcquiredSync(
      () => this.acquireSync(options),
      release,
      "the semaphore",
      options.timeoutMs,
    );
  }

  /**
   * How many places are free, and how many wait.
   *
   * @returns The figures of this moment.
   */
  statistics(): SemaphoreStatistics {
    return { value: this.value, waiting: this.#line.countWaiting() };
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
    return describe(this, `value: ${this.value}`, describeWaiting(this.#line.countWaiting()));
  }
}

function checkCount(n: number): void {
  if (!Number.isSafeInteger(n)) {
    throw new TypeError(
      `Cannot release the semaphore: "n" must be a whole number, got ${String(n)}`,
    );
  }
  if (n < 1) {
    throw new RangeError(`Cannot release the semaphore: "n" must be 1 or more, got ${n}`);
  }
}

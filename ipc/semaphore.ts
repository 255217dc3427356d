/**
 * A lock between processes with several places.
 *
 * @module
 */

import { describeWaiting } from "../coroutine/_describe.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { ownObject, readReference } from "./_home.ts";
import { setHomeFinder } from "./_own_homes.ts";
import { setPortable } from "./_portable.ts";
import { type SemaphoreHandle, takeHandle, withHandle } from "./_semaphore_handles.ts";
import type { Permit } from "./permit.ts";

/** What {@linkcode Semaphore.statistics} tells. */
export interface SemaphoreStatistics {
  /** How often it can be acquired now without waiting. */
  value: number;
  /** Calls that wait for it, in all processes. */
  waiting: number;
  /** Whether a process ended while it held a place, and nobody has called `markConsistent` since. */
  ownerDied: boolean;
}

/**
 * A number of places, each of which one process at a time can hold.
 *
 * - It is passed to a process as an argument or through a queue, also to grandchildren, and is the same
 *   semaphore there. It lives in the process that created it; the others reach it over loopback TCP. Where it
 *   comes back to that process, it is the very object.
 * - First come, first served: a place that is released goes straight to the one who has waited longest.
 * - One who was cancelled or timed out holds no place. When a place was handed over before the signal
 *   aborted, it stays with the one who got it.
 * - Any process may release, also more often than was acquired: there are more places then.
 *   `BoundedSemaphore` refuses that.
 * - The places of a process that ends, or closes its handle, are free again, and {@linkcode ownerDied} tells. What
 *   is released counts against the places of the process that releases it, and if it has none, against those
 *   that others have held longest: a place comes back once.
 * - When the process in which it lives ends, every call rejects with a {@linkcode ConnectionLostError}.
 *
 * Needs `--allow-net=127.0.0.1` where it is created, once it is passed on. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Semaphore | multiprocessing.Semaphore},
 * which does not get back what a dead process held.
 *
 * @example At most two at a time
 * ```ts
 * import { Semaphore } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using semaphore = new Semaphore(2); // perhaps passed to ten children
 * await using _first = await semaphore.hold();
 * await using _second = await semaphore.hold();
 * assertEquals(await semaphore.acquire({ timeoutMs: 0 }), false);
 * ```
 */
export class Semaphore implements AsyncDisposable {
  static {
    setPortable(
      Semaphore,
      "ipc.Semaphore",
      (semaphore) => semaphore.#handle.lend(semaphore),
      (data) => {
        const reference = readReference(data, "a semaphore");
        return ownObject(reference, Semaphore) ?? withHandle(reference, () => new Semaphore());
      },
    );
    setHomeFinder(Semaphore, (semaphore) => semaphore.#handle.home);
  }

  readonly #handle: SemaphoreHandle;

  /**
   * Creates a semaphore that lives in this process, with all places free.
   *
   * @param value How many places it has.
   * @throws {TypeError} When `value` is not a whole number.
   * @throws {RangeError} When `value` is below 0.
   */
  constructor(value: number = 1) {
    this.#handle = takeHandle(this, value);
  }

  /**
   * Whether a process had ended while it held a place, as this process learned when it acquired one last: what the
   * semaphore protects may be half changed. It stays so for everybody until `markConsistent`.
   */
  get ownerDied(): boolean {
    return this.#handle.ownerDied;
  }

  /**
   * Acquires a place, and waits while there is none.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when there was no place for `timeoutMs`.
   * @throws {ConnectionClosedError} When the semaphore was closed here or by its owner.
   * @throws {ConnectionLostError} When the process in which the semaphore lives is gone.
   */
  async acquire(options: WaitOptions = {}): Promise<boolean> {
    return await this.#handle.acquire(options);
  }

  /**
   * Acquires a place if there is one.
   *
   * @returns Whether there was one.
   * @throws {ConnectionClosedError} When the semaphore was closed here or by its owner.
   */
  async tryAcquire(): Promise<boolean> {
    return await this.acquire({ timeoutMs: 0 });
  }

  /**
   * Releases places, or hands them to those who have waited longest.
   *
   * @param n How many.
   * @returns When they are released; when it is one that was acquired here, and the semaphore lives elsewhere, when that
   * is on its way.
   * @throws {TypeError} When `n` is not a whole number.
   * @throws {RangeError} When `n` is below 1.
   * @throws {ConnectionClosedError} When the semaphore was closed here or by its owner.
   */
  async release(n: number = 1): Promise<void> {
    if (n === 1) await this.#handle.release();
    else await this.#handle.releaseMany(n);
  }

  /**
   * How often it can be acquired without waiting (Python's `get_value`).
   *
   * @returns The number of free places at the moment in which the semaphore was asked.
   * @throws {ConnectionClosedError} When the semaphore was closed here.
   */
  async getValue(): Promise<number> {
    return (await this.statistics()).value;
  }

  /**
   * Whether there is no free place.
   *
   * @returns `true` when it could not be acquired without waiting.
   * @throws {ConnectionClosedError} When the semaphore was closed here.
   */
  async locked(): Promise<boolean> {
    return await this.getValue() === 0;
  }

  /**
   * Says that what the semaphore protects is in order again.
   *
   * @returns When every process that acquires a place will know.
   * @throws {InvalidStateError} When no place is held here.
   */
  async markConsistent(): Promise<void> {
    await this.#handle.markConsistent();
  }

  /**
   * Acquires a place for a block of code: `await using _ = await semaphore.hold()`.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns What releases the place when the block is left.
   * @throws {TimeoutError} When there was no place for `timeoutMs`.
   */
  async hold(options: WaitOptions = {}): Promise<Permit> {
    return await this.#handle.hold(options, "the semaphore");
  }

  /**
   * How many places are free, and how many wait.
   *
   * @returns The figures of the moment in which the semaphore was asked.
   * @throws {ConnectionClosedError} When the semaphore was closed here.
   */
  async statistics(): Promise<SemaphoreStatistics> {
    return await this.#handle.call("statistics");
  }

  /**
   * Gives this process's share up, and the places that it holds. In the process that created the semaphore it ends
   * the semaphore for everybody: who waits gets a {@linkcode ConnectionClosedError}. A second call does no harm.
   *
   * @returns When everything that the semaphore owned is released.
   */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Closes the semaphore, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** How many places are free, and how many wait, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * How many places are free, and how many wait; elsewhere than in its own process that is not known.
   *
   * @returns The text, as `Semaphore { value: 0, waiting: 2 }` or `Semaphore { in another process }`.
   */
  toString(): string {
    return this.#handle.describe(this, ({ semaphore }) => {
      const { value, waiting } = semaphore.statistics();
      return [`value: ${value}`, describeWaiting(waiting)];
    });
  }
}

/**
 * A lock between the tasks of one event loop.
 *
 * @module
 */

import { beginWait, NO, waitInLine, YES } from "./_acquire.ts";
import { describe, describeWaiting } from "./_describe.ts";
import { holdAcquired } from "./_hold.ts";
import { Waiters } from "./_waiters.ts";
import { InvalidStateError } from "./errors.ts";
import type { Permit } from "./permit.ts";
import type { WaitOptions } from "./wait_options.ts";

/** What {@linkcode Lock.statistics} tells. */
export interface LockStatistics {
  /** Whether somebody holds the lock. */
  locked: boolean;
  /** Calls of `acquire` and `hold` that wait for it. */
  waiting: number;
}

/**
 * A lock that one task at a time can hold.
 *
 * - First come, first served: a lock that is released goes straight to the one who has waited longest.
 *   It is never free in between, so nobody can overtake those who wait.
 * - One who was cancelled or timed out does not hold the lock and has lost no place for others. When the
 *   lock was handed over before the signal aborted, it stays with the one who got it.
 * - It has no owner: any task may release it. A task that acquires it twice waits for itself, until somebody
 *   else releases it; {@linkcode RLock} is for that.
 * - Every operation takes constant time, however many wait, and a free lock is acquired without a new
 *   promise.
 *
 * It is Python's {@link https://docs.python.org/3/library/asyncio-sync.html#asyncio.Lock | asyncio.Lock},
 * with the time limit of {@link https://docs.python.org/3/library/threading.html#lock-objects | threading.Lock}.
 *
 * @example One at a time
 * ```ts
 * import { Lock, sleep } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const lock = new Lock();
 * let balance = 0;
 * async function deposit(amount: number): Promise<void> {
 *   using _ = await lock.hold();
 *   const before = balance;
 *   await sleep(0); // the others wait
 *   balance = before + amount;
 * }
 * await Promise.all([deposit(1), deposit(2), deposit(3)]);
 * assertEquals(balance, 6);
 * ```
 */
export class Lock {
  readonly #line = new Waiters<boolean>();
  #isLocked = false;

  /**
   * Acquires the lock, and waits while somebody holds it.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when it was held for `timeoutMs`.
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
   * Acquires the lock if nobody holds it.
   *
   * @returns Whether it was free.
   */
  tryAcquire(): boolean {
    if (this.#isLocked) return false;
    return this.#isLocked = true;
  }

  /**
   * Releases the lock, or hands it to the one who has waited longest.
   *
   * @throws {InvalidStateError} When nobody holds it.
   */
  release(): void {
    if (!this.#isLocked) {
      throw new InvalidStateError("Cannot release the lock: nobody holds it");
    }
    const next = this.#line.first();
    if (next === undefined) this.#isLocked = false;
    else next.grant(true);
  }

  /**
   * Whether somebody holds the lock.
   *
   * @returns `true` when it cannot be acquired without waiting.
   */
  locked(): boolean {
    return this.#isLocked;
  }

  /**
   * Acquires the lock for a block of code: `using _ = await lock.hold()`.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns What releases the lock when the block is left.
   * @throws {TimeoutError} When it was held for `timeoutMs`.
   */
  hold(options: WaitOptions = {}): Promise<Permit> {
    const release = () => this.release();
    return holdAcquired(this.acquire(options), release, "the lock", options.timeoutMs);
  }

  /**
   * Whether the lock is held, and how many wait.
   *
   * @returns The figures of this moment.
   */
  statistics(): LockStatistics {
    return { locked: this.#isLocked, waiting: this.#line.size };
  }

  /** Whether the lock is held, and how many wait, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * Whether the lock is held, and how many wait.
   *
   * @returns The text, as `Lock { locked, waiting: 2 }`.
   */
  toString(): string {
    return describe(
      this,
      this.#isLocked ? "locked" : "unlocked",
      describeWaiting(this.#line.size),
    );
  }
}

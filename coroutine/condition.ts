/**
 * Waiting until what a lock protects has changed.
 *
 * @module
 */

import { beginWait, waitInLine } from "./_acquire.ts";
import { describe, describeWaiting } from "./_describe.ts";
import { listenForCancel } from "./_listen_for_cancel.ts";
import { currentOwner } from "./_owner.ts";
import { isThenable } from "./_thenable.ts";
import { Waiters } from "./_waiters.ts";
import { InvalidStateError } from "./errors.ts";
import { Lock } from "./lock.ts";
import type { Permit } from "./permit.ts";
import { type OwnerOptions, RLock, type RLockAcquireOptions } from "./rlock.ts";

/** Options for the waits of {@linkcode Condition}. `owner` matters when its lock is an {@linkcode RLock}. */
export interface ConditionWaitOptions extends RLockAcquireOptions {}

/** What {@linkcode Condition.statistics} tells. */
export interface ConditionStatistics {
  /** Whether somebody holds the lock of the condition. */
  locked: boolean;
  /** Calls of `wait` and `waitFor` that wait to be notified. */
  waiting: number;
  /** Calls that wait for the lock. Those that were notified and do not hold it again are among them. */
  acquiring: number;
}

/**
 * A lock, and a line of those who wait until something that it protects has changed.
 *
 * - `wait` gives the lock up, waits for `notify`, and takes the lock again before it ends, however it ends:
 *   also when it was cancelled or the time is over, and also when the lock has to be waited for then.
 * - Those who wait are notified in the order in which they came.
 * - A notification is not lost: when its receiver is cancelled before it has the lock again, the next one
 *   is notified in its place. A time limit does not matter any more once it was notified.
 * - Everything but `acquire` needs the lock, and throws an {@linkcode InvalidStateError} without it.
 *   With a {@linkcode Lock} anybody's hold of it counts; with an {@linkcode RLock} the owner's.
 * - With an {@linkcode RLock} that was acquired several times `wait` gives up all of them, and takes all back.
 *
 * It is Python's
 * {@link https://docs.python.org/3/library/asyncio-sync.html#asyncio.Condition | asyncio.Condition}, with the
 * time limits of {@link https://docs.python.org/3/library/threading.html#condition-objects | threading.Condition};
 * as in asyncio the lock that it makes for itself is a plain one.
 *
 * @example Waiting for a number to grow
 * ```ts
 * import { Condition } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const changed = new Condition();
 * let count = 0;
 *
 * async function untilThree(): Promise<number> {
 *   using _ = await changed.hold();
 *   await changed.waitFor(() => count >= 3);
 *   return count;
 * }
 *
 * const waiting = untilThree();
 * for (let i = 0; i < 3; i++) {
 *   using _ = await changed.hold();
 *   count++;
 *   changed.notifyAll();
 * }
 * assertEquals(await waiting, 3);
 * ```
 */
export class Condition {
  readonly #lock: Lock | RLock;
  readonly #line = new Waiters<boolean>();

  /**
   * Creates a condition that nobody waits for.
   *
   * @param lock The lock to use; several conditions can share one.
   * @throws {TypeError} When `lock` is something else.
   */
  constructor(lock: Lock | RLock = new Lock()) {
    if (!(lock instanceof Lock || lock instanceof RLock)) {
      throw new TypeError(`Cannot create a condition: "lock" must be a Lock or an RLock`);
    }
    this.#lock = lock;
  }

  /**
   * Acquires the lock, and waits while it is held.
   *
   * @param options How long to wait, what stops the wait, and for whom.
   * @returns `true`, or `false` when it was held for `timeoutMs`.
   */
  acquire(options: ConditionWaitOptions = {}): Promise<boolean> {
    return this.#lock.acquire(options);
  }

  /**
   * Acquires the lock if that needs no waiting.
   *
   * @param options For whom.
   * @returns Whether it was acquired.
   */
  tryAcquire(options: OwnerOptions = {}): boolean {
    return this.#lock.tryAcquire(options);
  }

  /**
   * Releases the lock.
   *
   * @param options For whom.
   * @throws {InvalidStateError} When it is not held.
   */
  release(options: OwnerOptions = {}): void {
    this.#lock.release(options);
  }

  /**
   * Whether somebody holds the lock.
   *
   * @returns `true` when it is held.
   */
  locked(): boolean {
    return this.#lock.locked();
  }

  /**
   * Acquires the lock for a block of code: `using _ = await condition.hold()`.
   *
   * @param options How long to wait, what stops the wait, and for whom.
   * @returns What releases the lock when the block is left.
   * @throws {TimeoutError} When it was held for `timeoutMs`.
   */
  hold(options: ConditionWaitOptions = {}): Promise<Permit> {
    return this.#lock.hold(options);
  }

  /**
   * Gives the lock up, waits to be notified, and takes the lock again.
   *
   * @param options How long to wait to be notified, what stops the wait, and for whom. The time until the
   * lock is taken again comes on top.
   * @returns `true`, or `false` when nothing was notified for `timeoutMs`. The lock is held again.
   * @throws {InvalidStateError} When the lock is not held.
   */
  async wait(options: ConditionWaitOptions = {}): Promise<boolean> {
    const timeoutMs = beginWait(options);
    const depth = this.#depth(options, "wait for");
    // In the line before the lock is free: whoever gets it may notify at once.
    const waiting = timeoutMs === 0 ? false : waitInLine(this.#line, undefined, options);
    const owner = this.#giveUp(options, depth);
    let isNotified = false;
    let cancelled: Cancellation | undefined;
    try {
      isNotified = await waiting;
    } finally {
      cancelled = await this.#takeBack(owner, depth, options);
    }
    if (cancelled === undefined) return isNotified;
    if (isNotified) this.#notify(1);
    throw cancelled.reason;
  }

  /**
   * Waits until something is true, and looks again whenever it is notified. The lock is held whenever the
   * predicate is called, and in the end.
   *
   * @param predicate Tells whether the wait is over.
   * @param options How long to wait in all, what stops the wait, and for whom.
   * @returns What the predicate answered at last: something true, or, when the time is over, something that
   * is not.
   * @throws {InvalidStateError} When the lock is not held.
   * @throws {TypeError} When the predicate is no function, or answers a promise.
   * @typeParam T What the predicate answers.
   */
  async waitFor<T>(predicate: () => T, options: ConditionWaitOptions = {}): Promise<T> {
    if (typeof predicate !== "function") {
      throw new TypeError(`Cannot wait: "predicate" must be a function, got ${typeof predicate}`);
    }
    const timeoutMs = beginWait(options);
    this.#depth(options, "wait for");
    const end = timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs;
    for (let isOver = false;;) {
      const value = predicate();
      if (isThenable(value)) {
        throw new TypeError(
          "Cannot wait: the predicate answered a promise, it must answer at once",
        );
      }
      if (value || isOver) return value;
      const restMs = timeoutMs === Infinity ? undefined : Math.max(0, end - performance.now());
      isOver = !await this.wait({ ...options, timeoutMs: restMs });
    }
  }

  /**
   * Wakes those who have waited longest. They go on when they have the lock again.
   *
   * @param n How many; when fewer wait, all of them.
   * @param options Who calls.
   * @throws {InvalidStateError} When the lock is not held.
   * @throws {TypeError} When `n` is not a whole number.
   * @throws {RangeError} When `n` is below 0.
   */
  notify(n = 1, options: OwnerOptions = {}): void {
    if (!Number.isInteger(n)) {
      throw new TypeError(`Cannot notify: "n" must be a whole number, got ${String(n)}`);
    }
    if (n < 0) throw new RangeError(`Cannot notify: "n" must be 0 or more, got ${n}`);
    this.#depth(options, "notify");
    this.#notify(n);
  }

  /**
   * Wakes all who wait. They go on one after the other, when they have the lock again.
   *
   * @param options Who calls.
   * @throws {InvalidStateError} When the lock is not held.
   */
  notifyAll(options: OwnerOptions = {}): void {
    this.#depth(options, "notify");
    this.#line.grantAll(true);
  }

  /**
   * Whether the lock is held, and how many wait for what.
   *
   * @returns The figures of this moment.
   */
  statistics(): ConditionStatistics {
    const { locked, waiting: acquiring } = this.#lock.statistics();
    return { locked, waiting: this.#line.size, acquiring };
  }

  /** The lock, and how many wait to be notified, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * The lock, and how many wait to be notified.
   *
   * @returns The text, as `Condition { Lock { locked }, waiting: 2 }`.
   */
  toString(): string {
    return describe(this, this.#lock.toString(), describeWaiting(this.#line.size));
  }

  #notify(n: number): void {
    for (let left = n; left > 0; left--) {
      const next = this.#line.first();
      if (next === undefined) return;
      next.grant(true);
    }
  }

  /** How often the lock has to be released until it is free. */
  #depth(options: OwnerOptions, action: string): number {
    const lock = this.#lock;
    const depth = lock instanceof RLock ? lock.recursionCount(options) : Number(lock.locked());
    if (depth > 0) return depth;
    const state = lock.locked() ? "its lock is held by another one" : "its lock is not held";
    throw new InvalidStateError(`Cannot ${action} the condition: ${state}, acquire it first`);
  }

  /** Releases the lock altogether, and says for whom it has to be taken back. */
  #giveUp(options: OwnerOptions, depth: number): object | undefined {
    const owner = options.owner ?? currentOwner();
    for (let left = depth; left > 0; left--) this.#lock.release({ owner });
    return owner;
  }

  /** Takes the lock whatever happens, and says whether somebody wanted to end the wait meanwhile. */
  async #takeBack(
    owner: object | undefined,
    depth: number,
    options: ConditionWaitOptions,
  ): Promise<Cancellation | undefined> {
    const lock = this.#lock;
    let cancelled: Cancellation | undefined;
    if (!lock.tryAcquire({ owner })) {
      let unlisten: (() => void) | undefined;
      try {
        unlisten = listenForCancel(options.signal, (reason) => cancelled = { reason });
      } catch (reason) {
        cancelled = { reason };
      }
      // With a signal, though one that never aborts: a cancellation of the task must not end this wait.
      const { signal } = new AbortController();
      await lock.acquire({ owner, signal });
      unlisten?.();
    }
    for (let left = depth - 1; left > 0; left--) lock.tryAcquire({ owner });
    return cancelled;
  }
}

/** That a wait is to end, and why. */
interface Cancellation {
  readonly reason: unknown;
}

/**
 * Waiting until what a lock between processes protects has changed.
 *
 * @module
 */

import { beginWait } from "../coroutine/_acquire.ts";
import { describeWaiting } from "../coroutine/_describe.ts";
import type { ConditionStatistics } from "../coroutine/condition.ts";
import type { OwnerOptions, RLockAcquireOptions } from "../coroutine/rlock.ts";
import { CANCELLED, ConditionHome, NOTIFIED } from "./_condition_home.ts";
import { ownObject, readReference } from "./_home.ts";
import { AcquiringHandle } from "./_lock_handle.ts";
import { lockHomeOf } from "./_lock_homes.ts";
import { ownerKey } from "./_owner_key.ts";
import { callPatiently } from "./_patient_call.ts";
import { setHomeFinder } from "./_own_homes.ts";
import { setPortable } from "./_portable.ts";
import { ConnectionClosedError } from "./errors.ts";
import { Lock } from "./lock.ts";
import type { Permit } from "./permit.ts";
import { RLock } from "./rlock.ts";

/** Options for the waits of {@linkcode Condition}. `owner` matters when its lock is an {@linkcode RLock}. */
export interface ConditionWaitOptions extends RLockAcquireOptions {}

/**
 * A lock between processes, and a line of those who wait until something that it protects has changed.
 *
 * - It is passed to a process as an argument or through a queue, also to grandchildren, and is the same condition
 *   there. It lives in the process that created it, with its lock; the others reach it over loopback TCP. Where it
 *   comes back to that process, it is the very object.
 * - `wait` gives the lock up, waits for `notify`, and takes the lock again before it ends, however it ends:
 *   also when it was cancelled or the time is over, and also when the lock has to be waited for then.
 * - Those who wait are notified in the order in which they came.
 * - A notification is not lost: when its receiver is cancelled, or its process ends, before it has the lock
 *   again, the next one is notified in its place.
 * - Everything but `acquire` needs the lock, and throws an {@linkcode InvalidStateError} without it.
 *   With a {@linkcode Lock} anybody's hold of it counts; with an {@linkcode RLock} the owner's. With one that was
 *   acquired several times `wait` gives up all of them, and takes all back.
 * - A process that ends while it holds the lock does not hold it any more, and {@linkcode ownerDied} tells. When
 *   the process in which it lives ends, every call rejects with a {@linkcode ConnectionLostError}.
 *
 * Needs `--allow-net=127.0.0.1` where it is created, once it is passed on. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Condition | multiprocessing.Condition},
 * but that the lock that it makes for itself is a plain one, as in the other rooms of this package.
 *
 * @example Waiting for a number to grow
 * ```ts
 * import { Condition } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using changed = new Condition();
 * let count = 0; // perhaps a Value that other processes change
 *
 * async function untilThree(): Promise<number> {
 *   await using _ = await changed.hold();
 *   await changed.waitFor(() => count >= 3);
 *   return count;
 * }
 *
 * const waiting = untilThree();
 * for (let i = 0; i < 3; i++) {
 *   await using _ = await changed.hold();
 *   count++;
 *   await changed.notifyAll();
 * }
 * assertEquals(await waiting, 3);
 * ```
 */
export class Condition implements AsyncDisposable {
  static {
    setPortable(
      Condition,
      "ipc.Condition",
      (condition) => condition.#handle.lend(condition),
      (data) => {
        const reference = readReference(data, "a condition");
        const own = ownObject(reference, Condition);
        if (own !== undefined) return own;
        const condition = new Condition();
        condition.#ownLock = undefined;
        condition.#handle = new AcquiringHandle<ConditionHome>("the condition", reference);
        return condition;
      },
    );
    setHomeFinder(Condition, (condition) => condition.#handle.home);
  }

  #handle: AcquiringHandle<ConditionHome>;
  /** The lock that it has made for itself. */
  #ownLock: Lock | undefined;

  /**
   * Creates a condition that lives in this process, and that nobody waits for.
   *
   * @param lock The lock to use; several conditions can share one. It must live in this process.
   * @throws {TypeError} When `lock` is something else, or lives in another process.
   */
  constructor(lock?: Lock | RLock) {
    if (lock !== undefined && !(lock instanceof Lock || lock instanceof RLock)) {
      throw new TypeError(`Cannot create a condition: "lock" must be a Lock or an RLock`);
    }
    if (lock === undefined) this.#ownLock = lock = new Lock();
    const home = lockHomeOf(lock);
    if (home === undefined) {
      throw new TypeError(
        `Cannot create a condition: "lock" lives in another process, create the condition there`,
      );
    }
    this.#handle = new AcquiringHandle("the condition", new ConditionHome(home));
  }

  /**
   * Whether a process had ended while it held the lock, as this process learned when it acquired it last: what
   * the lock protects may be half changed. It stays so for every holder until `markConsistent`.
   */
  get ownerDied(): boolean {
    return this.#handle.ownerDied;
  }

  /**
   * Acquires the lock, and waits while it is held.
   *
   * @param options How long to wait, what stops the wait, and for whom.
   * @returns `true`, or `false` when it was held for `timeoutMs`.
   * @throws {ConnectionClosedError} When the condition was closed here or by its owner.
   * @throws {ConnectionLostError} When the process in which the condition lives is gone.
   */
  async acquire(options: ConditionWaitOptions = {}): Promise<boolean> {
    return await this.#handle.acquire(options, [ownerKey(options)]);
  }

  /**
   * Acquires the lock if that needs no waiting.
   *
   * @param options For whom.
   * @returns Whether it was acquired.
   * @throws {ConnectionClosedError} When the condition was closed here or by its owner.
   */
  async tryAcquire(options: OwnerOptions = {}): Promise<boolean> {
    return await this.acquire({ ...options, timeoutMs: 0 });
  }

  /**
   * Releases the lock.
   *
   * @param options For whom.
   * @returns When it is released; when it was acquired here and lives elsewhere, when that is on its way.
   * @throws {InvalidStateError} When it is not held.
   * @throws {ConnectionClosedError} When the condition was closed here or by its owner.
   */
  async release(options: OwnerOptions = {}): Promise<void> {
    await this.#handle.release([ownerKey(options)]);
  }

  /**
   * Whether somebody holds the lock.
   *
   * @returns `true` when it is held.
   * @throws {ConnectionClosedError} When the condition was closed here.
   */
  async locked(): Promise<boolean> {
    return await this.#handle.call("locked");
  }

  /**
   * Says that what the lock protects is in order again.
   *
   * @param options For whom.
   * @returns When every process that acquires the lock will know.
   * @throws {InvalidStateError} When the lock is not held.
   */
  async markConsistent(options: OwnerOptions = {}): Promise<void> {
    await this.#handle.markConsistent(ownerKey(options));
  }

  /**
   * Acquires the lock for a block of code: `await using _ = await condition.hold()`.
   *
   * @param options How long to wait, what stops the wait, and for whom.
   * @returns What releases the lock when the block is left.
   * @throws {TimeoutError} When it was held for `timeoutMs`.
   */
  async hold(options: ConditionWaitOptions = {}): Promise<Permit> {
    return await this.#handle.hold(options, "the lock", [ownerKey(options)]);
  }

  /**
   * Gives the lock up, waits to be notified, and takes the lock again.
   *
   * @param options How long to wait to be notified, what stops the wait, and for whom. The time until the
   * lock is taken again comes on top.
   * @returns `true`, or `false` when nothing was notified for `timeoutMs`. The lock is held again.
   * @throws {InvalidStateError} When the lock is not held.
   * @throws {ConnectionClosedError} When the condition was closed here or by its owner. The lock is not held then.
   * @throws {ConnectionLostError} When the process in which the condition lives is gone.
   */
  async wait(options: ConditionWaitOptions = {}): Promise<boolean> {
    const { signal } = options;
    const limitMs = beginWait(options);
    const wait = limitMs === Infinity ? {} : { timeoutMs: limitMs };
    const key = ownerKey(options);
    let answer: number;
    if (this.#handle.home !== undefined) {
      answer = await this.#handle.call<number>("wait", 0, key, { ...wait, signal });
      this.#handle.take(answer);
    } else {
      const ended = await callPatiently<number>(this.#handle, "wait", [key], wait, signal);
      answer = ended.answer;
      this.#handle.take(answer);
      if (ended.cancelled !== undefined) {
        // It was notified while it was being cancelled: that is for the next one.
        if ((answer & NOTIFIED) !== 0) await this.#handle.callToEnd("notify", key, 1);
        throw ended.cancelled.reason;
      }
      if ((answer & CANCELLED) !== 0) {
        throw new ConnectionClosedError(
          "Cannot wait for the condition: it was closed here meanwhile",
        );
      }
    }
    return (answer & NOTIFIED) !== 0;
  }

  /**
   * Waits until something is true, and looks again whenever it is notified. The lock is held whenever the
   * predicate is called, and in the end.
   *
   * @param predicate Tells whether the wait is over; it may answer a promise, as it has to when it asks for what is
   * in another process.
   * @param options How long to wait in all, what stops the wait, and for whom.
   * @returns What the predicate answered at last: something true, or, when the time is over, something that
   * is not.
   * @throws {InvalidStateError} When the lock is not held.
   * @throws {TypeError} When the predicate is no function.
   * @throws {ConnectionClosedError} When the condition was closed here or by its owner.
   * @typeParam T What the predicate answers.
   */
  async waitFor<T>(
    predicate: () => T | Promise<T>,
    options: ConditionWaitOptions = {},
  ): Promise<T> {
    if (typeof predicate !== "function") {
      throw new TypeError(`Cannot wait: "predicate" must be a function, got ${typeof predicate}`);
    }
    const timeoutMs = beginWait(options);
    await this.#handle.call("check", ownerKey(options));
    const end = timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs;
    for (let isOver = false;;) {
      const value = await predicate();
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
   * @returns When they are notified.
   * @throws {InvalidStateError} When the lock is not held.
   * @throws {TypeError} When `n` is not a whole number.
   * @throws {RangeError} When `n` is below 0.
   * @throws {ConnectionClosedError} When the condition was closed here or by its owner.
   */
  async notify(n: number = 1, options: OwnerOptions = {}): Promise<void> {
    await this.#handle.callToEnd("notify", ownerKey(options), n);
  }

  /**
   * Wakes all who wait. They go on one after the other, when they have the lock again.
   *
   * @param options Who calls.
   * @returns When they are notified.
   * @throws {InvalidStateError} When the lock is not held.
   * @throws {ConnectionClosedError} When the condition was closed here or by its owner.
   */
  async notifyAll(options: OwnerOptions = {}): Promise<void> {
    await this.#handle.callToEnd("notifyAll", ownerKey(options));
  }

  /**
   * Whether the lock is held, and how many wait for what.
   *
   * @returns The figures of the moment in which the condition was asked.
   * @throws {ConnectionClosedError} When the condition was closed here.
   */
  async statistics(): Promise<ConditionStatistics> {
    return await this.#handle.call("statistics");
  }

  /**
   * Gives this process's share up, and the lock if it was acquired through the condition. In the process that
   * created the condition it ends the condition for everybody, and the lock if the condition had made it: who
   * waits gets a {@linkcode ConnectionClosedError}. A second call does no harm.
   *
   * @returns When everything that the condition owned is released.
   */
  async close(): Promise<void> {
    // The lock first: its holder would keep those who are woken from going on.
    await this.#ownLock?.close();
    await this.#handle.close();
  }

  /** Closes the condition, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The lock, and how many wait to be notified, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * The lock, and how many wait to be notified; elsewhere than in its own process that is not known.
   *
   * @returns The text, as `Condition { locked, waiting: 2 }` or `Condition { in another process }`.
   */
  toString(): string {
    return this.#handle.describe(this, ({ condition }) => {
      const { locked, waiting } = condition.statistics();
      return [locked ? "locked" : "unlocked", describeWaiting(waiting)];
    });
  }
}

/**
 * A lock between processes that its owner can acquire again.
 *
 * @module
 */

import { describeWaiting } from "../coroutine/_describe.ts";
import type { OwnerOptions, RLockAcquireOptions } from "../coroutine/rlock.ts";
import { ownObject, readReference } from "./_home.ts";
import { AcquiringHandle } from "./_lock_handle.ts";
import { LockHome } from "./_lock_home.ts";
import { setLockHome } from "./_lock_homes.ts";
import { ownerKey } from "./_owner_key.ts";
import { setHomeFinder } from "./_own_homes.ts";
import { setPortable } from "./_portable.ts";
import type { Permit } from "./permit.ts";

/** What {@linkcode RLock.statistics} tells. */
export interface RLockStatistics {
  /** Whether somebody holds the lock. */
  locked: boolean;
  /** The id of the process that holds it; `null` when none does. */
  pid: number | null;
  /** How often the owner has acquired it and not released it. */
  count: number;
  /** Calls that wait for it, in all processes. */
  waiting: number;
  /** Whether a process ended while it held the lock, and nobody has called `markConsistent` since. */
  ownerDied: boolean;
}

/**
 * A lock between processes that belongs to a task of one of them, which can acquire it again while it holds it.
 * It is free when it was released as often as it was acquired.
 *
 * - The owner is the process, and in it the task that calls; the part of a program that is in no task counts as
 *   one. The option `owner` says who it is, for one who acts for somebody else.
 * - Only the owner can release it, through any handle that its process has of the lock.
 * - Several waits of one owner end together, when the first of them ends.
 * - In all else it is as {@linkcode Lock}: how it is passed on, the order of those who wait, waits that are
 *   cancelled, owners that die.
 *
 * It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.RLock | multiprocessing.RLock}, with
 * the task in the place of the thread.
 *
 * @example A function that holds the lock calls another one that does
 * ```ts
 * import { RLock } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using lock = new RLock();
 * async function add(): Promise<number> {
 *   await using _ = await lock.hold();
 *   return await lock.recursionCount();
 * }
 * {
 *   await using _ = await lock.hold();
 *   assertEquals(await add(), 2);
 * }
 * assertEquals(await lock.locked(), false);
 * ```
 */
export class RLock implements AsyncDisposable {
  static {
    setPortable(RLock, "ipc.RLock", (lock) => lock.#handle.lend(lock), (data) => {
      const reference = readReference(data, "a lock");
      const own = ownObject(reference, RLock);
      if (own !== undefined) return own;
      const lock = new RLock();
      lock.#handle = new AcquiringHandle<LockHome>("the lock", reference);
      return lock;
    });
    setHomeFinder(RLock, (lock) => lock.#handle.home);
  }

  #handle: AcquiringHandle<LockHome>;

  /** Creates a lock that lives in this process, and that nobody holds. */
  constructor() {
    this.#handle = new AcquiringHandle("the lock", new LockHome({ isReentrant: true }));
    setLockHome(this, () => this.#handle.home);
  }

  /**
   * Whether a process had ended while it held the lock, as this process learned when it acquired it last: what
   * the lock protects may be half changed. It stays so for every holder until `markConsistent`, so that one who
   * does not look cannot hide it from the next.
   */
  get ownerDied(): boolean {
    return this.#handle.ownerDied;
  }

  /**
   * Acquires the lock, and waits while another one holds it.
   *
   * @param options How long to wait, what stops the wait, and for whom.
   * @returns `true`, or `false` when it was held by another one for `timeoutMs`.
   * @throws {ConnectionClosedError} When the lock was closed here or by its owner.
   * @throws {ConnectionLostError} When the process in which the lock lives is gone.
   */
  async acquire(options: RLockAcquireOptions = {}): Promise<boolean> {
    return await this.#handle.acquire(options, [ownerKey(options)]);
  }

  /**
   * Acquires the lock if nobody else holds it.
   *
   * @param options For whom.
   * @returns Whether it was acquired.
   * @throws {ConnectionClosedError} When the lock was closed here or by its owner.
   */
  async tryAcquire(options: OwnerOptions = {}): Promise<boolean> {
    return await this.acquire({ ...options, timeoutMs: 0 });
  }

  /**
   * Releases the lock once. The last release hands it to the one who has waited longest.
   *
   * @param options For whom.
   * @returns When it is released; when it was acquired here and lives elsewhere, when that is on its way.
   * @throws {InvalidStateError} When nobody holds it, or another one.
   * @throws {ConnectionClosedError} When the lock was closed here or by its owner.
   */
  async release(options: OwnerOptions = {}): Promise<void> {
    await this.#handle.release([ownerKey(options)]);
  }

  /**
   * Whether somebody holds the lock.
   *
   * @returns `true` when it could not be acquired without waiting.
   * @throws {ConnectionClosedError} When the lock was closed here.
   */
  async locked(): Promise<boolean> {
    return await this.#handle.call("locked");
  }

  /**
   * How often the owner has acquired the lock and not released it.
   *
   * @param options Who asks.
   * @returns The depth; `0` for one who does not hold the lock.
   * @throws {ConnectionClosedError} When the lock was closed here.
   */
  async recursionCount(options: OwnerOptions = {}): Promise<number> {
    return await this.#handle.call("depth", ownerKey(options));
  }

  /**
   * Says that what the lock protects is in order again.
   *
   * @param options For whom.
   * @returns When every process that acquires the lock will know.
   * @throws {InvalidStateError} When the caller does not hold the lock.
   */
  async markConsistent(options: OwnerOptions = {}): Promise<void> {
    await this.#handle.markConsistent(ownerKey(options));
  }

  /**
   * Acquires the lock for a block of code: `await using _ = await lock.hold()`.
   *
   * @param options How long to wait, what stops the wait, and for whom.
   * @returns What releases the lock once when the block is left, for the one who acquired it.
   * @throws {TimeoutError} When it was held by another one for `timeoutMs`.
   */
  async hold(options: RLockAcquireOptions = {}): Promise<Permit> {
    return await this.#handle.hold(options, "the lock", [ownerKey(options)]);
  }

  /**
   * Who holds the lock how often, and how many wait.
   *
   * @returns The figures of the moment in which the lock was asked.
   * @throws {ConnectionClosedError} When the lock was closed here.
   */
  async statistics(): Promise<RLockStatistics> {
    return await this.#handle.call("statistics");
  }

  /**
   * Gives this process's share up, and what it holds. In the process that created the lock it ends the lock for
   * everybody: who waits gets a {@linkcode ConnectionClosedError}. A second call does no harm.
   *
   * @returns When everything that the lock owned is released.
   */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Closes the lock, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whether the lock is held, how often, and how many wait, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * Whether the lock is held, how often, and how many wait; elsewhere than in its own process that is not known.
   *
   * @returns The text, as `RLock { locked, count: 2, waiting: 1 }` or `RLock { in another process }`.
   */
  toString(): string {
    return this.#handle.describe(this, (home) => {
      const { locked, count, waiting } = home.figures();
      const state = locked ? ["locked", `count: ${count}`] : ["unlocked"];
      return [...state, describeWaiting(waiting)];
    });
  }
}

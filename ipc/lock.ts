/**
 * A lock between processes.
 *
 * @module
 */

import { describeWaiting } from "../coroutine/_describe.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { ownObject, readReference } from "./_home.ts";
import { AcquiringHandle } from "./_lock_handle.ts";
import { LockHome } from "./_lock_home.ts";
import { setLockHome } from "./_lock_homes.ts";
import { setHomeFinder } from "./_own_homes.ts";
import { setPortable } from "./_portable.ts";
import type { Permit } from "./permit.ts";

/** What {@linkcode Lock.statistics} tells. */
export interface LockStatistics {
  /** Whether somebody holds the lock. */
  locked: boolean;
  /** Calls that wait for it, in all processes. */
  waiting: number;
  /** Whether a process ended while it held the lock, and nobody has called `markConsistent` since. */
  ownerDied: boolean;
}

/**
 * A lock that one process at a time can hold, or one task at a time in any of them.
 *
 * - It is passed to a process as an argument or through a queue, also to grandchildren, and is the same lock
 *   there. It lives in the process that created it; the others reach it over loopback TCP. Where it comes back
 *   to that process, it is the very object.
 * - First come, first served: a lock that is released goes straight to the one who has waited longest, so nobody
 *   can overtake those who wait, and nobody starves.
 * - One who was cancelled or timed out does not hold the lock and has lost no place for others. When the
 *   lock was handed over before the signal aborted, it stays with the one who got it.
 * - Any process may release it. One that acquires it twice waits for itself; {@linkcode RLock} is for that.
 * - A process that ends, or closes its handle, while it holds the lock does not hold it any more: the next one
 *   gets it, and {@linkcode ownerDied} is true for it and for all after it, until one of them calls
 *   `markConsistent`. It is also true when the process ended so early that it may not have known of the lock.
 * - When the process in which it lives ends, every call rejects with a {@linkcode ConnectionLostError}.
 *
 * Needs `--allow-net=127.0.0.1` where it is created, once it is passed on. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Lock | multiprocessing.Lock}, and
 * what happens when its owner dies follows
 * {@link https://pubs.opengroup.org/onlinepubs/9799919799/functions/pthread_mutex_consistent.html | robust mutexes}.
 *
 * @example A lock for a block of code
 * ```ts
 * import { Lock } from "@manyhands/concurrency/ipc";
 * import { Process } from "@manyhands/concurrency/process";
 *
 * export async function report(lock: Lock, name: string): Promise<void> {
 *   await using _ = await lock.hold();
 *   console.log(`${name}: one line at a time`);
 * }
 *
 * if (import.meta.main) {
 *   await using lock = new Lock();
 *   const module = import.meta.url;
 *   await using a = new Process({ module, target: report, args: [lock, "a"] });
 *   await using b = new Process({ module, target: report, args: [lock, "b"] });
 *   await Promise.all([a.start(), b.start()]);
 *   await Promise.all([a.join(), b.join()]);
 * }
 * ```
 */
export class Lock implements AsyncDisposable {
  static {
    setPortable(Lock, "ipc.Lock", (lock) => lock.#handle.lend(lock), (data) => {
      const reference = readReference(data, "a lock");
      const own = ownObject(reference, Lock);
      if (own !== undefined) return own;
      const lock = new Lock();
      lock.#handle = new AcquiringHandle<LockHome>("the lock", reference);
      return lock;
    });
    setHomeFinder(Lock, (lock) => lock.#handle.home);
  }

  #handle: AcquiringHandle<LockHome>;

  /** Creates a lock that lives in this process, and that nobody holds. */
  constructor() {
    this.#handle = new AcquiringHandle("the lock", new LockHome({ isReentrant: false }));
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
   * Acquires the lock, and waits while somebody holds it.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when it was held for `timeoutMs`.
   * @throws {ConnectionClosedError} When the lock was closed here or by its owner.
   * @throws {ConnectionLostError} When the process in which the lock lives is gone.
   */
  async acquire(options: WaitOptions = {}): Promise<boolean> {
    return await this.#handle.acquire(options, NO_OWNER);
  }

  /**
   * Acquires the lock if nobody holds it.
   *
   * @returns Whether it was free.
   * @throws {ConnectionClosedError} When the lock was closed here or by its owner.
   */
  async tryAcquire(): Promise<boolean> {
    return await this.acquire({ timeoutMs: 0 });
  }

  /**
   * Releases the lock, or hands it to the one who has waited longest.
   *
   * @returns When it is released; when it was acquired here and lives elsewhere, when that is on its way.
   * @throws {InvalidStateError} When nobody holds it.
   * @throws {ConnectionClosedError} When the lock was closed here or by its owner.
   */
  async release(): Promise<void> {
    await this.#handle.release(NO_OWNER);
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
   * Says that what the lock protects is in order again.
   *
   * @returns When every process that acquires the lock will know.
   * @throws {InvalidStateError} When the lock is not held.
   */
  async markConsistent(): Promise<void> {
    await this.#handle.markConsistent();
  }

  /**
   * Acquires the lock for a block of code: `await using _ = await lock.hold()`.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns What releases the lock when the block is left.
   * @throws {TimeoutError} When it was held for `timeoutMs`.
   */
  async hold(options: WaitOptions = {}): Promise<Permit> {
    return await this.#handle.hold(options, "the lock", NO_OWNER);
  }

  /**
   * Whether the lock is held, and how many wait.
   *
   * @returns The figures of the moment in which the lock was asked.
   * @throws {ConnectionClosedError} When the lock was closed here.
   */
  async statistics(): Promise<LockStatistics> {
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

  /** Whether the lock is held, and how many wait, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * Whether the lock is held, and how many wait; elsewhere than in its own process that is not known.
   *
   * @returns The text, as `Lock { locked, waiting: 2 }` or `Lock { in another process }`.
   */
  toString(): string {
    return this.#handle.describe(this, (home) => {
      const { locked, waiting } = home.figures();
      return [locked ? "locked" : "unlocked", describeWaiting(waiting)];
    });
  }
}

/** The lock does not ask who it is. */
const NO_OWNER = [null];

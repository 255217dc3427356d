/**
 * A lock on NATS, between programs on any machines.
 *
 * @module
 */

import { checkCount } from "../../coroutine/_call_settings.ts";
import { checkTimeout } from "../../coroutine/_check_timeout.ts";
import { waitWithin } from "../../coroutine/_wait_within.ts";
import { InvalidStateError, TimeoutError } from "../../coroutine/errors.ts";
import type { WaitOptions } from "../../coroutine/wait_options.ts";
import { ConnectionClosedError } from "../../ipc/errors.ts";
import type { Permit } from "../../ipc/permit.ts";
import { EngineUnavailableError } from "../task_errors.ts";
import { NatsBucket } from "./_nats_bucket.ts";
import { NatsHold } from "./_nats_hold.ts";
import { LockWatch } from "./_nats_lock_watch.ts";
import { keyOfName } from "./_nats_name.ts";
import type { NatsBucketOptions } from "./nats_bucket_options.ts";
import type { NatsConnection } from "./nats_connection.ts";
import type { NatsOptions } from "./nats_options.ts";

const DEFAULT_BUCKET = "locks";
const DEFAULT_TTL_MS = 10_000;
const LEAST_TTL_MS = 1_000;

/** Options for {@linkcode NatsLock}. */
export interface NatsLockOptions extends NatsBucketOptions {
  /**
   * After how long without a sign of life of its holder the lock is free, in milliseconds; at least 1000. It is the
   * same for all locks of a bucket.
   *
   * @default {10000}
   */
  ttlMs?: number | undefined;
}

/** A lock that is held for a block of code. */
export interface NatsPermit extends Permit {
  /** The number under which it is held; each later holder has a larger one. */
  readonly token: number;
  /** Aborts with a {@linkcode NatsLockLostError} when the lock is lost: others may have it then. */
  readonly signal: AbortSignal;
}

/**
 * A lock that one program at a time can hold, or one task at a time in any of them, on any machines.
 *
 * - Everybody who makes a lock of the same name in the same bucket has the same lock.
 * - It is held for a time, `ttlMs`, and renewed while the holder lives. A holder that dies, or is cut off, loses it
 *   when that time is over, and the next one gets it at most a second or so later. The holder is told by a signal that
 *   aborts, a little before others can have it.
 * - No lock of this kind can stop a holder that does not look at its signal, or stands still at the wrong moment. What
 *   must not be written by two is guarded by the {@linkcode token}: it grows from holder to holder, and whoever keeps
 *   the data refuses a smaller one than it has seen.
 * - Nobody is first in line: of those who wait, one gets it.
 * - One who was cancelled or timed out does not hold the lock. One that acquires it twice waits for itself.
 *
 * It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Lock | multiprocessing.Lock} for many
 * machines; why it has a token is told by
 * {@link https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html | How to do distributed locking}.
 *
 * @example One program at a time, that stops when it has lost the lock
 * ```ts
 * import { NatsLock, type NatsOptions } from "@manyhands/concurrency/distributed/nats";
 *
 * export async function report(nats: NatsOptions, url: string): Promise<void> {
 *   await using lock = new NatsLock(nats, "report");
 *   await using held = await lock.hold({ timeoutMs: 60_000 });
 *   const headers = { "x-fencing-token": String(held.token) };
 *   await fetch(url, { method: "POST", headers, signal: held.signal });
 * }
 * ```
 */
export class NatsLock implements AsyncDisposable {
  /** What it is called. */
  readonly name: string;
  readonly #bucket: NatsBucket;
  readonly #key: string;
  readonly #ttlMs: number;
  readonly #what: string;
  #isTtlChecked = false;
  #hold: NatsHold | undefined;
  readonly #held = new Set<NatsHold>();
  /** The waits that go on. */
  readonly #waits = new Map<AbortController, Promise<unknown>>();
  #isClosed = false;

  /**
   * Makes the handle of a lock; the engine is reached when it is first used.
   *
   * @param nats A connection, which stays the caller's, or options of one.
   * @param name What the lock is called.
   * @param options Where it is kept, and for how long without its holder.
   * @throws {TypeError} When an option or the name is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   */
  constructor(nats: NatsConnection | NatsOptions, name: string, options: NatsLockOptions = {}) {
    const { ttlMs = DEFAULT_TTL_MS, ...rest } = options;
    this.#key = keyOfName(name, "a lock");
    checkCount("create a lock", "ttlMs", ttlMs, LEAST_TTL_MS);
    this.name = name;
    this.#ttlMs = ttlMs;
    this.#what = `lock "${name}"`;
    this.#bucket = new NatsBucket(nats, {
      what: this.#what,
      bucket: DEFAULT_BUCKET,
      ttlMs,
      swaps: true,
    }, rest);
  }

  /** The number under which this handle holds the lock; `undefined` when it does not. */
  get token(): number | undefined {
    return this.#hold?.token;
  }

  /**
   * Aborts with a {@linkcode NatsLockLostError} when the lock is lost that this handle holds; `undefined` when it
   * holds none.
   */
  get signal(): AbortSignal | undefined {
    return this.#hold?.signal;
  }

  /**
   * Acquires the lock, and waits while somebody holds it.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when it was held for `timeoutMs`.
   * @throws {RangeError} When the locks of the bucket stay for another time than `ttlMs`.
   * @throws {EngineUnavailableError} When the engine does not answer; the lock is free again after `ttlMs`.
   * @throws {AuthenticationError} When the account may not use it.
   * @throws {ConnectionClosedError} When the lock was closed here.
   */
  async acquire(options: WaitOptions = {}): Promise<boolean> {
    const hold = await this.#acquire(options);
    if (hold === undefined) return false;
    this.#hold = hold;
    return true;
  }

  /**
   * Acquires the lock if nobody holds it.
   *
   * @returns Whether it was free.
   * @throws {EngineUnavailableError} When the engine does not answer; the lock is free again after `ttlMs`.
   * @throws {ConnectionClosedError} When the lock was closed here.
   */
  async tryAcquire(): Promise<boolean> {
    return await this.acquire({ timeoutMs: 0 });
  }

  /**
   * Releases the lock that `acquire` has acquired.
   *
   * @returns When others can have it.
   * @throws {InvalidStateError} When this handle does not hold it, also when it was lost.
   * @throws {EngineUnavailableError} When the engine does not answer; the lock is free after `ttlMs`.
   */
  async release(): Promise<void> {
    const hold = this.#hold;
    if (hold === undefined) {
      throw new InvalidStateError(`Cannot release ${this.#what}: this handle does not hold it`);
    }
    this.#hold = undefined;
    if (await this.#release(hold)) return;
    throw new InvalidStateError(`Cannot release ${this.#what}: it was lost`, {
      cause: hold.signal.reason,
    });
  }

  /**
   * Whether somebody holds the lock.
   *
   * @returns `true` when it could not be acquired without waiting.
   * @throws {EngineUnavailableError} When the engine does not answer.
   * @throws {ConnectionClosedError} When the lock was closed here.
   */
  async locked(): Promise<boolean> {
    return (await this.#bucket.read(this.#key)).data !== undefined;
  }

  /**
   * Acquires the lock for a block of code: `await using held = await lock.hold()`.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns What releases the lock when the block is left; it tells the token, and when the lock is lost.
   * @throws {TimeoutError} When it was held for `timeoutMs`.
   * @throws {EngineUnavailableError} When the engine does not answer; the lock is free again after `ttlMs`.
   * @throws {ConnectionClosedError} When the lock was closed here.
   */
  async hold(options: WaitOptions = {}): Promise<NatsPermit> {
    const hold = await this.#acquire(options);
    if (hold === undefined) {
      throw new TimeoutError(
        `Cannot acquire ${this.#what}: others held it for ${options.timeoutMs} ms`,
      );
    }
    return new HeldPermit(hold, () => this.#release(hold));
  }

  /**
   * Gives this program's share up, and what it holds. Who waits here gets a {@linkcode ConnectionClosedError}. A
   * second call does no harm.
   *
   * @returns When others can have the lock.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#hold = undefined;
    const takings = [...this.#waits.values()];
    for (const stop of this.#waits.keys()) stop.abort();
    // What one of them gets now, it gives back.
    await Promise.allSettled(takings);
    // An engine that is away frees it by itself.
    await Promise.all([...this.#held].map((hold) => this.#release(hold).catch(() => {})));
    await this.#bucket.close();
  }

  /** Closes the lock, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #checkOpen(): void {
    if (!this.#isClosed) return;
    throw new ConnectionClosedError(`Cannot acquire ${this.#what}: it is closed`);
  }

  async #release(hold: NatsHold): Promise<boolean> {
    this.#held.delete(hold);
    return await hold.release();
  }

  async #acquire(options: WaitOptions): Promise<NatsHold | undefined> {
    options.signal?.throwIfAborted();
    const timeoutMs = checkTimeout(options.timeoutMs);
    this.#checkOpen();
    const stop = new AbortController();
    const taking = this.#take(performance.now() + timeoutMs, stop.signal);
    this.#waits.set(stop, taking);
    let result: NatsHold | undefined;
    try {
      // The time is looked at within: "held" and "no answer" are two things.
      const { signal } = options;
      result = await waitWithin(taking, { signal }, () => undefined);
      if (result === undefined) this.#checkOpen();
      return result;
    } finally {
      this.#waits.delete(stop);
      stop.abort();
      // A grant that came together with the end of the wait is given back.
      if (result === undefined) {
        taking.then((hold) => hold && this.#release(hold)).catch(() => {});
      }
    }
  }

  /** Looks, and looks again when there is a reason to. */
  async #take(end: number, stopped: AbortSignal): Promise<NatsHold | undefined> {
    const bucket = this.#bucket;
    const deadline = () => Math.min(end, performance.now() + bucket.patienceMs);
    const place = { bucket, key: this.#key, ttlMs: this.#ttlMs, what: this.#what };
    const onLost = (hold: NatsHold) => void this.#held.delete(hold);
    let watch: LockWatch | undefined;
    try {
      await this.#checkTtl(deadline(), stopped);
      while (!stopped.aborted) {
        const within = { deadline: deadline(), signal: stopped };
        const hold = await NatsHold.take(place, { ...within, onLost });
        if (hold !== undefined) {
          this.#held.add(hold);
          if (!stopped.aborted && !this.#isClosed) return hold;
          await this.#release(hold);
          return undefined;
        }
        if (performance.now() >= end) return undefined;
        watch ??= new LockWatch(bucket, this.#key, this.#ttlMs);
        await watch.next(end, stopped);
      }
      return undefined;
    } catch (error) {
      if (stopped.aborted) return undefined;
      throw error;
    } finally {
      watch?.[Symbol.dispose]();
    }
  }

  /** The time is the bucket's: who believes in another one would renew too late. */
  async #checkTtl(deadline: number, signal: AbortSignal): Promise<void> {
    if (this.#isTtlChecked) return;
    const ttlMs = await this.#bucket.ttlMs({ deadline, signal });
    if (ttlMs !== this.#ttlMs) {
      throw new RangeError(
        `Cannot acquire ${this.#what}: the locks of bucket "${this.#bucket.name}" stay for ${ttlMs} ms, ` +
          `"ttlMs" is ${this.#ttlMs}; use the same, or another bucket`,
      );
    }
    this.#isTtlChecked = true;
  }
}

/** The scoped form of a hold. */
class HeldPermit implements NatsPermit {
  readonly #hold: NatsHold;
  #release: (() => Promise<boolean>) | undefined;

  constructor(hold: NatsHold, release: () => Promise<boolean>) {
    this.#hold = hold;
    this.#release = release;
  }

  get token(): number {
    return this.#hold.token;
  }

  get signal(): AbortSignal {
    return this.#hold.signal;
  }

  [Symbol.dispose](): void {
    this[Symbol.asyncDispose]().catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const release = this.#release;
    this.#release = undefined;
    try {
      await release?.();
    } catch (error) {
      // The engine frees it by itself.
      if (error instanceof EngineUnavailableError || error instanceof ConnectionClosedError) return;
      throw error;
    }
  }
}

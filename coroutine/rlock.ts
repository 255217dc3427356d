/**
 * A lock that its owner can acquire again.
 *
 * @module
 */

import { beginWait, NO, waitInLine, YES } from "./_acquire.ts";
import { describe, describeWaiting } from "./_describe.ts";
import { holdAcquired } from "./_hold.ts";
import { currentOwner } from "./_owner.ts";
import { Waiters } from "./_waiters.ts";
import { InvalidStateError } from "./errors.ts";
import type { Permit } from "./permit.ts";
import type { WaitOptions } from "./wait_options.ts";

/** For whom something is done with an {@linkcode RLock}. */
export interface OwnerOptions {
  /**
   * Who holds the lock. Any object can stand for an owner; needed outside of tasks.
   *
   * @default {the current task}
   */
  owner?: object | undefined;
}

/** Options for {@linkcode RLock.acquire} and {@linkcode RLock.hold}. */
export interface RLockAcquireOptions extends WaitOptions, OwnerOptions {}

/** What {@linkcode RLock.statistics} tells. */
export interface RLockStatistics {
  /** Whether somebody holds the lock. */
  locked: boolean;
  /** Who holds it; `undefined` when nobody does. */
  owner: object | undefined;
  /** How often the owner has acquired it and not released it. */
  count: number;
  /** Calls of `acquire` and `hold` that wait for it. */
  waiting: number;
}

/**
 * A lock that belongs to a task, which can acquire it again while it holds it. It is free when it was
 * released as often as it was acquired.
 *
 * - The owner is the task that calls; outside of tasks, and for one who acts for somebody else, the option
 *   `owner` says who it is.
 * - Only the owner can release it.
 * - First come, first served, as {@linkcode Lock}: the one who has waited longest gets it directly. Several
 *   waits of one owner end together, when the first of them ends.
 * - One who was cancelled or timed out does not hold it. When it was handed over before the signal
 *   aborted, it stays with the one who got it.
 * - Every operation takes constant time, however many wait.
 *
 * It is Python's {@link https://docs.python.org/3/library/threading.html#rlock-objects | threading.RLock},
 * with the task in the place of the thread.
 *
 * @example A function that holds the lock calls another one that does
 * ```ts
 * import { RLock, spawn } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const lock = new RLock();
 * async function add(): Promise<number> {
 *   using _ = await lock.hold();
 *   return lock.recursionCount();
 * }
 * async function addTwice(): Promise<number[]> {
 *   using _ = await lock.hold();
 *   return [await add(), await add()];
 * }
 * assertEquals(await spawn(addTwice), [2, 2]);
 * assertEquals(lock.locked(), false);
 * ```
 */
export class RLock {
  /** Who waits, by owner, in the order in which the owners came. A line may have become empty. */
  readonly #lines = new Map<object, Waiters<boolean>>();
  /**
   * Walks through the lines, once. A walk that began anew for each release would pass all that was deleted
   * before it: its time would grow with the square of the number that wait.
   */
  #turns: Iterator<[object, Waiters<boolean>]> | undefined;
  #owner: object | undefined;
  #count = 0;

  /**
   * Acquires the lock, and waits while another one holds it.
   *
   * @param options How long to wait, what stops the wait, and for whom.
   * @returns `true`, or `false` when it was held by another one for `timeoutMs`.
   * @throws {InvalidStateError} When there is neither a current task nor an `owner`.
   */
  acquire(options: RLockAcquireOptions = {}): Promise<boolean> {
    let owner: object;
    try {
      const timeoutMs = beginWait(options);
      owner = ownerOf(options, "acquire the lock");
      if (this.#tryAcquire(owner)) return YES;
      if (timeoutMs === 0) return NO;
    } catch (error) {
      return Promise.reject(error);
    }
    const line = this.#join(owner);
    return waitInLine(line, undefined, options).finally(() => this.#dropEmpty(owner, line));
  }

  /**
   * Acquires the lock if nobody else holds it.
   *
   * @param options For whom.
   * @returns Whether it was acquired.
   * @throws {InvalidStateError} When there is neither a current task nor an `owner`.
   */
  tryAcquire(options: OwnerOptions = {}): boolean {
    return this.#tryAcquire(ownerOf(options, "acquire the lock"));
  }

  /**
   * Releases the lock once. The last release hands it to the one who has waited longest.
   *
   * @param options For whom.
   * @throws {InvalidStateError} When nobody holds it, or another one.
   */
  release(options: OwnerOptions = {}): void {
    if (this.#owner === undefined) {
      throw new InvalidStateError("Cannot release the lock: nobody holds it");
    }
    if (ownerOf(options, "release the lock") !== this.#owner) {
      throw new InvalidStateError(
        `Cannot release the lock: another ${
          options.owner === undefined ? "task" : "owner"
        } holds it, and only the owner can release it`,
      );
    }
    if (--this.#count > 0) return;
    this.#owner = undefined;
    if (this.#lines.size > 0) this.#handOver();
  }

  /**
   * Whether somebody holds the lock.
   *
   * @returns `true` when it has an owner.
   */
  locked(): boolean {
    return this.#owner !== undefined;
  }

  /**
   * How often the owner has acquired the lock and not released it.
   *
   * @param options Who asks.
   * @returns The depth; `0` for one who does not hold the lock, and outside of tasks.
   * @throws {TypeError} When `owner` is no object.
   */
  recursionCount(options: OwnerOptions = {}): number {
    const owner = checkOwner(options) ?? currentOwner();
    return owner !== undefined && owner === this.#owner ? this.#count : 0;
  }

  /**
   * Acquires the lock for a block of code: `using _ = await lock.hold()`.
   *
   * @param options How long to wait, what stops the wait, and for whom.
   * @returns What releases the lock once when the block is left, for the one who acquired it.
   * @throws {InvalidStateError} When there is neither a current task nor an `owner`.
   * @throws {TimeoutError} When it was held by another one for `timeoutMs`.
   */
  hold(options: RLockAcquireOptions = {}): Promise<Permit> {
    const owner = options.owner ?? currentOwner();
    const release = () => this.release({ owner });
    return holdAcquired(this.acquire(options), release, "the lock", options.timeoutMs);
  }

  /**
   * Who holds the lock how often, and how many wait.
   *
   * @returns The figures of this moment.
   */
  statistics(): RLockStatistics {
    const owner = this.#owner;
    let waiting = 0;
    for (const line of this.#lines.values()) waiting += line.size;
    return { locked: owner !== undefined, owner, count: this.#count, waiting };
  }

  /** Whether the lock is held, how often, and how many wait, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * Whether the lock is held, how often, and how many wait.
   *
   * @returns The text, as `RLock { locked, count: 2, waiting: 1 }`.
   */
  toString(): string {
    const { locked, count, waiting } = this.statistics();
    return describe(
      this,
      ...(locked ? ["locked", `count: ${count}`] : ["unlocked"]),
      describeWaiting(waiting),
    );
  }

  #tryAcquire(owner: object): boolean {
    if (this.#owner === undefined) this.#owner = owner;
    else if (this.#owner !== owner) return false;
    this.#count++;
    return true;
  }

  #join(owner: object): Waiters<boolean> {
    const before = this.#lines.get(owner);
    if (before !== undefined) {
      if (before.size > 0) return before;
      // All have left it: its place is not theirs any more.
      this.#lines.delete(owner);
    }
    const line = new Waiters<boolean>();
    this.#lines.set(owner, line);
    return line;
  }

  #dropEmpty(owner: object, line: Waiters<boolean>): void {
    if (line.size === 0 && this.#lines.get(owner) === line) this.#lines.delete(owner);
  }

  #handOver(): void {
    this.#turns ??= this.#lines.entries();
    for (;;) {
      const turn = this.#turns.next();
      if (turn.done === true) {
        // An iterator that has ended does not see what is added later.
        this.#turns = undefined;
        return;
      }
      const [owner, line] = turn.value;
      this.#lines.delete(owner);
      if (line.size === 0) continue;
      this.#owner = owner;
      // One by one would let an owner wait for itself: it may need them all before it releases.
      this.#count = line.size;
      line.grantAll(true);
      return;
    }
  }
}

function ownerOf(options: OwnerOptions, action: string): object {
  const owner = checkOwner(options) ?? currentOwner();
  if (owner !== undefined) return owner;
  throw new InvalidStateError(
    `Cannot ${action}: no task runs that could own it; call it in a task (see "spawn") or pass "owner"`,
  );
}

function checkOwner({ owner }: OwnerOptions): object | undefined {
  if (owner === undefined) return undefined;
  if (owner !== null && (typeof owner === "object" || typeof owner === "function")) return owner;
  throw new TypeError(
    `Cannot use the lock: "owner" must be an object, got ${owner === null ? "null" : typeof owner}`,
  );
}

/**
 * A lock between threads.
 *
 * @module
 */

import { beginWait, NO, YES as YES_LATER } from "../coroutine/_acquire.ts";
import { describe, describeWaiting } from "../coroutine/_describe.ts";
import { InvalidStateError } from "../coroutine/errors.ts";
import type { Permit } from "../coroutine/permit.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { holdAcquired } from "../coroutine/_hold.ts";
import { isAskedToEnd } from "./_control.ts";
import { holdAcquiredSync } from "./_hold_sync.ts";
import { currentIdent, isEnded } from "./_ident.ts";
import { setLockLine } from "./_lock_lines.ts";
import { onMemory, registerShared } from "./_shared.ts";
import { CONTENDED, IDENT_BITS, isYes, MUST_WAIT, SharedLine, YES } from "./_shared_line.ts";
import type { SyncWaitOptions } from "./sync_wait_options.ts";
import { waitInLine, waitInLineSync } from "./_wait_in_line.ts";

/** The words of the lock: who holds it, and whether one died with it. */
const HOLDER = 0;
const DIED = 1;

/** What {@linkcode Lock.statistics} tells. */
export interface LockStatistics {
  /** Whether somebody holds the lock. */
  locked: boolean;
  /** Calls that wait for it, in all threads. */
  waiting: number;
}

/** A free lock is taken and given back with one instruction; everything else is done under the guard. */
class LockLine extends SharedLine {
  tryAcquire(): boolean {
    const me = currentIdent();
    const seen = Atomics.compareExchange(this.head, HOLDER, 0, me);
    return seen === 0 || (isEnded(seen & IDENT_BITS) && this.#tryTakeOver());
  }

  #tryTakeOver(): boolean {
    this.lock();
    try {
      this.swept();
      // Those who wait for it come first, and have it now.
      if (Atomics.load(this.head, HOLDER) !== 0) return false;
      return Atomics.compareExchange(this.head, HOLDER, 0, currentIdent()) === 0;
    } finally {
      this.unlock();
    }
  }

  enter(): number {
    const { head } = this;
    this.swept();
    for (;;) {
      const seen = Atomics.compareExchange(head, HOLDER, 0, currentIdent());
      if (seen === 0) return YES;
      if (Atomics.compareExchange(head, HOLDER, seen, seen | CONTENDED) === seen) return MUST_WAIT;
    }
  }

  release(): void {
    const { head } = this;
    const seen = Atomics.load(head, HOLDER);
    // A thread that was told to end may have left a wait without the lock that it had before.
    if ((seen & IDENT_BITS) !== currentIdent() && isAskedToEnd()) return;
    if (seen > 0 && Atomics.compareExchange(head, HOLDER, seen, 0) === seen) return;
    this.lock();
    try {
      if (Atomics.load(head, HOLDER) === 0) {
        throw new InvalidStateError("Cannot release the lock: nobody holds it");
      }
      this.handOver();
    } finally {
      this.unlock();
    }
  }

  /** Gives the lock to the one who has waited longest, or sets it free; under the guard. */
  handOver(): void {
    const slot = this.first();
    if (slot === 0) {
      Atomics.store(this.head, HOLDER, 0);
      return;
    }
    this.beginGrant(slot, YES);
    const contended = this.size > 1 ? CONTENDED : 0;
    Atomics.store(this.head, HOLDER, this.identOf(slot) | contended);
    this.grant(slot, YES);
  }

  protected override isGiven(slot: number): boolean {
    return (Atomics.load(this.head, HOLDER) & IDENT_BITS) === this.identOf(slot);
  }

  protected override swept(): void {
    const holder = Atomics.load(this.head, HOLDER) & IDENT_BITS;
    if (holder === 0 || !isEnded(holder)) return;
    Atomics.store(this.head, DIED, 1);
    this.handOver();
  }

  override mend(): void {
    const { head } = this;
    while (this.first() !== 0) {
      const seen = Atomics.load(head, HOLDER);
      // A free lock is taken for nobody first, so that nobody else takes it meanwhile.
      if (Atomics.compareExchange(head, HOLDER, seen, seen | CONTENDED) !== seen) continue;
      if ((seen & IDENT_BITS) === 0) this.handOver();
      return;
    }
    if (Atomics.load(head, HOLDER) === CONTENDED) Atomics.store(head, HOLDER, 0);
  }
}

/**
 * A lock that one thread at a time can hold, or one task at a time in any of them.
 *
 * - It is passed to a thread as an argument, and is the same lock there.
 * - `acquireSync` blocks the thread, its event loop included; `acquire` lets it go on. Both stand in one line,
 *   first come, first served: a lock that is released goes straight to the one who has waited longest, so
 *   nobody can overtake those who wait, and nobody starves. A free lock goes to whoever comes first: a thread that
 *   releases and acquires again before another one stands in the line has it again.
 * - One who was cancelled or timed out does not hold the lock and has lost no place for others. When the lock
 *   was handed over before the signal aborted, it stays with the one who got it.
 * - Any thread may release it. One that acquires it twice waits for itself; `RLock` is for that. So does one that
 *   blocks for it while an `acquire` of its own, or of one of its tasks, stands before it in the line.
 * - A thread that ends while it holds the lock does not hold it any more: the next one gets it, and
 *   {@linkcode ownerDied} is true for it and for all after it, until one of them calls `markConsistent`. A
 *   thread that returns or throws counts as ended at once; one that is terminated when the one that started it
 *   knows, which takes until its next turn of the event loop, or half a second when it blocks for the lock itself.
 * - Threads that are terminated leave their waits.
 *
 * It is Python's {@link https://docs.python.org/3/library/threading.html#lock-objects | threading.Lock}, and
 * what happens when its owner dies follows
 * {@link https://pubs.opengroup.org/onlinepubs/9799919799/functions/pthread_mutex_consistent.html | robust mutexes}.
 *
 * @example A lock for a block of code
 * ```ts
 * import { Lock } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const lock = new Lock();
 * {
 *   using _ = lock.holdSync(); // in a thread: blocks until the lock is free
 *   assertEquals(lock.tryAcquire(), false);
 * }
 * {
 *   using _ = await lock.hold(); // the event loop goes on
 *   assertEquals(await lock.acquire({ timeoutMs: 1 }), false);
 * }
 * assertEquals(lock.locked(), false);
 * ```
 */
export class Lock {
  readonly #line = new LockLine();

  /** Creates a lock that nobody holds. */
  constructor() {
    setLockLine(this, this.#line);
  }

  static {
    registerShared(
      Lock,
      "thread.Lock",
      (lock) => ({ memory: lock.#line.buffer }),
      ({ memory }) => onMemory(memory, () => new Lock()),
    );
  }

  /**
   * Acquires the lock, and waits while somebody holds it.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when it was held for `timeoutMs`.
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
   * Acquires the lock, and blocks the thread while somebody holds it.
   *
   * @param options How long to wait.
   * @returns `true`, or `false` when it was held for `timeoutMs`.
   * @throws {TypeError} When `timeoutMs` is no number.
   * @throws {RangeError} When `timeoutMs` is below 0.
   */
  acquireSync(options?: SyncWaitOptions): boolean {
    const timeoutMs = options === undefined ? Infinity : beginWait(options);
    if (this.#line.tryAcquire()) return true;
    return timeoutMs !== 0 && waitInLineSync(this.#line, timeoutMs) === YES;
  }

  /**
   * Acquires the lock if nobody holds it.
   *
   * @returns Whether it was free.
   */
  tryAcquire(): boolean {
    return this.#line.tryAcquire();
  }

  /**
   * Releases the lock, or hands it to the one who has waited longest.
   *
   * @throws {InvalidStateError} When nobody holds it.
   */
  release(): void {
    this.#line.release();
  }

  /**
   * Whether somebody holds the lock.
   *
   * @returns `true` when it cannot be acquired without waiting.
   */
  locked(): boolean {
    const holder = Atomics.load(this.#line.head, HOLDER) & IDENT_BITS;
    return holder !== 0 && !isEnded(holder);
  }

  /**
   * Whether a thread has ended while it held the lock: what the lock protects may be half changed. It stays so
   * for every holder until `markConsistent`, so that one who does not look cannot hide it from the next.
   */
  get ownerDied(): boolean {
    return Atomics.load(this.#line.head, DIED) !== 0;
  }

  /**
   * Says that what the lock protects is in order again.
   *
   * @throws {InvalidStateError} When the lock is not held.
   */
  markConsistent(): void {
    if (!this.locked()) {
      throw new InvalidStateError(
        "Cannot mark as consistent: the lock is not held, acquire it first",
      );
    }
    Atomics.store(this.#line.head, DIED, 0);
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
   * Acquires the lock for a block of code, and blocks the thread until then: `using _ = lock.holdSync()`.
   *
   * @param options How long to wait.
   * @returns What releases the lock when the block is left.
   * @throws {TimeoutError} When it was held for `timeoutMs`.
   */
  holdSync(options: SyncWaitOptions = {}): Permit {
    const release = () => this.release();
    return holdAcquiredSync(
      () => this.acquireSync(options),
      release,
      "the lock",
      options.timeoutMs,
    );
  }

  /**
   * Whether the lock is held, and how many wait.
   *
   * @returns The figures of this moment.
   */
  statistics(): LockStatistics {
    return { locked: this.locked(), waiting: this.#line.countWaiting() };
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
    const { locked, waiting } = this.statistics();
    return describe(this, locked ? "locked" : "unlocked", describeWaiting(waiting));
  }
}

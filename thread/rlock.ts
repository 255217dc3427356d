/**
 * A lock between threads that its owner can acquire again.
 *
 * @module
 */

import { beginWait, NO, YES as YES_LATER } from "../coroutine/_acquire.ts";
import { describe, describeWaiting } from "../coroutine/_describe.ts";
import { holdAcquired } from "../coroutine/_hold.ts";
import { InvalidStateError } from "../coroutine/errors.ts";
import type { Permit } from "../coroutine/permit.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { isAskedToEnd } from "./_control.ts";
import { currentTaskNumber } from "./_current_task.ts";
import { holdAcquiredSync } from "./_hold_sync.ts";
import { currentIdent, isEnded } from "./_ident.ts";
import { rlockInternals } from "./_rlock_internals.ts";
import { setLockLine } from "./_lock_lines.ts";
import { onMemory, registerShared } from "./_shared.ts";
import { CONTENDED, IDENT_BITS, isYes, MUST_WAIT, SharedLine, YES } from "./_shared_line.ts";
import { waitInLine, waitInLineSync } from "./_wait_in_line.ts";
import type { SyncWaitOptions } from "./sync_wait_options.ts";

/** The words of the lock: its thread, whether one died with it, the task in the thread, and how often. */
const HOLDER = 0;
const DIED = 1;
const TASK = 2;
const COUNT = 3;

/** What {@linkcode RLock.statistics} tells. */
export interface RLockStatistics {
  /** Whether somebody holds the lock. */
  locked: boolean;
  /** The ident of the thread that holds it; `undefined` when none does. */
  owner: number | undefined;
  /** How often the owner has acquired it and not released it. */
  count: number;
  /** Calls that wait for it, in all threads. */
  waiting: number;
}

/** Only the owner looks at the task and the count, or one who has the guard. */
class RLockLine extends SharedLine {
  tryAcquire(task: number): boolean {
    const { head } = this;
    const me = currentIdent();
    const seen = Atomics.compareExchange(head, HOLDER, 0, me);
    if (seen === 0) {
      head[TASK] = task;
      head[COUNT] = 1;
      return true;
    }
    const holder = seen & IDENT_BITS;
    if (holder === me && head[TASK] === task) {
      head[COUNT]!++;
      return true;
    }
    return isEnded(holder) && this.#tryTakeOver(task);
  }

  #tryTakeOver(task: number): boolean {
    this.lock();
    try {
      this.swept();
      return Atomics.load(this.head, HOLDER) === 0 && this.tryAcquire(task);
    } finally {
      this.unlock();
    }
  }

  enter(task: number): number {
    const { head } = this;
    this.swept();
    for (;;) {
      const seen = Atomics.load(head, HOLDER);
      if (seen === 0) {
        if (this.tryAcquire(task)) return YES;
        continue;
      }
      if (Atomics.compareExchange(head, HOLDER, seen, seen | CONTENDED) === seen) return MUST_WAIT;
    }
  }

  /** Whether another task of this very thread holds it, for which a blocked thread would wait for ever. */
  isHeldBeside(task: number): boolean {
    const holder = Atomics.load(this.head, HOLDER) & IDENT_BITS;
    return holder === currentIdent() && this.head[TASK] !== task;
  }

  depth(task: number): number {
    const isMine = (Atomics.load(this.head, HOLDER) & IDENT_BITS) === currentIdent();
    return isMine && this.head[TASK] === task ? this.head[COUNT]! : 0;
  }

  release(task: number, times: number): void {
    const { head } = this;
    const depth = this.depth(task);
    if (depth === 0) {
      // A thread that was told to end may have left a wait without the lock that it had before.
      if (isAskedToEnd()) return;
      const holder = Atomics.load(head, HOLDER) & IDENT_BITS;
      if (holder === 0) throw new InvalidStateError("Cannot release the lock: nobody holds it");
      const who = holder === currentIdent() ? "task" : "thread";
      throw new InvalidStateError(
        `Cannot release the lock: another ${who} holds it, and only the owner can release it`,
      );
    }
    head[COUNT] = depth - times;
    if (depth > times) return;
    head[TASK] = 0;
    const me = currentIdent();
    if (Atomics.compareExchange(head, HOLDER, me, 0) === me) return;
    this.lock();
    try {
      this.#handOver();
    } finally {
      this.unlock();
    }
  }

  #handOver(): void {
    const { head } = this;
    const slot = this.first();
    if (slot === 0) {
      head[COUNT] = 0;
      Atomics.store(head, HOLDER, 0);
      return;
    }
    const ident = this.identOf(slot);
    this.beginGrant(slot, YES);
    // Before the first of them is woken: it may look at the count at once.
    head[TASK] = this.dataOf(slot);
    head[COUNT] = 1 + this.#othersOf(slot).length;
    Atomics.store(head, HOLDER, ident | CONTENDED);
    this.endGrant(slot, YES);
  }

  /** All other waits of the same owner: one by one would let it wait for itself. */
  #othersOf(slot: number): number[] {
    const ident = this.identOf(slot);
    const task = this.dataOf(slot);
    const others: number[] = [];
    for (let other = this.first(); other !== 0; other = this.next(other)) {
      const isSame = this.identOf(other) === ident && this.dataOf(other) === task;
      if (isSame && other !== slot) others.push(other);
    }
    return others;
  }

  protected override isGiven(slot: number): boolean {
    return (Atomics.load(this.head, HOLDER) & IDENT_BITS) === this.identOf(slot);
  }

  /** The one that is under way comes last: it stands for all of them. */
  protected override endGrant(slot: number, answer: number): void {
    for (const other of this.#othersOf(slot)) this.grantBeside(other, answer);
    this.grant(slot, answer);
  }

  protected override swept(): void {
    const holder = Atomics.load(this.head, HOLDER) & IDENT_BITS;
    if (holder === 0 || !isEnded(holder)) return;
    Atomics.store(this.head, DIED, 1);
    this.#handOver();
  }

  override mend(): void {
    const { head } = this;
    while (this.first() !== 0) {
      const seen = Atomics.load(head, HOLDER);
      // A free lock is taken for nobody first, so that nobody else takes it meanwhile.
      if (Atomics.compareExchange(head, HOLDER, seen, seen | CONTENDED) !== seen) continue;
      if ((seen & IDENT_BITS) === 0) this.#handOver();
      return;
    }
    if (Atomics.load(head, HOLDER) === CONTENDED) Atomics.store(head, HOLDER, 0);
  }
}

/**
 * A lock that belongs to a thread, which can acquire it again while it holds it. It is free when it was released
 * as often as it was acquired.
 *
 * - It is passed to a thread as an argument, and is the same lock there.
 * - The owner is the thread that calls, and in a task (see `spawn` of the topic coroutine) the task: two tasks of
 *   one thread exclude each other as two threads do. That holds for both forms, so that a function can
 *   block for a lock that its task has awaited. What runs outside of tasks is one owner: two chains of awaits
 *   there do not exclude each other.
 * - `acquireSync` throws when a task of the same thread holds the lock and no time limit is given: the thread
 *   would block the very task that it waits for.
 * - Only the owner can release it.
 * - First come, first served, as `Lock`. Several waits of one owner end together, when the first of them ends.
 * - A thread that ends while it holds the lock does not hold it any more; see {@linkcode ownerDied}.
 *
 * It is Python's {@link https://docs.python.org/3/library/threading.html#rlock-objects | threading.RLock}.
 *
 * @example A function that holds the lock calls another one that does
 * ```ts
 * import { RLock } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const lock = new RLock();
 * function add(): number {
 *   using _ = lock.holdSync();
 *   return lock.recursionCount();
 * }
 * function addTwice(): number[] {
 *   using _ = lock.holdSync();
 *   return [add(), add()];
 * }
 * assertEquals(addTwice(), [2, 2]);
 * assertEquals(lock.locked(), false);
 * ```
 */
export class RLock {
  readonly #line = new RLockLine();

  /** Creates a lock that nobody holds. */
  constructor() {
    setLockLine(this, this.#line);
  }

  static {
    registerShared(
      RLock,
      "thread.RLock",
      (lock) => ({ memory: lock.#line.buffer }),
      ({ memory }) => onMemory(memory, () => new RLock()),
    );
    rlockInternals.acquire = (lock, task, options) => (lock as RLock).#acquire(task, options);
    rlockInternals.acquireSync = (lock, task, options) =>
      (lock as RLock).#acquireSync(task, options);
    rlockInternals.release = (lock, task, times) => (lock as RLock).#line.release(task, times);
  }

  /**
   * Acquires the lock, and waits while another one holds it.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when it was held by another one for `timeoutMs`.
   */
  acquire(options: WaitOptions = {}): Promise<boolean> {
    return this.#acquire(currentTaskNumber(), options);
  }

  #acquire(task: number, options: WaitOptions): Promise<boolean> {
    let timeoutMs: number;
    try {
      timeoutMs = beginWait(options);
      if (this.#line.tryAcquire(task)) return YES_LATER;
      if (timeoutMs === 0) return NO;
    } catch (error) {
      return Promise.reject(error);
    }
    return waitInLine(this.#line, timeoutMs, options, task).then(isYes);
  }

  /**
   * Acquires the lock, and blocks the thread while another one holds it.
   *
   * @param options How long to wait.
   * @returns `true`, or `false` when it was held by another one for `timeoutMs`.
   * @throws {InvalidStateError} When another task of this thread holds it, and there is no time limit.
   */
  acquireSync(options?: SyncWaitOptions): boolean {
    return this.#acquireSync(currentTaskNumber(), options);
  }

  #acquireSync(task: number, options: SyncWaitOptions | undefined): boolean {
    const timeoutMs = options === undefined ? Infinity : beginWait(options);
    if (this.#line.tryAcquire(task)) return true;
    if (timeoutMs === 0) return false;
    if (timeoutMs === Infinity && this.#line.isHeldBeside(task)) {
      throw new InvalidStateError(
        "Cannot block for the lock: a task of this thread holds it, and could not release it; await it",
      );
    }
    return waitInLineSync(this.#line, timeoutMs, task) === YES;
  }

  /**
   * Acquires the lock if nobody else holds it.
   *
   * @returns Whether it was acquired.
   */
  tryAcquire(): boolean {
    return this.#line.tryAcquire(currentTaskNumber());
  }

  /**
   * Releases the lock once. The last release hands it to the one who has waited longest.
   *
   * @throws {InvalidStateError} When nobody holds it, or another one.
   */
  release(): void {
    this.#line.release(currentTaskNumber(), 1);
  }

  /**
   * Whether somebody holds the lock.
   *
   * @returns `true` when it has an owner.
   */
  locked(): boolean {
    const holder = Atomics.load(this.#line.head, HOLDER) & IDENT_BITS;
    return holder !== 0 && !isEnded(holder);
  }

  /**
   * How often the one who asks has acquired the lock and not released it.
   *
   * @returns The depth; `0` for one who does not hold the lock.
   */
  recursionCount(): number {
    return this.#line.depth(currentTaskNumber());
  }

  /**
   * Whether a thread has ended while it held the lock: what the lock protects may be half changed. It stays so
   * for every holder until `markConsistent`.
   */
  get ownerDied(): boolean {
    return Atomics.load(this.#line.head, DIED) !== 0;
  }

  /**
   * Says that what the lock protects is in order again.
   *
   * @throws {InvalidStateError} When the one who calls does not hold the lock.
   */
  markConsistent(): void {
    if (this.recursionCount() === 0) {
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
   * @returns What releases the lock once when the block is left, for the one who acquired it.
   * @throws {TimeoutError} When it was held by another one for `timeoutMs`.
   */
  hold(options: WaitOptions = {}): Promise<Permit> {
    const task = currentTaskNumber();
    const release = () => this.#line.release(task, 1);
    return holdAcquired(this.#acquire(task, options), release, "the lock", options.timeoutMs);
  }

  /**
   * Acquires the lock for a block of code, and blocks the thread until then: `using _ = lock.holdSync()`.
   *
   * @param options How long to wait.
   * @returns What releases the lock once when the block is left, for the one who acquired it.
   * @throws {InvalidStateError} When another task of this thread holds it, and there is no time limit.
   * @throws {TimeoutError} When it was held by another one for `timeoutMs`.
   */
  holdSync(options: SyncWaitOptions = {}): Permit {
    const task = currentTaskNumber();
    const release = () => this.#line.release(task, 1);
    const acquire = () => this.#acquireSync(task, options);
    return holdAcquiredSync(acquire, release, "the lock", options.timeoutMs);
  }

  /**
   * Who holds the lock how often, and how many wait.
   *
   * @returns The figures of this moment.
   */
  statistics(): RLockStatistics {
    const { head } = this.#line;
    const waiting = this.#line.countWaiting();
    const locked = this.locked();
    const owner = locked ? Atomics.load(head, HOLDER) & IDENT_BITS : undefined;
    return { locked, owner, count: locked ? Atomics.load(head, COUNT) : 0, waiting };
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
}

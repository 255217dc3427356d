/**
 * Waiting, between threads, until what a lock protects has changed.
 *
 * @module
 */

import { beginWait } from "../coroutine/_acquire.ts";
import { describe, describeWaiting } from "../coroutine/_describe.ts";
import { listenForCancel } from "../coroutine/_listen_for_cancel.ts";
import { isThenable } from "../coroutine/_thenable.ts";
import { InvalidStateError } from "../coroutine/errors.ts";
import type { Permit } from "../coroutine/permit.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { currentTaskNumber } from "./_current_task.ts";
import { rlockInternals } from "./_rlock_internals.ts";
import { lockLine, standForOther, standsForOther } from "./_lock_lines.ts";
import { onMemory, receivedMemory, registerShared } from "./_shared.ts";
import { MUST_WAIT, SharedLine, WAITING } from "./_shared_line.ts";
import { awaitInLine, parkInLine } from "./_wait_in_line.ts";
import { Lock } from "./lock.ts";
import { RLock } from "./rlock.ts";
import type { SyncWaitOptions } from "./sync_wait_options.ts";

/** The answer to one that was notified and has no place in the line of the lock. It is less than any place. */
const NOTIFIED = 1;

/** What {@linkcode Condition.statistics} tells. */
export interface ConditionStatistics {
  /** Whether somebody holds the lock of the condition. */
  locked: boolean;
  /** Calls that wait to be notified, in all threads. */
  waiting: number;
  /** Calls that wait for the lock. Those that were notified and do not hold it again are among them. */
  acquiring: number;
}

/**
 * One that is notified goes straight to the line of the lock, which the notifier holds: so they get the lock in the
 * order of the notifications, and none of them is woken to find it taken. The answer is the place there.
 */
class ConditionLine extends SharedLine {
  readonly #lock: SharedLine;

  constructor(lock: SharedLine) {
    super();
    this.#lock = lock;
  }

  enter(): number {
    return MUST_WAIT;
  }

  /** Joins the line. The lock is still held: whoever gets it next may notify at once. */
  stand(task: number): number {
    this.lock();
    try {
      return this.join(task);
    } finally {
      this.unlock();
    }
  }

  /** The lock is held by the one who notifies. */
  notify(n: number): void {
    if (this.size === 0) return;
    this.lock();
    try {
      this.#grant(n);
    } finally {
      this.unlock();
    }
  }

  #grant(n: number): void {
    for (let left = n; left > 0; left--) {
      const slot = this.first();
      if (slot === 0) return;
      const place = standForOther(
        this.#lock,
        this.identOf(slot),
        this.dataOf(slot),
        (noted, turn) => {
          this.setSecondItem(slot, turn);
          this.setItem(slot, noted);
        },
      );
      this.grant(slot, place);
    }
  }

  /** One has died while it notified: who has a place in the line of the lock has to know of it. */
  override mend(): void {
    for (const slot of this.takenSlots()) {
      const place = this.itemOf(slot);
      if (this.stateOf(slot) !== WAITING || place === 0) continue;
      const turn = this.secondItemOf(slot);
      this.setItem(slot, 0);
      if (standsForOther(this.#lock, this.identOf(slot), place, turn)) this.grant(slot, place);
    }
  }

  /** The lock need not be held here: the next one has to stand in its line itself. */
  protected override lost(): void {
    const slot = this.first();
    if (slot !== 0) this.grant(slot, NOTIFIED);
  }
}

/**
 * A lock, and a line of those who wait until something that it protects has changed.
 *
 * - It is passed to a thread as an argument, and is the same condition with the same lock there.
 * - `wait` and `waitSync` give the lock up, wait for `notify`, and take the lock again before they end, however
 *   they end: also when the time is over or the wait was cancelled. (A thread that is being terminated is the
 *   exception: it leaves without the lock, and its releases of what it does not hold do nothing.)
 * - Those who wait are notified in the order in which they came, whether they block or await.
 * - A notification is not lost: when its receiver is cancelled before it has the lock again, or its thread ends,
 *   the next one is notified in its place.
 * - Everything but acquiring needs the lock, and throws an `InvalidStateError` without it. With a `Lock` anybody's
 *   hold of it counts; with an `RLock` the owner's.
 * - With an `RLock` that was acquired several times `wait` gives up all of them, and takes all back.
 *
 * It is Python's {@link https://docs.python.org/3/library/threading.html#condition-objects | threading.Condition};
 * as in asyncio the lock that it makes for itself is a plain one, because all that awaits outside of tasks would
 * be one owner of an `RLock`.
 *
 * @example Waiting for a number to grow
 * ```ts
 * import { Condition, Value } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const changed = new Condition();
 * const count = new Value("int32", 0);
 *
 * async function untilTwo(): Promise<number> {
 *   using _ = await changed.hold();
 *   await changed.waitFor(() => count.value >= 2);
 *   return count.value;
 * }
 *
 * const waiting = untilTwo();
 * for (let i = 0; i < 2; i++) {
 *   using _ = await changed.hold(); // perhaps in another thread
 *   count.value++;
 *   changed.notify();
 * }
 * assertEquals(await waiting, 2);
 * ```
 */
export class Condition {
  readonly #lock: Lock | RLock;
  readonly #line: ConditionLine;

  static {
    registerShared(
      Condition,
      "thread.Condition",
      (condition) => ({ memory: condition.#line.buffer, lock: condition.#lock }),
      ({ memory, lock }) => onMemory(memory, () => new Condition(lock)),
    );
  }

  /**
   * Creates a condition that nobody waits for.
   *
   * @param lock The lock to use; several conditions can share one.
   * @throws {TypeError} When `lock` is something else.
   */
  constructor(lock?: Lock | RLock) {
    if (!(lock === undefined || lock instanceof Lock || lock instanceof RLock)) {
      throw new TypeError(`Cannot create a condition: "lock" must be a Lock or an RLock`);
    }
    // The memory is for the line, not for a lock that is made here.
    const received = receivedMemory();
    this.#lock = lock ?? new Lock();
    const line = lockLine(this.#lock);
    this.#line = received === undefined
      ? new ConditionLine(line)
      : onMemory(received, () => new ConditionLine(line));
  }

  /**
   * Acquires the lock, and waits while it is held.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when it was held for `timeoutMs`.
   */
  acquire(options: WaitOptions = {}): Promise<boolean> {
    return this.#lock.acquire(options);
  }

  /**
   * Acquires the lock, and blocks the thread while it is held.
   *
   * @param options How long to wait.
   * @returns `true`, or `false` when it was held for `timeoutMs`.
   */
  acquireSync(options: SyncWaitOptions = {}): boolean {
    return this.#lock.acquireSync(options);
  }

  /**
   * Acquires the lock if that needs no waiting.
   *
   * @returns Whether it was acquired.
   */
  tryAcquire(): boolean {
    return this.#lock.tryAcquire();
  }

  /**
   * Releases the lock.
   *
   * @throws {InvalidStateError} When it is not held.
   */
  release(): void {
    this.#lock.release();
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
   * @param options How long to wait, and what stops the wait.
   * @returns What releases the lock when the block is left.
   * @throws {TimeoutError} When it was held for `timeoutMs`.
   */
  hold(options: WaitOptions = {}): Promise<Permit> {
    return this.#lock.hold(options);
  }

  /**
   * Acquires the lock for a block of code, and blocks the thread until then.
   *
   * @param options How long to wait.
   * @returns What releases the lock when the block is left.
   * @throws {TimeoutError} When it was held for `timeoutMs`.
   */
  holdSync(options: SyncWaitOptions = {}): Permit {
    return this.#lock.holdSync(options);
  }

  /**
   * Gives the lock up, waits to be notified, and takes the lock again.
   *
   * @param options How long to wait to be notified, and what stops the wait. The time until the lock is taken again
   * comes on top.
   * @returns `true`, or `false` when nothing was notified for `timeoutMs`. The lock is held again.
   * @throws {InvalidStateError} When the lock is not held.
   */
  async wait(options: WaitOptions = {}): Promise<boolean> {
    const timeoutMs = beginWait(options);
    const depth = this.#depth("wait for");
    const task = currentTaskNumber();
    let isReleased = false;
    const begin = () => {
      const entered = timeoutMs === 0
        ? { answer: 0, slot: 0 }
        : { answer: MUST_WAIT, slot: this.#line.stand(task) };
      this.#giveUp(task, depth);
      isReleased = true;
      return entered;
    };
    let place = 0;
    let cancelled: Cancellation | undefined;
    try {
      place = await awaitInLine(this.#line, timeoutMs, options.signal, begin);
    } finally {
      if (isReleased) cancelled = await this.#takeBack(task, depth, place, options.signal);
    }
    if (cancelled === undefined) return place > 0;
    if (place > 0) this.#line.notify(1);
    throw cancelled.reason;
  }

  /**
   * Gives the lock up, blocks the thread until it is notified, and takes the lock again.
   *
   * @param options How long to wait to be notified. The time until the lock is taken again comes on top.
   * @returns `true`, or `false` when nothing was notified for `timeoutMs`. The lock is held again.
   * @throws {InvalidStateError} When the lock is not held.
   */
  waitSync(options: SyncWaitOptions = {}): boolean {
    const timeoutMs = beginWait(options);
    const depth = this.#depth("wait for");
    const task = currentTaskNumber();
    const slot = timeoutMs === 0 ? 0 : this.#line.stand(task);
    this.#giveUp(task, depth);
    const place = slot === 0 ? 0 : parkInLine(this.#line, slot, timeoutMs);
    const left = depth - this.#takePlaceSync(place);
    this.#takeBackSync(task, left);
    return place > 0;
  }

  /**
   * Waits until something is true, and looks again whenever it is notified. The lock is held whenever the
   * predicate is called, and in the end.
   *
   * @param predicate Tells whether the wait is over.
   * @param options How long to wait in all, and what stops the wait.
   * @returns What the predicate answered at last: something true, or, when the time is over, something that
   * is not.
   * @throws {InvalidStateError} When the lock is not held.
   * @throws {TypeError} When the predicate is no function, or answers a promise.
   * @typeParam T What the predicate answers.
   */
  async waitFor<T>(predicate: () => T, options: WaitOptions = {}): Promise<T> {
    const rest = this.#beginWaitFor(predicate, options);
    for (let isOver = false;;) {
      const value = ask(predicate);
      if (value || isOver) return value;
      isOver = !await this.wait({ signal: options.signal, timeoutMs: rest() });
    }
  }

  /**
   * Blocks the thread until something is true, and looks again whenever it is notified. The lock is held
   * whenever the predicate is called, and in the end.
   *
   * @param predicate Tells whether the wait is over.
   * @param options How long to wait in all.
   * @returns What the predicate answered at last: something true, or, when the time is over, something that
   * is not.
   * @throws {InvalidStateError} When the lock is not held.
   * @throws {TypeError} When the predicate is no function, or answers a promise.
   * @typeParam T What the predicate answers.
   */
  waitForSync<T>(predicate: () => T, options: SyncWaitOptions = {}): T {
    const rest = this.#beginWaitFor(predicate, options);
    for (let isOver = false;;) {
      const value = ask(predicate);
      if (value || isOver) return value;
      isOver = !this.waitSync({ timeoutMs: rest() });
    }
  }

  #beginWaitFor(predicate: () => unknown, options: WaitOptions): () => number | undefined {
    if (typeof predicate !== "function") {
      throw new TypeError(`Cannot wait: "predicate" must be a function, got ${typeof predicate}`);
    }
    const timeoutMs = beginWait(options);
    this.#depth("wait for");
    if (timeoutMs === Infinity) return () => undefined;
    const end = performance.now() + timeoutMs;
    return () => Math.max(0, end - performance.now());
  }

  /**
   * Wakes those who have waited longest. They go on when they have the lock again.
   *
   * @param n How many; when fewer wait, all of them.
   * @throws {InvalidStateError} When the lock is not held.
   * @throws {TypeError} When `n` is not a whole number.
   * @throws {RangeError} When `n` is below 0.
   */
  notify(n = 1): void {
    if (!Number.isInteger(n)) {
      throw new TypeError(`Cannot notify: "n" must be a whole number, got ${String(n)}`);
    }
    if (n < 0) throw new RangeError(`Cannot notify: "n" must be 0 or more, got ${n}`);
    this.#depth("notify");
    this.#line.notify(n);
  }

  /**
   * Wakes all who wait. They go on one after the other, when they have the lock again.
   *
   * @throws {InvalidStateError} When the lock is not held.
   */
  notifyAll(): void {
    this.#depth("notify");
    this.#line.notify(Infinity);
  }

  /**
   * Whether the lock is held, and how many wait for what.
   *
   * @returns The figures of this moment.
   */
  statistics(): ConditionStatistics {
    const { locked, waiting: acquiring } = this.#lock.statistics();
    return { locked, waiting: this.#line.countWaiting(), acquiring };
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
    return describe(this, this.#lock.toString(), describeWaiting(this.#line.countWaiting()));
  }

  /** How often the lock has to be released until it is free. */
  #depth(action: string): number {
    const lock = this.#lock;
    const depth = lock instanceof RLock ? lock.recursionCount() : Number(lock.locked());
    if (depth > 0) return depth;
    const state = lock.locked() ? "its lock is held by another one" : "its lock is not held";
    throw new InvalidStateError(`Cannot ${action} the condition: ${state}, acquire it first`);
  }

  #giveUp(task: number, depth: number): void {
    const lock = this.#lock;
    if (lock instanceof RLock) rlockInternals.release(lock, task, depth);
    else lock.release();
  }

  #takeBackSync(task: number, depth: number): void {
    const lock = this.#lock;
    if (!(lock instanceof RLock)) {
      if (depth > 0) lock.acquireSync();
      return;
    }
    for (let left = depth; left > 0; left--) rlockInternals.acquireSync(lock, task);
  }

  /** Waits for the lock at the place where the notifier has put this one; says how often it holds the lock then. */
  #takePlaceSync(place: number): number {
    if (place <= NOTIFIED) return 0;
    parkInLine(lockLine(this.#lock), place, Infinity);
    return 1;
  }

  #tryTakeBack(task: number): boolean {
    const lock = this.#lock;
    if (!(lock instanceof RLock)) return lock.tryAcquire();
    return rlockInternals.acquireSync(lock, task, { timeoutMs: 0 });
  }

  /** Takes the lock whatever happens, and says whether somebody wanted to end the wait meanwhile. */
  async #takeBack(
    task: number,
    depth: number,
    place: number,
    signal: AbortSignal | undefined,
  ): Promise<Cancellation | undefined> {
    const lock = this.#lock;
    let cancelled: Cancellation | undefined;
    if (place > NOTIFIED || !this.#tryTakeBack(task)) {
      let unlisten: (() => void) | undefined;
      try {
        unlisten = listenForCancel(signal, (reason) => cancelled = { reason });
      } catch (reason) {
        cancelled = { reason };
      }
      // With a signal, though one that never aborts: a cancellation of the task must not end this wait.
      const never = { signal: new AbortController().signal };
      if (place > NOTIFIED) {
        const line = lockLine(lock);
        await awaitInLine(line, Infinity, never.signal, () => ({ answer: MUST_WAIT, slot: place }));
      } else if (lock instanceof RLock) await rlockInternals.acquire(lock, task, never);
      else await lock.acquire(never);
      unlisten?.();
    }
    for (let left = depth - 1; left > 0; left--) this.#tryTakeBack(task);
    return cancelled;
  }
}

function ask<T>(predicate: () => T): T {
  const value = predicate();
  if (isThenable(value)) {
    throw new TypeError("Cannot wait: the predicate answered a promise, it must answer at once");
  }
  return value;
}

/** That a wait is to end, and why. */
interface Cancellation {
  readonly reason: unknown;
}

/**
 * A place where a fixed number of threads wait for each other.
 *
 * @module
 */

import { beginWait } from "../coroutine/_acquire.ts";
import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { describe } from "../coroutine/_describe.ts";
import { isThenable } from "../coroutine/_thenable.ts";
import { BrokenBarrierError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { currentIdent, isEnded } from "./_ident.ts";
import { onMemory, registerShared } from "./_shared.ts";
import { MUST_WAIT, SharedLine } from "./_shared_line.ts";
import { TOO_LATE, waitInLine, waitInLineSync } from "./_wait_in_line.ts";
import type { SyncWaitOptions } from "./sync_wait_options.ts";

/** The words of the barrier; the thread whose action runs, and how many actions have begun. */
const PARTIES = 0;
const BROKEN = 1;
const ACTOR = 2;
const ACTIONS = 3;

/** What the line is told about a party: whether it has an action, and that it cannot wait. */
const HAS_ACTION = 1;
const CANNOT_WAIT = 2;

/** Beside the index of a party: it has to run the action first, and which one that is. */
const ACT = 1 << 30;
const INDEX_BITS = 0x7fff;
const ROUND_SHIFT = 15;

/** Answers that are no index; `TOO_LATE` is one of them. */
const IS_BROKEN = -3;
const WAS_ABORTED = -4;
const WAS_RESET = -5;
const OTHER_WAS_LATE = -6;
const ACTION_FAILED = -7;
const ACTOR_DIED = -8;

const REASONS: Record<number, string> = {
  [IS_BROKEN]: "it is broken, reset it first",
  [WAS_ABORTED]: "it was aborted",
  [WAS_RESET]: "it was reset",
  [OTHER_WAS_LATE]: "another party did not come in time",
  [ACTION_FAILED]: "its action failed",
  [ACTOR_DIED]: "the thread that ran its action has ended",
};

/** More would not find a place in the line. */
const MOST_PARTIES = 2 ** 15;

/** Options for {@linkcode Barrier}. */
export interface BarrierOptions {
  /**
   * Is called once a round, when all parties have come and before the first one goes on. It belongs to this thread;
   * see {@linkcode Barrier.action}.
   *
   * @default {undefined}
   */
  action?: (() => unknown) | undefined;
  /**
   * The longest wait in milliseconds of a wait that says nothing else, in all threads.
   *
   * @default {Infinity}
   */
  timeoutMs?: number | undefined;
}

/** What {@linkcode Barrier.statistics} tells. */
export interface BarrierStatistics {
  /** How many it takes to go on. */
  parties: number;
  /** How many of them have come. */
  waiting: number;
  /** Whether it is broken. */
  broken: boolean;
}

class BarrierLine extends SharedLine {
  /** How many had come when one of this thread was late. */
  late = 0;
  #indexOfNext: number | undefined;

  constructor(parties: number) {
    super();
    if (this.isNew) this.head[PARTIES] = parties;
  }

  get parties(): number {
    return this.head[PARTIES]!;
  }

  get isBroken(): boolean {
    return Atomics.load(this.head, BROKEN) !== 0;
  }

  enter(data: number): number {
    this.sweepGuarded();
    if (this.isBroken) return IS_BROKEN;
    if (this.size + 1 >= this.parties && this.head[ACTOR] === 0) return this.#start(data);
    if ((data & CANNOT_WAIT) === 0) return MUST_WAIT;
    this.leftLate();
    return TOO_LATE;
  }

  /** Lets those who wait go on, with one who has just come. */
  #start(data: number): number {
    const index = this.parties - 1;
    const slots = this.#firstSlots(index);
    if ((data & HAS_ACTION) !== 0) {
      const act = this.#beginAction(currentIdent());
      for (const [i, slot] of slots.entries()) this.hold(slot, i);
      return index | act;
    }
    if (!this.#grant(slots)) return index;
    this.#indexOfNext = index;
    return MUST_WAIT;
  }

  #firstSlots(count: number): number[] {
    const slots: number[] = [];
    let slot = this.first();
    for (let left = count; left > 0; left--) {
      slots.push(slot);
      slot = this.next(slot);
    }
    return slots;
  }

  /** Lets parties go on, or one of them run its action; says whether there is one. */
  #grant(slots: number[]): boolean {
    const actor = slots.findLastIndex((slot) => (this.dataOf(slot) & HAS_ACTION) !== 0);
    const act = actor < 0 ? 0 : this.#beginAction(this.identOf(slots[actor]!));
    for (const [i, slot] of slots.entries()) {
      if (actor >= 0 && i !== actor) this.hold(slot, i);
    }
    for (const [i, slot] of slots.entries()) {
      if (actor < 0) this.grant(slot, i);
      else if (i === actor) this.grant(slot, i | act);
    }
    return actor >= 0;
  }

  /** Says what the one who runs it is answered beside its index. */
  #beginAction(ident: number): number {
    const round = (this.head[ACTIONS]! + 1) & INDEX_BITS;
    this.head[ACTIONS] = round;
    this.head[ACTOR] = ident;
    return ACT | round << ROUND_SHIFT;
  }

  /** A party whose round waits for an action is sure to go on: it is out of the line at once. */
  override join(data: number, ident?: number): number {
    const slot = super.join(data, ident);
    if (this.#indexOfNext !== undefined) this.hold(slot, this.#indexOfNext);
    this.#indexOfNext = undefined;
    return slot;
  }

  /** The action of a round has ended; says how that round goes on. */
  endAction(round: number, outcome: "done" | "failed"): number {
    this.lock();
    try {
      const { head } = this;
      if (head[ACTOR] === 0 || head[ACTIONS] !== round) {
        return this.isBroken ? WAS_ABORTED : WAS_RESET;
      }
      if (outcome === "failed") {
        this.#failAll(ACTION_FAILED);
        Atomics.store(head, BROKEN, 1);
        return ACTION_FAILED;
      }
      head[ACTOR] = 0;
      this.grantHeld();
      // Enough for the next round may have come meanwhile.
      this.sweepGuarded();
      if (this.size >= this.parties) this.#grant(this.#firstSlots(this.parties));
      return 0;
    } finally {
      this.unlock();
    }
  }

  stop(answer: number): void {
    this.lock();
    try {
      Atomics.store(this.head, BROKEN, answer === WAS_RESET ? 0 : 1);
      this.#failAll(answer);
    } finally {
      this.unlock();
    }
  }

  #failAll(answer: number): void {
    this.head[ACTOR] = 0;
    this.grantHeld(answer);
    this.grantAll(answer);
  }

  override leftLate(): void {
    this.late = this.size + 1;
    Atomics.store(this.head, BROKEN, 1);
    this.grantAll(OTHER_WAS_LATE);
  }

  protected override swept(): void {
    const actor = this.head[ACTOR]!;
    if (actor === 0 || !isEnded(actor)) return;
    Atomics.store(this.head, BROKEN, 1);
    this.#failAll(ACTOR_DIED);
  }

  override mend(): void {
    // Nobody knows who had been told to go on: all of them are told that it is broken.
    Atomics.store(this.head, BROKEN, 1);
    this.#failAll(IS_BROKEN);
  }
}

/**
 * A number of threads and tasks wait here until all of them have come; then all go on, and the next round begins.
 *
 * - It is passed to a thread as an argument, and is the same barrier there.
 * - `waitSync` blocks the thread, its event loop included; `wait` lets it go on.
 * - Each party of a round gets an index of its own, from 0, in the order in which they came.
 * - One that is not there in time breaks the barrier: when one has waited for `timeoutMs`, all who wait and all who
 *   come later get a `BrokenBarrierError`, until `reset()`. The same holds after `abort()` and when the action
 *   throws, or its thread ends meanwhile.
 * - A `wait` that is cancelled leaves, as if it had not come, and the others wait for another one; so does a
 *   party whose thread ends. One that is killed at the very moment when it comes or leaves may break the barrier.
 * - Once all have come, time limits and signals do not matter any more.
 * - Rounds do not mix: who comes while the action of a round runs belongs to the next one.
 *
 * It is Python's {@link https://docs.python.org/3/library/threading.html#barrier-objects | threading.Barrier}. An
 * action cannot cross to another thread: one of the parties that has one runs it.
 *
 * @example Two that start together
 * ```ts
 * import { Barrier } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const barrier = new Barrier(2);
 * const first = barrier.wait(); // perhaps in another thread: barrier.waitSync()
 * const second = barrier.wait();
 * assertEquals(await Promise.all([first, second]), [0, 1]);
 * ```
 */
export class Barrier {
  readonly #line: BarrierLine;
  readonly #timeoutMs: number | undefined;
  #action: (() => unknown) | undefined;

  static {
    registerShared(
      Barrier,
      "thread.Barrier",
      (barrier) => ({ memory: barrier.#line.buffer, timeoutMs: barrier.#timeoutMs }),
      ({ memory, timeoutMs }) => onMemory(memory, () => new Barrier(1, { timeoutMs })),
    );
  }

  /**
   * Creates a barrier that nobody waits at.
   *
   * @param parties How many it takes to go on.
   * @param options What to do then, and how long to wait.
   * @throws {TypeError} When `parties` is not a whole number, or an option is of the wrong kind.
   * @throws {RangeError} When `parties` is below 1 or above 32768, or `timeoutMs` below 0.
   */
  constructor(parties: number, options: BarrierOptions = {}) {
    const { action, timeoutMs } = options;
    if (!Number.isSafeInteger(parties)) {
      throw new TypeError(
        `Cannot create a barrier: "parties" must be a whole number, got ${String(parties)}`,
      );
    }
    if (parties < 1 || parties > MOST_PARTIES) {
      throw new RangeError(
        `Cannot create a barrier: "parties" must be from 1 to ${MOST_PARTIES}, got ${parties}`,
      );
    }
    checkAction(action);
    checkTimeout(timeoutMs);
    this.#line = new BarrierLine(parties);
    this.#action = action;
    this.#timeoutMs = timeoutMs;
  }

  /** How many it takes to go on. */
  get parties(): number {
    return this.#line.parties;
  }

  /** How many wait for the others. */
  get nWaiting(): number {
    return this.#line.countWaiting();
  }

  /** Whether everybody gets a `BrokenBarrierError`. */
  get broken(): boolean {
    return this.#line.isBroken;
  }

  /**
   * What this thread does when all have come, before the first one goes on.
   *
   * A function cannot cross to another thread, so each thread has its own, or none. When all have come, the last
   * party runs its action; when it has none, the last of the others that has one does, and when none of this round
   * has one, there is none. For `waitSync` it must not answer a promise.
   */
  get action(): (() => unknown) | undefined {
    return this.#action;
  }

  set action(action: (() => unknown) | undefined) {
    checkAction(action);
    this.#action = action;
  }

  /**
   * Waits until all parties have come.
   *
   * @param options How long to wait, and what stops the wait. The barrier's own `timeoutMs` holds when none is
   * given.
   * @returns The index of this party in its round: one of 0 to `parties - 1`, each once.
   * @throws {BrokenBarrierError} When the barrier is broken, becomes so meanwhile, or is reset. The party that
   * called an action that threw gets what it threw.
   */
  async wait(options: WaitOptions = {}): Promise<number> {
    const { signal, timeoutMs = this.#timeoutMs } = options;
    const limitMs = beginWait({ signal, timeoutMs });
    const answer = await waitInLine(this.#line, limitMs, { signal }, this.#dataFor(limitMs));
    const index = this.#indexOf(answer, limitMs);
    if ((answer & ACT) === 0) return index;
    const round = answer >> ROUND_SHIFT & INDEX_BITS;
    try {
      await this.#action?.();
    } catch (error) {
      this.#line.endAction(round, "failed");
      throw error;
    }
    this.#endAction(round);
    return index;
  }

  /**
   * Blocks the thread until all parties have come.
   *
   * @param options How long to wait. The barrier's own `timeoutMs` holds when none is given.
   * @returns The index of this party in its round: one of 0 to `parties - 1`, each once.
   * @throws {BrokenBarrierError} When the barrier is broken, becomes so meanwhile, or is reset. The party that
   * called an action that threw gets what it threw.
   * @throws {TypeError} When the action of this party answers a promise.
   */
  waitSync(options: SyncWaitOptions = {}): number {
    const limitMs = checkTimeout(options.timeoutMs ?? this.#timeoutMs);
    const answer = waitInLineSync(this.#line, limitMs, this.#dataFor(limitMs));
    const index = this.#indexOf(answer, limitMs);
    if ((answer & ACT) === 0) return index;
    const round = answer >> ROUND_SHIFT & INDEX_BITS;
    try {
      const value = this.#action?.();
      if (isThenable(value)) {
        throw new TypeError(
          "Cannot pass the barrier: its action answered a promise, and a blocked thread cannot wait for it",
        );
      }
    } catch (error) {
      this.#line.endAction(round, "failed");
      throw error;
    }
    this.#endAction(round);
    return index;
  }

  /**
   * Makes a barrier as it was in the beginning. Those who wait get a `BrokenBarrierError`; an action that
   * runs goes on, and what it does is ignored.
   */
  reset(): void {
    this.#line.stop(WAS_RESET);
  }

  /**
   * Breaks the barrier: those who wait, and those who come later, get a `BrokenBarrierError`. An action
   * that runs goes on, and what it does is ignored.
   */
  abort(): void {
    this.#line.stop(WAS_ABORTED);
  }

  /**
   * How many have come, of how many, and whether the barrier is broken.
   *
   * @returns The figures of this moment.
   */
  statistics(): BarrierStatistics {
    return { parties: this.parties, waiting: this.nWaiting, broken: this.broken };
  }

  /** How many wait, of how many, or that the barrier is broken, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * How many wait, of how many, or that the barrier is broken.
   *
   * @returns The text, as `Barrier { waiting: 1 of 3 }` or `Barrier { broken }`.
   */
  toString(): string {
    const waiting = `waiting: ${this.nWaiting} of ${this.parties}`;
    return describe(this, this.broken ? "broken" : waiting);
  }

  #dataFor(limitMs: number): number {
    return (this.#action === undefined ? 0 : HAS_ACTION) | (limitMs === 0 ? CANNOT_WAIT : 0);
  }

  #indexOf(answer: number, limitMs: number): number {
    if (answer >= 0) return answer & INDEX_BITS;
    const why = answer === TOO_LATE
      ? `after ${limitMs} ms there were only ${this.#line.late} of ${this.parties} parties`
      : REASONS[answer];
    throw new BrokenBarrierError(`Cannot pass the barrier: ${why}`);
  }

  #endAction(round: number): void {
    const answer = this.#line.endAction(round, "done");
    if (answer !== 0) throw new BrokenBarrierError(`Cannot pass the barrier: ${REASONS[answer]}`);
  }
}

function checkAction(action: unknown): void {
  if (action === undefined || typeof action === "function") return;
  throw new TypeError(
    `Cannot create a barrier: "action" must be a function, got ${typeof action}`,
  );
}

/**
 * A place where a fixed number of tasks wait for each other.
 *
 * @module
 */

import { beginWait } from "./_acquire.ts";
import { checkTimeout } from "./_check_timeout.ts";
import { describe } from "./_describe.ts";
import { Waiters } from "./_waiters.ts";
import { BrokenBarrierError } from "./errors.ts";
import type { WaitOptions } from "./wait_options.ts";

/** Options for {@linkcode Barrier}. */
export interface BarrierOptions {
  /**
   * Is called once a round, when all parties have come and before the first one goes on, by the one that
   * came last. When it answers a promise, the parties wait for it.
   *
   * @default {undefined}
   */
  action?: (() => unknown) | undefined;
  /**
   * The longest wait in milliseconds of a `wait` that says nothing else.
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

/** One passage through the barrier, from the moment when all have come. */
interface Round {
  /** Fails those who are still on their way. */
  break(error: BrokenBarrierError): void;
  /** Lets the parties go on, when there is an action. */
  passed(): void;
  /** Ends when the parties may go on. */
  readonly passage: Promise<void> | undefined;
  /** What the action threw. */
  thrown?: { readonly error: unknown };
}

/** How one party goes on. */
interface Turn {
  readonly index: number;
  readonly round: Round;
  /** Whether this party calls the action. */
  readonly isLast: boolean;
}

/**
 * A number of tasks wait here until all of them have come; then all go on, and the next round begins.
 *
 * - Each party of a round gets an index of its own, from 0, in the order in which they came.
 * - One that is not there in time breaks the barrier: when a `wait` has waited for `timeoutMs`, all who wait
 *   and all who come later get a {@linkcode BrokenBarrierError}, until `reset()`. The same holds after
 *   `abort()` and when the action throws.
 * - A `wait` that is cancelled leaves, as if it had not come, and the others wait for another one. (In
 *   threading nothing can be cancelled; asyncio has the same rule.)
 * - Once all have come, time limits and signals do not matter any more.
 * - Rounds do not mix: who comes while the action of a round runs belongs to the next one.
 *
 * It is Python's {@link https://docs.python.org/3/library/threading.html#barrier-objects | threading.Barrier},
 * with an action that may take its time.
 *
 * @example Two that start together
 * ```ts
 * import { Barrier } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const log: string[] = [];
 * const barrier = new Barrier(2, { action: () => log.push("start") });
 * async function run(name: string): Promise<void> {
 *   log.push(`${name} is there`);
 *   await barrier.wait();
 *   log.push(`${name} runs`);
 * }
 * await Promise.all([run("a"), run("b")]);
 * assertEquals(log.slice(0, 3), ["a is there", "b is there", "start"]);
 * assertEquals(log.slice(3).sort(), ["a runs", "b runs"]);
 * ```
 */
export class Barrier {
  readonly #parties: number;
  readonly #action: (() => unknown) | undefined;
  readonly #timeoutMs: number | undefined;
  readonly #line = new Waiters<Turn>();
  /** The round whose action runs. */
  #acting: Round | undefined;
  #isBroken = false;

  /**
   * Creates a barrier that nobody waits at.
   *
   * @param parties How many it takes to go on.
   * @param options What to do then, and how long to wait.
   * @throws {TypeError} When `parties` is not a whole number, or an option is of the wrong kind.
   * @throws {RangeError} When `parties` is below 1, or `timeoutMs` below 0.
   */
  constructor(parties: number, options: BarrierOptions = {}) {
    const { action, timeoutMs } = options;
    if (!Number.isSafeInteger(parties)) {
      throw new TypeError(
        `Cannot create a barrier: "parties" must be a whole number, got ${String(parties)}`,
      );
    }
    if (parties < 1) {
      throw new RangeError(`Cannot create a barrier: "parties" must be 1 or more, got ${parties}`);
    }
    if (action !== undefined && typeof action !== "function") {
      throw new TypeError(
        `Cannot create a barrier: "action" must be a function, got ${typeof action}`,
      );
    }
    checkTimeout(timeoutMs);
    this.#parties = parties;
    this.#action = action;
    this.#timeoutMs = timeoutMs;
  }

  /** How many it takes to go on. */
  get parties(): number {
    return this.#parties;
  }

  /** How many wait for the others. */
  get nWaiting(): number {
    return this.#line.size;
  }

  /** Whether everybody gets a {@linkcode BrokenBarrierError}. */
  get broken(): boolean {
    return this.#isBroken;
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
    if (this.#isBroken) throw brokenError("it is broken, reset it first");
    let turn: Turn;
    if (this.#line.size + 1 >= this.#parties && this.#acting === undefined) {
      turn = this.#startRound();
    } else if (limitMs === 0) {
      throw this.#breakByTime(`there are only ${this.#line.size + 1}`);
    } else {
      turn = await this.#line.wait(
        undefined,
        { signal, timeoutMs },
        () => this.#breakByTime(`after ${limitMs} ms there were only ${this.#line.size}`),
      );
    }
    const { index, round, isLast } = turn;
    if (round.passage === undefined) return index;
    // It is not awaited: an action that hangs must not hold its caller after a reset.
    if (isLast) void this.#act(round);
    try {
      await round.passage;
    } catch (error) {
      // As in Python, the one that called the action gets its error itself.
      throw isLast && round.thrown !== undefined ? round.thrown.error : error;
    }
    return index;
  }

  /**
   * Makes a barrier as it was in the beginning. Those who wait get a {@linkcode BrokenBarrierError}; an
   * action that runs goes on, but nobody waits for it, and what it throws is ignored.
   */
  reset(): void {
    this.#isBroken = false;
    this.#failAll("it was reset");
  }

  /**
   * Breaks the barrier: those who wait, and those who come later, get a {@linkcode BrokenBarrierError}. An
   * action that runs goes on, but nobody waits for it, and what it throws is ignored.
   */
  abort(): void {
    this.#isBroken = true;
    this.#failAll("it was aborted");
  }

  /**
   * How many have come, of how many, and whether the barrier is broken.
   *
   * @returns The figures of this moment.
   */
  statistics(): BarrierStatistics {
    return { parties: this.#parties, waiting: this.#line.size, broken: this.#isBroken };
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
    const waiting = `waiting: ${this.#line.size} of ${this.#parties}`;
    return describe(this, this.#isBroken ? "broken" : waiting);
  }

  /** Begins a round with those who wait and one who has just come. */
  #startRound(): Turn {
    const round = this.#newRound();
    const last = this.#parties - 1;
    this.#grant(round, last);
    return { index: last, round, isLast: true };
  }

  /** Begins the next round when enough have come while an action ran. */
  #startNextRound(): void {
    if (this.#line.size < this.#parties) return;
    const round = this.#newRound();
    this.#grant(round, this.#parties);
  }

  #grant(round: Round, count: number): void {
    for (let index = 0; index < count; index++) {
      this.#line.first()?.grant({ index, round, isLast: index === this.#parties - 1 });
    }
  }

  #newRound(): Round {
    if (this.#action === undefined) return ROUND_WITHOUT_ACTION;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    return this.#acting = { passage: promise, passed: resolve, break: reject };
  }

  async #act(round: Round): Promise<void> {
    try {
      // It may have been reset before the one that came last could begin.
      if (this.#acting !== round) return;
      await this.#action?.();
    } catch (error) {
      if (this.#acting !== round) return;
      this.#isBroken = true;
      round.thrown = { error };
      this.#failAll("its action failed", error);
    }
    if (this.#acting !== round) return;
    this.#acting = undefined;
    round.passed();
    this.#startNextRound();
  }

  #breakByTime(state: string): BrokenBarrierError {
    const why = `${state} of ${this.#parties} parties`;
    this.#isBroken = true;
    this.#line.failAll(() => brokenError(why));
    return brokenError(why);
  }

  #failAll(why: string, cause?: unknown): void {
    const makeError = () => brokenError(why, cause);
    this.#line.failAll(makeError);
    this.#acting?.break(makeError());
    this.#acting = undefined;
  }
}

const ROUND_WITHOUT_ACTION: Round = { passage: undefined, passed: () => {}, break: () => {} };

function brokenError(why: string, cause?: unknown): BrokenBarrierError {
  const options = cause === undefined ? undefined : { cause };
  return new BrokenBarrierError(`Cannot pass the barrier: ${why}`, options);
}

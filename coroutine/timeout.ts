/**
 * A limit on the time that a piece of work may take.
 *
 * @module
 */

import { LONGEST_TIMER_MS } from "./_check_timeout.ts";
import { currentScope } from "./_current_scope.ts";
import { runInScope } from "./_run_in_scope.ts";
import { isAbortError, Scope } from "./_scope.ts";
import { CancelledError, InvalidStateError, TimeoutError } from "./errors.ts";

/** What a {@linkcode Timeout} is doing. */
export type TimeoutState = "created" | "active" | "expiring" | "expired" | "finished";

/**
 * A limit on the time that a piece of work may take, which can be moved while the work runs
 * (Python's {@link https://docs.python.org/3/library/asyncio-task.html#asyncio.Timeout | asyncio.Timeout}, and
 * the word that gevent has for it). {@linkcode timeout} is the short form.
 *
 * - When the time is over the work is cancelled, as a task is: its waits fail with a `CancelledError`, and the
 *   signal that it received aborts. When it has ended because of that, `run` throws a {@linkcode TimeoutError}.
 * - It waits for the work to end: nothing goes on behind it. What cannot be cancelled, a promise of somebody
 *   else, is given the signal, or is waited for with `waitFor`.
 * - Work that catches the cancellation and returns has its result returned; work that throws something else
 *   has that thrown.
 * - Limits can be nested; each throws its own error. When the task is cancelled while the time is over, or a
 *   limit around this one is over too, that goes before.
 *
 * @example A limit that is moved
 * ```ts
 * import { sleep, Timeout } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const limit = new Timeout(60_000);
 * const answer = await limit.run(async () => {
 *   await sleep(1);
 *   limit.reschedule(null); // from here on it may take as long as it likes
 *   return "done";
 * });
 * assertEquals(answer, "done");
 * assertEquals(limit.expired(), false);
 * ```
 */
export class Timeout {
  #when: number | null;
  #state: TimeoutState = "created";
  #delayMs: number | null;
  #scope: Scope | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reason: CancelledError | undefined;

  /**
   * Creates a limit; it starts to count with {@linkcode run}.
   *
   * @param timeoutMs The longest time in milliseconds; `null` for no limit.
   * @throws {TypeError} When `timeoutMs` is neither a number nor `null`.
   * @throws {RangeError} When `timeoutMs` is negative or `NaN`.
   */
  constructor(timeoutMs: number | null) {
    this.#delayMs = checkDelay(timeoutMs);
    this.#when = null;
  }

  /**
   * A limit at a moment (Python's `asyncio.timeout_at`).
   *
   * @param when The moment on the clock of `performance.now()`, in milliseconds; it may have passed.
   * `null` for no limit.
   * @returns The limit.
   * @throws {TypeError} When `when` is neither a number nor `null`.
   * @throws {RangeError} When `when` is `NaN`.
   */
  static at(when: number | null): Timeout {
    const limit = new Timeout(null);
    checkNumber("when", when);
    if (Number.isNaN(when)) {
      throw new RangeError(`Cannot set a timeout: "when" must be a moment, got ${when}`);
    }
    limit.#when = when;
    return limit;
  }

  /**
   * Runs a piece of work under the limit, once.
   *
   * @param work The work. It receives a signal that aborts when the time is over, or the task is cancelled.
   * @returns What the work gives.
   * @throws {TimeoutError} When the time was over, and the work ended because of that. Its `cause` is the
   * `CancelledError` that the work saw.
   * @throws {InvalidStateError} When the limit was used before.
   * @throws {TypeError} When `work` is not a function.
   * @typeParam T What the work gives.
   */
  async run<T>(work: (signal: AbortSignal) => T | PromiseLike<T>): Promise<T> {
    if (this.#state !== "created") {
      throw new InvalidStateError(
        `Cannot run under a timeout: it was used before and is ${this.#state}; make a new one`,
      );
    }
    if (typeof work !== "function") {
      throw new TypeError(`Cannot run under a timeout: expected a function, got ${typeof work}`);
    }
    const outer = currentScope();
    const scope = this.#scope = new Scope(outer?.owner, outer);
    // Work that does not declare the signal is told by its next wait.
    const signal = work.length === 0 ? scope.watched : scope.signal;
    this.#state = "active";
    if (this.#delayMs !== null) this.#when = performance.now() + this.#delayMs;
    this.#arm();
    // Over before the work begins: nothing is being cleaned up, so its first wait fails in any case.
    if (this.#reason !== undefined) scope.owe(this.#reason);
    try {
      return await runInScope(scope, () => work(signal));
    } catch (error) {
      if (!this.#isOurs(error, signal)) throw error;
      // Who cancels the task goes before, and so does a limit around this one: they want more to end.
      outer?.check();
      if (scope.unheard !== undefined) throw scope.unheard.reason;
      throw new TimeoutError(`The time of ${this.#describe()} is over`, { cause: this.#reason });
    } finally {
      clearTimeout(this.#timer);
      scope.leave();
      this.#state = this.expired() ? "expired" : "finished";
    }
  }

  /**
   * When the time is over.
   *
   * @returns The moment on the clock of `performance.now()`, in milliseconds; `null` for never, and while the
   * limit has not started to count.
   */
  when(): number | null {
    return this.#when;
  }

  /**
   * Moves the limit.
   *
   * @param timeoutMs The longest time from now, in milliseconds; `null` for no limit.
   * @throws {InvalidStateError} When nothing runs under the limit, or the time is over already.
   * @throws {TypeError} When `timeoutMs` is neither a number nor `null`.
   * @throws {RangeError} When `timeoutMs` is negative or `NaN`.
   */
  reschedule(timeoutMs: number | null): void {
    const delayMs = checkDelay(timeoutMs);
    if (this.#state !== "active") {
      throw new InvalidStateError(
        `Cannot move a timeout: it is ${this.#state}; only an active one can be moved`,
      );
    }
    clearTimeout(this.#timer);
    this.#delayMs = delayMs;
    this.#when = delayMs === null ? null : performance.now() + delayMs;
    this.#arm();
  }

  /**
   * Whether the time was over before the work had ended.
   *
   * @returns `true` also when the work ended well nevertheless.
   */
  expired(): boolean {
    return this.#state === "expiring" || this.#state === "expired";
  }

  /** The state and the limit, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * The state and the limit.
   *
   * @returns The text.
   */
  toString(): string {
    return `Timeout { ${this.#state}, ${this.#describe()} }`;
  }

  #arm(): void {
    if (this.#when === null || this.#when === Infinity) return;
    const leftMs = this.#when - performance.now();
    // A limit that is over before the work begins must also end work that never yields to a timer.
    if (leftMs <= 0) return this.#expire();
    this.#timer = setTimeout(() => this.#arm(), Math.min(Math.ceil(leftMs), LONGEST_TIMER_MS));
  }

  #expire(): void {
    this.#state = "expiring";
    this.#reason = new CancelledError(`The time of ${this.#describe()} is over`);
    this.#scope?.cancel(this.#reason);
  }

  /** Whether the work ended because the time was over, and not because somebody else cancelled it. */
  #isOurs(error: unknown, signal: AbortSignal): boolean {
    if (this.#reason === undefined) return false;
    if (error === this.#reason) return true;
    // What takes signals and does not pass their reasons on.
    return signal.reason === this.#reason && isAbortError(error);
  }

  #describe(): string {
    if (this.#delayMs !== null) return `${this.#delayMs} ms`;
    return this.#when === null ? "no limit" : `the moment ${this.#when} ms`;
  }
}

/**
 * Runs a piece of work that may take so long and no longer
 * (Python's {@link https://docs.python.org/3/library/asyncio-task.html#asyncio.timeout | asyncio.timeout}).
 * See {@linkcode Timeout} for what happens when the time is over.
 *
 * @param timeoutMs The longest time in milliseconds; `null` for no limit.
 * @param work The work. It receives a signal that aborts when the time is over.
 * @returns What the work gives.
 * @throws {TimeoutError} When the time was over, and the work ended because of that.
 *
 * @example Giving up
 * ```ts
 * import { sleep, timeout, TimeoutError } from "@manyhands/concurrency/coroutine";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => timeout(1, () => sleep(60_000)), TimeoutError);
 * ```
 *
 * @typeParam T What the work gives.
 */
export async function timeout<T>(
  timeoutMs: number | null,
  work: (signal: AbortSignal) => T | PromiseLike<T>,
): Promise<T> {
  return await new Timeout(timeoutMs).run(work);
}

function checkDelay(timeoutMs: number | null): number | null {
  checkNumber("timeoutMs", timeoutMs);
  if (timeoutMs !== null && (Number.isNaN(timeoutMs) || timeoutMs < 0)) {
    throw new RangeError(`Cannot set a timeout: "timeoutMs" must be 0 or more, got ${timeoutMs}`);
  }
  return timeoutMs;
}

function checkNumber(name: string, value: number | null): void {
  if (value === null || typeof value === "number") return;
  throw new TypeError(
    `Cannot set a timeout: "${name}" must be a number or null, got ${typeof value}`,
  );
}

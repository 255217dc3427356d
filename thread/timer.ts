/**
 * A function that is called later.
 *
 * @module
 */

import { checkTimeout, LONGEST_TIMER_MS } from "../coroutine/_check_timeout.ts";
import { InvalidStateError } from "../coroutine/errors.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";

/**
 * Options for {@linkcode Timer}.
 *
 * @typeParam A The arguments of the function.
 */
export interface TimerOptions<A extends unknown[]> {
  /**
   * What the function is called with.
   *
   * @default {[]}
   */
  args?: A | undefined;
}

/**
 * Calls a function once, after a time, unless it is cancelled before.
 *
 * - The function runs on the event loop of the thread that made the timer, not in a thread of its own: it shares
 *   everything with its maker, and a blocked thread keeps it waiting.
 * - It counts from `start`, and can be started once. More than 24 days (2 ** 31 - 1 ms) are for ever.
 * - It keeps the program alive until then.
 * - What the function throws (or its promise rejects with) is what `join` throws; when nobody has joined, it is
 *   an uncaught error.
 *
 * It is Python's {@link https://docs.python.org/3/library/threading.html#timer-objects | threading.Timer}, without
 * the thread.
 *
 * @example Greeting later
 * ```ts
 * import { Timer } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const said: string[] = [];
 * const timer = new Timer(1, (name: string) => said.push(`hello, ${name}`), { args: ["world"] });
 * timer.start();
 * await timer.join();
 * assertEquals(said, ["hello, world"]);
 * ```
 *
 * @typeParam A The arguments of the function.
 */
export class Timer<A extends unknown[] = []> implements Disposable {
  readonly #delayMs: number;
  readonly #call: () => unknown;
  readonly #ended = Promise.withResolvers<true>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #state: "new" | "started" | "ended" = "new";

  /**
   * Creates a timer that is not started.
   *
   * @param delayMs How many milliseconds after the start the function is called.
   * @param target The function.
   * @param options What it is called with.
   * @throws {TypeError} When `delayMs` is no number, or `target` no function.
   * @throws {RangeError} When `delayMs` is below 0.
   */
  constructor(delayMs: number, target: (...args: A) => unknown, options: TimerOptions<A> = {}) {
    if (typeof target !== "function") {
      throw new TypeError(
        `Cannot create a timer: "target" must be a function, got ${typeof target}`,
      );
    }
    if (typeof delayMs !== "number") {
      throw new TypeError(
        `Cannot create a timer: "delayMs" must be a number, got ${typeof delayMs}`,
      );
    }
    if (!(delayMs >= 0)) {
      throw new RangeError(`Cannot create a timer: "delayMs" must be 0 or more, got ${delayMs}`);
    }
    // A copy: what the caller does to its own array later is not meant.
    const args = [...options.args ?? []] as unknown as A;
    this.#delayMs = delayMs;
    this.#call = () => target(...args);
  }

  /**
   * Starts the timer.
   *
   * @throws {InvalidStateError} When it was started or cancelled before.
   */
  start(): void {
    if (this.#state !== "new") {
      throw new InvalidStateError(`Cannot start the timer: it was ${this.#history()} before`);
    }
    this.#state = "started";
    const delayMs = checkTimeout(this.#delayMs, "delayMs");
    // Longer than the platform can count: it never comes, but keeps the program alive.
    if (delayMs === Infinity) this.#timer = setInterval(() => {}, LONGEST_TIMER_MS);
    else this.#timer = setTimeout(() => void this.#run(), delayMs);
  }

  #history(): string {
    return this.#state === "started" ? "started" : "started or cancelled";
  }

  /** Keeps the function from being called, when it has not been. */
  cancel(): void {
    if (this.#state === "ended") return;
    // What runs already cannot be stopped.
    if (this.#state === "started" && this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#state = "ended";
    this.#ended.resolve(true);
  }

  /**
   * Whether the timer was started, and its function has neither ended nor been cancelled.
   *
   * @returns `true` while it waits or runs.
   */
  isAlive(): boolean {
    return this.#state === "started";
  }

  /**
   * Waits until the function has ended, or the timer was cancelled.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when it was alive for `timeoutMs`.
   * @throws {InvalidStateError} When the timer was not started.
   */
  async join(options: WaitOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    if (this.#state === "new") {
      throw new InvalidStateError("Cannot join the timer: it was not started");
    }
    return await waitWithin(this.#ended.promise, options, () => false);
  }

  /** The same as `cancel`. */
  [Symbol.dispose](): void {
    this.cancel();
  }

  async #run(): Promise<void> {
    this.#timer = undefined;
    try {
      await this.#call();
      this.#state = "ended";
      this.#ended.resolve(true);
    } catch (error) {
      this.#state = "ended";
      this.#ended.reject(error);
    }
  }
}

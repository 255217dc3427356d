/**
 * A flag between threads that can be waited for.
 *
 * @module
 */

import { beginWait, NO, YES as YES_LATER } from "../coroutine/_acquire.ts";
import { describe, describeWaiting } from "../coroutine/_describe.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { onMemory, registerShared } from "./_shared.ts";
import { isYes, MUST_WAIT, SharedLine, YES } from "./_shared_line.ts";
import { waitInLine, waitInLineSync } from "./_wait_in_line.ts";
import type { SyncWaitOptions } from "./sync_wait_options.ts";

const FLAG = 0;

/** What {@linkcode Event.statistics} tells. */
export interface EventStatistics {
  /** Whether the flag is set. */
  isSet: boolean;
  /** Calls that wait for it, in all threads. */
  waiting: number;
}

class EventLine extends SharedLine {
  get isSet(): boolean {
    return Atomics.load(this.head, FLAG) !== 0;
  }

  enter(): number {
    return this.isSet ? YES : MUST_WAIT;
  }

  set(): void {
    this.lock();
    try {
      Atomics.store(this.head, FLAG, 1);
      this.grantAll(YES);
    } finally {
      this.unlock();
    }
  }

  override mend(): void {
    if (this.isSet) this.grantAll(YES);
  }
}

/**
 * A flag that threads and tasks wait for.
 *
 * - It is passed to a thread as an argument, and is the same flag there.
 * - `set` wakes all who wait, also when `clear` follows at once.
 * - `waitSync` blocks the thread, its event loop included; `wait` lets it go on.
 *
 * It is Python's {@link https://docs.python.org/3/library/threading.html#event-objects | threading.Event}.
 *
 * @example One sets it, another one waits
 * ```ts
 * import { Event } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const ready = new Event();
 * const waiting = ready.wait();
 * ready.set(); // perhaps in another thread
 * assertEquals(await waiting, true);
 * assertEquals(ready.waitSync({ timeoutMs: 0 }), true);
 * ```
 */
export class Event {
  readonly #line = new EventLine();

  static {
    registerShared(
      Event,
      "thread.Event",
      (event) => ({ memory: event.#line.buffer }),
      ({ memory }) => onMemory(memory, () => new Event()),
    );
  }

  /**
   * Whether the flag is set.
   *
   * @returns `true` after `set`, `false` after `clear` and in the beginning.
   */
  isSet(): boolean {
    return this.#line.isSet;
  }

  /** Sets the flag and wakes all who wait for it. */
  set(): void {
    this.#line.set();
  }

  /** Takes the flag back: who waits from now on waits for the next `set`. */
  clear(): void {
    Atomics.store(this.#line.head, FLAG, 0);
  }

  /**
   * Waits until the flag is set.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when it was not set for `timeoutMs`.
   */
  wait(options: WaitOptions = {}): Promise<boolean> {
    let timeoutMs: number;
    try {
      timeoutMs = beginWait(options);
      if (this.#line.isSet) return YES_LATER;
      if (timeoutMs === 0) return NO;
    } catch (error) {
      return Promise.reject(error);
    }
    return waitInLine(this.#line, timeoutMs, options).then(isYes);
  }

  /**
   * Blocks the thread until the flag is set.
   *
   * @param options How long to wait.
   * @returns `true`, or `false` when it was not set for `timeoutMs`.
   */
  waitSync(options?: SyncWaitOptions): boolean {
    const timeoutMs = options === undefined ? Infinity : beginWait(options);
    if (this.#line.isSet) return true;
    return timeoutMs !== 0 && waitInLineSync(this.#line, timeoutMs) === YES;
  }

  /**
   * Whether the flag is set, and how many wait.
   *
   * @returns The figures of this moment.
   */
  statistics(): EventStatistics {
    return { isSet: this.#line.isSet, waiting: this.#line.countWaiting() };
  }

  /** Whether the flag is set, and how many wait, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * Whether the flag is set, and how many wait.
   *
   * @returns The text, as `Event { unset, waiting: 2 }`.
   */
  toString(): string {
    return describe(
      this,
      this.isSet() ? "set" : "unset",
      describeWaiting(this.#line.countWaiting()),
    );
  }
}

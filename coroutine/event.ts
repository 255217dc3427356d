/**
 * A flag that tasks can wait for.
 *
 * @module
 */

import { beginWait, NO, waitInLine, YES } from "./_acquire.ts";
import { describe, describeWaiting } from "./_describe.ts";
import { Waiters } from "./_waiters.ts";
import type { WaitOptions } from "./wait_options.ts";

/** What {@linkcode Event.statistics} tells. */
export interface EventStatistics {
  /** Whether the flag is set. */
  isSet: boolean;
  /** Calls of `wait` that wait for it. */
  waiting: number;
}

/**
 * A flag that one task sets and others wait for.
 *
 * - `set` wakes all who wait; who waits later goes on at once, until `clear`.
 * - Those who were woken are woken: a `clear` right after `set` does not put them back.
 * - `set` and `clear` may be repeated.
 *
 * It is Python's {@link https://docs.python.org/3/library/asyncio-sync.html#asyncio.Event | asyncio.Event},
 * with the time limit of {@link https://docs.python.org/3/library/threading.html#event-objects | threading.Event}.
 *
 * @example Waiting until something is ready
 * ```ts
 * import { Event } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const ready = new Event();
 * assertEquals(await ready.wait({ timeoutMs: 0 }), false);
 * const waiting = ready.wait();
 * ready.set();
 * assertEquals(await waiting, true);
 * ```
 */
export class Event {
  readonly #line = new Waiters<boolean>();
  #isSet = false;

  /**
   * Whether the flag is set.
   *
   * @returns `true` after `set`, `false` after `clear` and in the beginning.
   */
  isSet(): boolean {
    return this.#isSet;
  }

  /** Sets the flag and wakes all who wait for it. */
  set(): void {
    this.#isSet = true;
    this.#line.grantAll(true);
  }

  /** Takes the flag back: who waits from now on waits for the next `set`. */
  clear(): void {
    this.#isSet = false;
  }

  /**
   * Waits until the flag is set.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when it was not set for `timeoutMs`.
   */
  wait(options: WaitOptions = {}): Promise<boolean> {
    try {
      const timeoutMs = beginWait(options);
      if (this.#isSet) return YES;
      if (timeoutMs === 0) return NO;
    } catch (error) {
      return Promise.reject(error);
    }
    return waitInLine(this.#line, undefined, options);
  }

  /**
   * Whether the flag is set, and how many wait.
   *
   * @returns The figures of this moment.
   */
  statistics(): EventStatistics {
    return { isSet: this.#isSet, waiting: this.#line.size };
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
    return describe(this, this.#isSet ? "set" : "unset", describeWaiting(this.#line.size));
  }
}

/**
 * A flag that processes can wait for.
 *
 * @module
 */

import { describeWaiting } from "../coroutine/_describe.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { EventHome } from "./_event_home.ts";
import { Handle, ownObject, readReference, waitArguments } from "./_home.ts";
import { setHomeFinder } from "./_own_homes.ts";
import { setPortable } from "./_portable.ts";

/** What {@linkcode Event.statistics} tells. */
export interface EventStatistics {
  /** Whether the flag is set. */
  isSet: boolean;
  /** Calls of `wait` that wait for it, in all processes. */
  waiting: number;
}

/**
 * A flag that one process sets and others wait for.
 *
 * - It is passed to a process as an argument or through a queue, also to grandchildren, and is the same flag
 *   there. It lives in the process that created it; the others reach it over loopback TCP. Where it comes back
 *   to that process, it is the very object.
 * - `set` wakes all who wait; who waits later goes on at once, until `clear`.
 * - Those who were woken are woken: a `clear` right after `set` does not put them back.
 * - A process that ends while it waits leaves no trace. When the process in which the flag lives ends, every
 *   call rejects with a {@linkcode ConnectionLostError}.
 *
 * Needs `--allow-net=127.0.0.1` where it is created, once it is passed on. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Event | multiprocessing.Event}.
 *
 * @example Waiting until something is ready
 * ```ts
 * import { Event } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using ready = new Event();
 * assertEquals(await ready.wait({ timeoutMs: 0 }), false);
 * const waiting = ready.wait(); // perhaps in a child that got it as an argument
 * await ready.set();
 * assertEquals(await waiting, true);
 * ```
 */
export class Event implements AsyncDisposable {
  static {
    setPortable(Event, "ipc.Event", (event) => event.#handle.lend(event), (data) => {
      const reference = readReference(data, "an event");
      const own = ownObject(reference, Event);
      if (own !== undefined) return own;
      const event = new Event();
      event.#handle = new Handle<EventHome>("the event", reference);
      return event;
    });
    setHomeFinder(Event, (event) => event.#handle.home);
  }

  #handle: Handle<EventHome>;

  /** Creates a flag that lives in this process, and that is not set. */
  constructor() {
    this.#handle = new Handle("the event", new EventHome());
  }

  /**
   * Whether the flag is set.
   *
   * @returns `true` after `set`, `false` after `clear` and in the beginning.
   * @throws {ConnectionClosedError} When the event was closed here.
   */
  async isSet(): Promise<boolean> {
    return await this.#handle.call("isSet");
  }

  /**
   * Sets the flag and wakes all who wait for it.
   *
   * @returns When it is set.
   * @throws {ConnectionClosedError} When the event was closed here or by its owner.
   */
  async set(): Promise<void> {
    await this.#handle.callToEnd("set");
  }

  /**
   * Takes the flag back: who waits from now on waits for the next `set`.
   *
   * @returns When it is taken back.
   * @throws {ConnectionClosedError} When the event was closed here or by its owner.
   */
  async clear(): Promise<void> {
    await this.#handle.callToEnd("clear");
  }

  /**
   * Waits until the flag is set.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when it was not set for `timeoutMs`.
   * @throws {ConnectionClosedError} When the event was closed here or by its owner.
   * @throws {ConnectionLostError} When the process in which the event lives is gone.
   */
  async wait(options: WaitOptions = {}): Promise<boolean> {
    return await this.#handle.call("wait", ...waitArguments(options));
  }

  /**
   * Whether the flag is set, and how many wait.
   *
   * @returns The figures of the moment in which the event was asked.
   * @throws {ConnectionClosedError} When the event was closed here.
   */
  async statistics(): Promise<EventStatistics> {
    return await this.#handle.call("statistics");
  }

  /**
   * Gives this process's share up. In the process that created the event it ends the event for
   * everybody: who waits gets a {@linkcode ConnectionClosedError}. A second call does no harm.
   *
   * @returns When everything that the event owned is released.
   */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Closes the event, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whether the flag is set, and how many wait, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * Whether the flag is set, and how many wait; elsewhere than in its own process that is not known.
   *
   * @returns The text, as `Event { unset, waiting: 2 }` or `Event { in another process }`.
   */
  toString(): string {
    return this.#handle.describe(this, ({ event }) => {
      const { isSet, waiting } = event.statistics();
      return [isSet ? "set" : "unset", describeWaiting(waiting)];
    });
  }
}

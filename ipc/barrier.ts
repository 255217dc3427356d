/**
 * A place where a fixed number of processes wait for each other.
 *
 * @module
 */

import { beginWait } from "../coroutine/_acquire.ts";
import type { BarrierOptions, BarrierStatistics } from "../coroutine/barrier.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { BarrierHome, LEFT } from "./_barrier_home.ts";
import { Handle, ownObject, readReference } from "./_home.ts";
import { callPatiently } from "./_patient_call.ts";
import { setHomeFinder } from "./_own_homes.ts";
import { setPortable } from "./_portable.ts";
import { ConnectionClosedError } from "./errors.ts";

/**
 * A number of processes wait here until all of them have come; then all go on, and the next round begins.
 *
 * - It is passed to a process as an argument or through a queue, also to grandchildren, and is the same barrier
 *   there. It lives in the process that created it; the others reach it over loopback TCP. Where it comes back
 *   to that process, it is the very object.
 * - Each party of a round gets an index of its own, from 0, in the order in which they came.
 * - One that is not there in time breaks the barrier: when a `wait` has waited for `timeoutMs`, all who wait
 *   and all who come later get a {@linkcode BrokenBarrierError}, until `reset()`. The same holds after
 *   `abort()`, when the action throws, and when a process ends while it waits.
 * - A `wait` that is cancelled leaves, as if it had not come, and the others wait for another one. So does that
 *   of a process that closes its handle.
 * - Once all have come, time limits and signals do not matter any more.
 * - The action runs in the process in which the barrier lives, whoever came last; the one who did gets what it
 *   throws.
 * - When that process ends, every call rejects with a {@linkcode ConnectionLostError}.
 *
 * Needs `--allow-net=127.0.0.1` where it is created, once it is passed on. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Barrier | multiprocessing.Barrier}, of
 * which no process learns that another one has died.
 *
 * @example Two that start together
 * ```ts
 * import { Barrier } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using barrier = new Barrier(2);
 * // One of them perhaps in a child that got the barrier as an argument.
 * const indexes = await Promise.all([barrier.wait(), barrier.wait()]);
 * assertEquals(indexes.toSorted(), [0, 1]);
 * ```
 */
export class Barrier implements AsyncDisposable {
  static {
    setPortable(
      Barrier,
      "ipc.Barrier",
      (barrier) => ({ ...barrier.#handle.lend(barrier), parties: barrier.parties }),
      (data) => {
        const reference = readReference(data, "a barrier");
        const own = ownObject(reference, Barrier);
        if (own !== undefined) return own;
        const barrier = new Barrier((data as { parties: number }).parties);
        barrier.#handle = new Handle<BarrierHome>("the barrier", reference);
        return barrier;
      },
    );
    setHomeFinder(Barrier, (barrier) => barrier.#handle.home);
  }

  readonly #parties: number;
  #handle: Handle<BarrierHome>;

  /**
   * Creates a barrier that lives in this process, and that nobody waits at.
   *
   * @param parties How many it takes to go on.
   * @param options What to do then, and how long to wait.
   * @throws {TypeError} When `parties` is not a whole number, or an option is of the wrong kind.
   * @throws {RangeError} When `parties` is below 1, or `timeoutMs` below 0.
   */
  constructor(parties: number, options: BarrierOptions = {}) {
    this.#handle = new Handle("the barrier", new BarrierHome(parties, options));
    this.#parties = parties;
  }

  /** How many it takes to go on. */
  get parties(): number {
    return this.#parties;
  }

  /**
   * How many wait for the others.
   *
   * @returns The number at the moment in which the barrier was asked.
   * @throws {ConnectionClosedError} When the barrier was closed here.
   */
  async nWaiting(): Promise<number> {
    return (await this.statistics()).waiting;
  }

  /**
   * Whether everybody gets a {@linkcode BrokenBarrierError}.
   *
   * @returns `true` from when it breaks until `reset`.
   * @throws {ConnectionClosedError} When the barrier was closed here.
   */
  async broken(): Promise<boolean> {
    return (await this.statistics()).broken;
  }

  /**
   * Waits until all parties have come.
   *
   * @param options How long to wait, and what stops the wait. The barrier's own `timeoutMs` holds when none is
   * given.
   * @returns The index of this party in its round: one of 0 to `parties - 1`, each once.
   * @throws {BrokenBarrierError} When the barrier is broken, becomes so meanwhile, or is reset.
   * @throws {ConnectionClosedError} When the barrier was closed here or by its owner.
   * @throws {ConnectionLostError} When the process in which the barrier lives is gone.
   */
  async wait(options: WaitOptions = {}): Promise<number> {
    const { signal, timeoutMs } = options;
    const limitMs = beginWait(options);
    // What crosses has no name for a time without end.
    const wait = timeoutMs === undefined
      ? {}
      : { timeoutMs: limitMs === Infinity ? null : limitMs };
    if (this.#handle.home !== undefined) {
      return await this.#handle.call("wait", 0, { ...wait, signal });
    }
    const ended = await callPatiently<number>(this.#handle, "wait", [], wait, signal);
    if (ended.answer !== LEFT) return ended.answer;
    if (ended.cancelled !== undefined) throw ended.cancelled.reason;
    throw new ConnectionClosedError("Cannot pass the barrier: it was closed here meanwhile");
  }

  /**
   * Makes a barrier as it was in the beginning. Those who wait get a {@linkcode BrokenBarrierError}.
   *
   * @returns When it is reset.
   * @throws {ConnectionClosedError} When the barrier was closed here or by its owner.
   */
  async reset(): Promise<void> {
    await this.#handle.callToEnd("reset");
  }

  /**
   * Breaks the barrier: those who wait, and those who come later, get a {@linkcode BrokenBarrierError}.
   *
   * @returns When it is broken.
   * @throws {ConnectionClosedError} When the barrier was closed here or by its owner.
   */
  async abort(): Promise<void> {
    await this.#handle.callToEnd("abort");
  }

  /**
   * How many have come, of how many, and whether the barrier is broken.
   *
   * @returns The figures of the moment in which the barrier was asked.
   * @throws {ConnectionClosedError} When the barrier was closed here.
   */
  async statistics(): Promise<BarrierStatistics> {
    return await this.#handle.call("statistics");
  }

  /**
   * Gives this process's share up. In the process that created the barrier it ends the barrier for everybody: who
   * waits gets a {@linkcode ConnectionClosedError}. A second call does no harm.
   *
   * @returns When everything that the barrier owned is released.
   */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Closes the barrier, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** How many wait, of how many, or that the barrier is broken, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * How many wait, of how many, or that the barrier is broken; elsewhere than in its own process that is not known.
   *
   * @returns The text, as `Barrier { waiting: 1 of 3 }`, `Barrier { broken }` or `Barrier { in another process }`.
   */
  toString(): string {
    return this.#handle.describe(this, ({ barrier }) => {
      const { waiting, broken } = barrier.statistics();
      return [broken ? "broken" : `waiting: ${waiting} of ${this.#parties}`];
    });
  }
}

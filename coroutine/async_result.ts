/**
 * What a call of a pool will give.
 *
 * @module
 */

import type { WaitOptions } from "./wait_options.ts";

/**
 * What a call of a pool will give
 * (Python's {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.pool.AsyncResult | AsyncResult}).
 *
 * - It can be awaited as a promise can. A task that awaits it and is cancelled cancels the call, as it
 *   does with a task that it awaits; {@linkcode get} and {@linkcode wait} only stop waiting.
 * - It always settles: with the result, with the error of the function, with that of a runner that died, or
 *   with a `CancelledError` when it was cancelled or its pool was terminated.
 * - A failure that nobody asks for is reported by the runtime as an unhandled rejection, as that of any
 *   promise, unless there is an `errorCallback`. A cancellation is not reported.
 * - A function of a pool may wait for a result of the same pool: another function runs in its place
 *   meanwhile. That holds for functions on this event loop that wait themselves, not through a task that
 *   they have spawned.
 *
 * @example A result that is fetched later
 * ```ts
 * import { Pool } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * await using pool = new Pool(2);
 * const result = pool.applyAsync((a: number, b: number) => a + b, [20, 22]);
 * assertEquals(result.ready(), false);
 * assertEquals(await result.get({ timeoutMs: 1000 }), 42);
 * assertEquals(result.successful(), true);
 * assertEquals(await result, 42); // as often as one likes
 * ```
 *
 * @typeParam T The result.
 */
export interface AsyncResult<T> extends PromiseLike<T> {
  /**
   * Whether the call has ended, in whatever way.
   *
   * @returns `true` when there is a result or an error.
   */
  ready(): boolean;
  /**
   * Whether the call has ended with a result.
   *
   * @returns `false` when it ended with an error.
   * @throws {InvalidStateError} When it has not ended.
   */
  successful(): boolean;
  /**
   * Whether the call has ended because it was cancelled.
   *
   * @returns `true` when it was.
   */
  cancelled(): boolean;
  /**
   * Stops the call: what has not started never starts, and what runs is cancelled. The result rejects with a
   * `CancelledError` when what ran has ended, or when it has not within the grace time of the pool. A
   * function that catches the cancellation and returns has succeeded.
   *
   * @param reason Why; it becomes the `cause` of the `CancelledError`.
   * @returns `false` when the call had ended already.
   */
  cancel(reason?: unknown): boolean;
  /**
   * Waits for the result. The call goes on when the wait is stopped.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns The result, or a rejection with the error of the call.
   * @throws {TimeoutError} When there was none after `timeoutMs`.
   */
  get(options?: WaitOptions): Promise<T>;
  /**
   * Waits until the call has ended; its error is not thrown.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true` when it has ended, `false` when it had not after `timeoutMs`.
   */
  wait(options?: WaitOptions): Promise<boolean>;
}

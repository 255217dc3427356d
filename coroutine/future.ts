/**
 * What a call of an executor will give.
 *
 * @module
 */

import type { WaitOptions } from "./wait_options.ts";

/**
 * What a call of an executor will give
 * (Python's {@link https://docs.python.org/3/library/concurrent.futures.html#concurrent.futures.Future | concurrent.futures.Future}).
 *
 * It is an {@linkcode AsyncResult} under Python's other names, with one difference: {@linkcode cancel} does not
 * touch a call that runs. It can be awaited as a promise can. A failure that nobody asks for is reported by
 * the runtime, as that of any promise.
 *
 * @example A call that is asked from time to time
 * ```ts
 * import type { Future } from "@manyhands/concurrency/coroutine";
 *
 * async function ask<T>(future: Future<T>): Promise<T | "later"> {
 *   if (!future.done()) return "later";
 *   return await future.result();
 * }
 * ```
 *
 * @typeParam T The result.
 */
export interface Future<T> extends PromiseLike<T> {
  /**
   * Whether the call has ended, in whatever way.
   *
   * @returns `true` when there is a result, an error, or it was cancelled.
   */
  done(): boolean;
  /**
   * Whether the call goes on now.
   *
   * @returns `false` before its start and after its end.
   */
  running(): boolean;
  /**
   * Whether the call was cancelled.
   *
   * @returns `true` when it was.
   */
  cancelled(): boolean;
  /**
   * Cancels the call, if it has not started.
   *
   * @returns Whether it is cancelled: `false` when it runs or has ended.
   */
  cancel(): boolean;
  /**
   * Waits for the result.
   *
   * @param options How long to wait, and what stops the wait. The call goes on either way.
   * @returns The result, or a rejection with the error of the call.
   * @throws {TimeoutError} When there was none after `timeoutMs`.
   * @throws {CancelledError} When the call was cancelled.
   */
  result(options?: WaitOptions): Promise<T>;
  /**
   * Waits until the call has ended, and tells its error.
   *
   * @param options How long to wait, and what stops the wait. The call goes on either way.
   * @returns What the function threw; `undefined` when there is a result.
   * @throws {TimeoutError} When it had not ended after `timeoutMs`.
   * @throws {CancelledError} When the call was cancelled.
   */
  exception(options?: WaitOptions): Promise<unknown>;
  /**
   * Calls a function, in a microtask of its own, when the call has ended, or now if it has. What it throws
   * is reported as an uncaught error, and changes nothing.
   *
   * @param callback Receives the future.
   */
  addDoneCallback(callback: (future: Future<T>) => void): void;
}

/**
 * The results of a pool's `imap`, one by one.
 *
 * @module
 */

import type { WaitOptions } from "./wait_options.ts";

/**
 * The results of `imap` and `imapUnordered`, one by one.
 *
 * - `for await` takes them until there are no more, and ends at the first error. However the loop ends, what
 *   has not started never starts, what runs is cancelled, and the input is closed.
 * - {@linkcode next} takes one; it may wait for a limited time, as Python's `next(timeout)`. After an item
 *   that failed it goes on with the one after it. Who uses it and stops early calls {@linkcode return}, or
 *   writes `await using`.
 * - Nothing is taken from the input beyond `lookAhead` while nobody takes results.
 *
 * @example The first result that is good enough
 * ```ts
 * import { Pool } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * function* numbers(): Generator<number> {
 *   for (let n = 1;; n++) yield n; // without an end: it is read as far as it is needed
 * }
 * await using pool = new Pool(2);
 * let found = 0;
 * for await (const square of pool.imap((n: number) => n * n, numbers())) {
 *   found = square;
 *   if (square > 50) break;
 * }
 * assertEquals(found, 64);
 * ```
 *
 * @typeParam T The result of one item.
 */
export interface ResultIterator<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  /**
   * Waits for the next result.
   *
   * @param options How long to wait, and what stops the wait. A wait that was stopped has taken nothing.
   * @returns The result, or that there is none left; a rejection with the error of the item, of the input,
   * or of the whole call.
   * @throws {TimeoutError} When there was none after `timeoutMs`.
   */
  next(options?: WaitOptions): Promise<IteratorResult<T, undefined>>;
  /**
   * Ends it early: what has not started never starts, what runs is cancelled, the input is closed.
   *
   * @returns When nothing of it runs any more.
   */
  return(): Promise<IteratorReturnResult<undefined>>;
  /** What `for await` uses. */
  [Symbol.asyncIterator](): ResultIterator<T>;
  /** Ends it early, as {@linkcode return} does. */
  [Symbol.asyncDispose](): Promise<void>;
}

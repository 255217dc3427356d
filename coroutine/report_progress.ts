/**
 * Telling the caller how far a task is.
 *
 * @module
 */

import { currentFrame } from "./_frame.ts";

/**
 * Tells whoever called the running function through a pool how far it is. The value arrives at `onProgress`
 * of that call, in order, and before the result. When nobody listens, nothing happens.
 *
 * @param value What to tell. It has to be such as can be sent when the function runs in another thread or
 * process.
 *
 * @example A function that tells how far it is
 * ```ts
 * import { Pool, reportProgress } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * async function count(to: number): Promise<number> {
 *   for (let n = 1; n <= to; n++) {
 *     await 0;
 *     reportProgress(`${n} of ${to}`);
 *   }
 *   return to;
 * }
 * await using pool = new Pool(1);
 * const seen: unknown[] = [];
 * await pool.apply(count, [2], { onProgress: (value) => seen.push(value) });
 * assertEquals(seen, ["1 of 2", "2 of 2"]);
 * ```
 */
export function reportProgress(value: unknown): void {
  currentFrame()?.report?.(value);
}

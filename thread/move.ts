/**
 * How values are moved to another thread instead of copied.
 *
 * @module
 */

import { markMoved } from "./_moved.ts";

/**
 * Has a value moved when it next goes to a thread of a pool, or comes back from one, instead of being
 * copied: nothing is left of it here then.
 *
 * - What is moved is the memory of typed arrays and `ArrayBuffer`s, `MessagePort`s and streams: the value
 *   itself, or what arrays, maps, sets and plain objects hold of it. The rest of the value is copied.
 * - It holds for the next time that the value crosses, alone or as a part of something else.
 * - A task that is started again because its thread died has lost what was moved, and fails.
 *
 * @example An array that goes to a thread and comes back, and is never copied
 * ```ts
 * import { move, ThreadPool } from "@manyhands/concurrency/thread";
 *
 * export function double(numbers: Float64Array): Float64Array {
 *   for (let n = 0; n < numbers.length; n++) numbers[n]! *= 2;
 *   return move(numbers);
 * }
 *
 * if (import.meta.main) {
 *   await using pool = new ThreadPool(1, { module: import.meta.url });
 *   const doubled = await pool.apply(double, [move(new Float64Array([1, 2, 3]))]);
 *   console.log(doubled); // Float64Array(3) [ 2, 4, 6 ]
 * }
 * ```
 *
 * @param value What is to be moved.
 * @returns The same value.
 * @throws {TypeError} When there is nothing in it that can be moved.
 * @typeParam T The type of the value.
 */
export function move<T extends object>(value: T): T {
  if (!markMoved(value)) {
    throw new TypeError(
      "Cannot move the value: there is no memory, port or stream in it, and everything else is copied",
    );
  }
  return value;
}

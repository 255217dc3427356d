/**
 * A queue whose smallest item leaves first.
 *
 * @module
 */

import { naturalOrder } from "./_natural_order.ts";
import { PriorityStore, STORE } from "./_store.ts";
import { Queue, type QueueOptions } from "./queue.ts";

/** Options for {@linkcode PriorityQueue}. */
export interface PriorityQueueOptions<T> extends QueueOptions {
  /**
   * Orders two items, as `Array.prototype.sort` has it: negative when `a` leaves before `b`.
   *
   * By default numbers, bigints, strings and dates are ordered by value, and arrays element by
   * element, as Python orders tuples.
   *
   * @default {undefined}
   */
  compare?: ((a: T, b: T) => number) | undefined;
}

/**
 * A queue whose smallest item leaves first; items that are equal leave in the order in which they
 * were put. {@linkcode Queue} in every other way, but that `put` and `get` take time that grows with the
 * logarithm of the number of items (Python's
 * {@link https://docs.python.org/3/library/queue.html#queue.PriorityQueue | PriorityQueue}, which
 * keeps no order among equals).
 *
 * @example Pairs of a priority and a job
 * ```ts
 * import { PriorityQueue } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new PriorityQueue<[priority: number, job: string]>();
 * await queue.put([2, "sweep"]);
 * await queue.put([1, "put out the fire"]);
 * assertEquals(await queue.get(), [1, "put out the fire"]);
 * ```
 *
 * @typeParam T What is put and got.
 */
export class PriorityQueue<T> extends Queue<T> {
  /**
   * Creates an empty queue.
   *
   * @param maxSize The most items that it may hold; `0` or less sets no limit.
   * @param options How to order items, and what {@linkcode Queue} takes.
   * @throws {TypeError} When `maxSize` is not a whole number.
   */
  constructor(maxSize = 0, options: PriorityQueueOptions<T> = {}) {
    const { compare = smallestFirst, ...rest } = options;
    super(maxSize, { ...rest, [STORE]: new PriorityStore<T>(compare) } as QueueOptions);
  }
}

/** Smallest first among values of one kind; what has no order is refused rather than mixed up. */
function smallestFirst(a: unknown, b: unknown): number {
  return naturalOrder(a, b, (one, other) => {
    return new TypeError(
      `Cannot order ${one} and ${other} in a priority queue: give a "compare" option`,
    );
  });
}

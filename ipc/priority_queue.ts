/**
 * A queue between processes whose smallest item leaves first.
 *
 * @module
 */

import { PriorityQueue as LocalQueue } from "../coroutine/priority_queue.ts";
import { setPortable } from "./_portable.ts";
import { queueInternals, receiveQueue } from "./_queue_internals.ts";
import { JoinableQueue } from "./joinable_queue.ts";

/**
 * Options for {@linkcode PriorityQueue}.
 *
 * @typeParam T What is put and got.
 */
export interface PriorityQueueOptions<T> {
  /**
   * Orders two items, as `Array.prototype.sort` has it: negative when `a` leaves before `b`. It does not cross: it
   * is called in the process that creates the queue, whoever puts.
   *
   * By default numbers, bigints, strings and dates are ordered by value, and arrays item by item, as Python orders
   * tuples.
   *
   * @default {undefined}
   */
  compare?: ((a: T, b: T) => number) | undefined;
}

/**
 * A queue between processes whose smallest item leaves first; items that are equal leave in the order in which they
 * came. A {@linkcode JoinableQueue} in every other way.
 *
 * - Who gives a priority puts pairs of a number and the item. Two pairs of the same number are told apart by their
 *   items: when those have no order, as objects, give `compare`, or put a serial number between both.
 * - An item that has no order among those that are there is refused with a `TypeError`.
 * - An item whose process died before the item had reached it is among the next ones again.
 *
 * It is Python's {@link https://docs.python.org/3/library/queue.html#queue.PriorityQueue | queue.PriorityQueue} of a
 * manager, without a process of its own.
 *
 * @example Jobs by their priority
 * ```ts
 * import { PriorityQueue } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * interface Job {
 *   priority: number;
 *   name: string;
 * }
 * await using jobs = new PriorityQueue<Job>(0, { compare: (a, b) => a.priority - b.priority });
 * await jobs.put({ priority: 2, name: "sweep" }); // perhaps in a child
 * await jobs.put({ priority: 1, name: "put out the fire" });
 * assertEquals((await jobs.get()).name, "put out the fire");
 *
 * await using pairs = new PriorityQueue<[priority: number, name: string]>();
 * await pairs.put([2, "sweep"]);
 * await pairs.put([1, "put out the fire"]);
 * assertEquals(await pairs.get(), [1, "put out the fire"]);
 * ```
 *
 * @typeParam T What is put and got.
 */
export class PriorityQueue<T> extends JoinableQueue<T> {
  static {
    setPortable(
      PriorityQueue,
      "ipc.PriorityQueue",
      (queue) => queueInternals.lend(queue, queue),
      (data) => receiveQueue(data, PriorityQueue<unknown>, (queue) => queue),
    );
  }

  /**
   * Creates an empty queue that lives in this process.
   *
   * @param maxSize The most items that it may hold; `0` or less sets no limit.
   * @param options How to order items.
   * @throws {TypeError} When `maxSize` is not a whole number, or `compare` is no function.
   */
  constructor(maxSize: number = 0, options: PriorityQueueOptions<T> = {}) {
    const { compare } = options;
    if (compare !== undefined && typeof compare !== "function") {
      throw new TypeError(
        `Cannot create a queue: "compare" must be a function, got ${typeof compare}`,
      );
    }
    super();
    const place = new LocalQueue<T>(maxSize, { compare });
    queueInternals.keepIn(this, place as LocalQueue<unknown>);
  }
}

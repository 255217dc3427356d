/**
 * What the queue scenarios share: items that pass through a queue of ours, and their check.
 *
 * @module
 */

import { Queue } from "../coroutine/mod.ts";
import { expectResult } from "./harness.ts";

/** What passes through the queue, and between how many. */
export interface PassingOptions {
  /** How many items: the numbers from 0 up; a multiple of `tasks`. */
  readonly items: number;
  /** How many producers there are, and as many consumers. */
  readonly tasks: number;
  /** How many items the queue holds at most. */
  readonly maxSize: number;
}

/**
 * Passes items from some producers to as many consumers, and checks their sum.
 *
 * @param options What passes, and between how many.
 * @returns The number of items.
 */
export async function passItems(options: PassingOptions): Promise<number> {
  const { items, tasks, maxSize } = options;
  const queue = new Queue<number>(maxSize);
  const produce = async (first: number): Promise<void> => {
    for (let item = first; item < items; item += tasks) await queue.put(item);
  };
  const consume = async (): Promise<number> => {
    let total = 0;
    for (let taken = 0; taken < items / tasks; taken++) total += await queue.get();
    return total;
  };
  const lanes = Array.from({ length: tasks }, (_, lane) => lane);
  const consumers = lanes.map(consume);
  const producers = lanes.map(produce);
  const totals = await Promise.all(consumers);
  await Promise.all(producers);
  expectResult("the sum", totals.reduce((a, b) => a + b, 0), sumBelow(items));
  return items;
}

/**
 * The sum of the numbers from 0 up.
 *
 * @param end The first number that is not added.
 * @returns The sum.
 */
export function sumBelow(end: number): number {
  return end * (end - 1) / 2;
}

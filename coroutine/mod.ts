/**
 * Everything on one event loop: no threads, no processes, no permissions.
 *
 * ## How to choose
 *
 * - Work that mostly waits (network, files, timers): stay on one loop, with the queues of this module
 *   between producers and consumers. It costs the least.
 * - Work that computes: it blocks the loop whatever is used here. Give it to a process
 *   (`@manyhands/concurrency/process`).
 * - A queue between processes: `Queue` of `@manyhands/concurrency/ipc`. Between machines: a manager of
 *   `@manyhands/concurrency/distributed`, which lends the very queues of this module.
 *
 * {@linkcode Queue} is first in, first out; {@linkcode LifoQueue} last in, first out;
 * {@linkcode PriorityQueue} smallest first. They share every rule but the order.
 *
 * @example Two workers on one queue
 * ```ts
 * import { Queue } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const tasks = new Queue<number>();
 * const squares: number[] = [];
 * async function work(): Promise<void> {
 *   for await (const n of tasks) squares.push(n * n);
 * }
 * for (const n of [1, 2, 3, 4]) tasks.putNowait(n);
 * tasks.shutdown();
 * await Promise.all([work(), work()]);
 * assertEquals(squares.toSorted((a, b) => a - b), [1, 4, 9, 16]);
 * ```
 *
 * @module
 */

export * from "./errors.ts";
export * from "./lifo_queue.ts";
export * from "./priority_queue.ts";
export * from "./queue.ts";
export * from "./wait_options.ts";

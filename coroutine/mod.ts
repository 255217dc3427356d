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
 * Which of the things of this module:
 *
 * - Several things at once, and none may go on when one fails: {@linkcode TaskGroup}. All results, and the
 *   others may go on: {@linkcode gather}. A few of many: {@linkcode wait}, {@linkcode asCompleted}. Many, and
 *   only so many at a time: {@linkcode Pool}. One beside the rest: {@linkcode spawn}.
 * - A limit on time: {@linkcode timeout} for a block of code, {@linkcode waitFor} for one promise or task.
 * - Handing values on: {@linkcode Queue} is first in, first out; {@linkcode LifoQueue} last in, first out;
 *   {@linkcode PriorityQueue} smallest first. They share every rule but the order.
 * - Values in and out of a function that keeps its place: {@linkcode coroutine}, {@linkcode pipe},
 *   {@linkcode broadcast}.
 * - One at a time: {@linkcode Lock}; the same task again: {@linkcode RLock}; so many at a time:
 *   {@linkcode Semaphore}, {@linkcode BoundedSemaphore}; until something has happened: {@linkcode Event}; until
 *   something is so: {@linkcode Condition}; until all are there: {@linkcode Barrier}.
 * - A value for each task: {@linkcode ContextVar}.
 *
 * Every wait takes `timeoutMs` and a `signal`. One that has no signal of its own ends when the task in which
 * it goes on is cancelled.
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

export * from "./as_completed.ts";
export * from "./async_coroutine.ts";
export * from "./async_result.ts";
export * from "./barrier.ts";
export * from "./base_executor.ts";
export * from "./base_pool.ts";
export * from "./bounded_semaphore.ts";
export * from "./broadcast.ts";
export * from "./condition.ts";
export * from "./context_var.ts";
export * from "./coroutine.ts";
export * from "./coroutine_state.ts";
export * from "./errors.ts";
export * from "./event.ts";
export * from "./future.ts";
export * from "./gather.ts";
export * from "./join_all.ts";
export * from "./lifo_queue.ts";
export * from "./lock.ts";
export * from "./permit.ts";
export * from "./pipe.ts";
export * from "./pool.ts";
export * from "./pool_call_options.ts";
export * from "./pool_statistics.ts";
export * from "./priority_queue.ts";
export * from "./queue.ts";
export * from "./report_progress.ts";
export * from "./result_iterator.ts";
export * from "./rlock.ts";
export * from "./semaphore.ts";
export * from "./shield.ts";
export * from "./sleep.ts";
export * from "./task.ts";
export * from "./task_group.ts";
export * from "./task_reference.ts";
export * from "./timeout.ts";
export * from "./wait.ts";
export * from "./wait_for.ts";
export * from "./wait_options.ts";

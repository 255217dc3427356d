/**
 * Threads: the same process and permissions, another processor, memory that is shared on purpose.
 *
 * ## How to choose
 *
 * - Work that waits: no thread needed, see `@manyhands/concurrency/coroutine`.
 * - One call that computes, while this event loop goes on: {@linkcode toThread}.
 * - Many calls that compute: {@linkcode ThreadPool}, or {@linkcode ThreadPoolExecutor} with the words of
 *   `concurrent.futures`. A call takes some microseconds, and one that runs away is stopped.
 * - Work that computes: {@linkcode Thread}. It starts in about 8 ms; with `killable: true` it can be stopped
 *   whatever it does.
 * - Code that must not be trusted with this program's permissions or memory: `@manyhands/concurrency/process`.
 *
 * What threads share is on shared memory, and passed to them as an argument:
 *
 * - One number: {@linkcode Value}; many: {@linkcode SharedArray}; anything, from one to another:
 *   {@linkcode Queue}. Bytes that change hands and are not copied: {@linkcode move}.
 * - One at a time: {@linkcode Lock}; the same thread again: {@linkcode RLock}; so many at a time:
 *   {@linkcode Semaphore}, {@linkcode BoundedSemaphore}; until something has happened: {@linkcode Event}; until
 *   something is so: {@linkcode Condition}; until all are there: {@linkcode Barrier}. Each wait blocks the thread
 *   (`acquireSync`) or is awaited (`acquire`). Between tasks of one thread those of
 *   `@manyhands/concurrency/coroutine` do, and cost less.
 * - Nothing, under one name: {@linkcode local}.
 *
 * A thread imports the module of its function for itself. What is on shared memory and passed as an argument is
 * shared, everything else is copied. Local modules need `--allow-read`, as in every Worker.
 *
 * @example A function in a thread of its own
 * ```ts
 * import { Thread } from "@manyhands/concurrency/thread";
 *
 * export function square(n: number): number {
 *   return n * n;
 * }
 *
 * if (import.meta.main) {
 *   await using thread = new Thread({ module: import.meta.url, target: square, args: [7] });
 *   await thread.start();
 *   console.log(await thread.result()); // 49
 * }
 * ```
 *
 * @module
 */

export * from "./barrier.ts";
export * from "./bounded_semaphore.ts";
export * from "./condition.ts";
export * from "./current_thread.ts";
export * from "./errors.ts";
export * from "./event.ts";
export * from "./excepthook.ts";
export * from "./local.ts";
export * from "./lock.ts";
export * from "./low_level.ts";
export * from "./move.ts";
export * from "./pool_thread_options.ts";
export * from "./queue.ts";
export * from "./rlock.ts";
export * from "./semaphore.ts";
export * from "./shared_array.ts";
export * from "./shared_number.ts";
export * from "./sync_wait_options.ts";
export * from "./thread.ts";
export * from "./thread_info.ts";
export * from "./thread_options.ts";
export * from "./thread_pool.ts";
export * from "./thread_pool_executor.ts";
export * from "./timer.ts";
export * from "./to_thread.ts";
export * from "./value.ts";
export * from "./worker_died_error.ts";

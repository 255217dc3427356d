/**
 * Everything that two processes can say to each other.
 *
 * ## How to choose
 *
 * - Between the tasks of one process: `Queue` of `@manyhands/concurrency/coroutine`. It costs a tenth of
 *   a microsecond instead of tens.
 * - Between a process and its children: {@linkcode Queue} of this module, passed as an argument.
 * - Two that talk to each other: {@linkcode pipe}. With a program that was started otherwise, on another
 *   machine or in Python: {@linkcode Listener} and {@linkcode connect}.
 * - Of the queues, {@linkcode Queue} is first in, first out; {@linkcode LifoQueue} last in, first out;
 *   {@linkcode PriorityQueue} smallest first. {@linkcode JoinableQueue} counts what is done as well,
 *   {@linkcode SimpleQueue} has no more than `put`, `get` and `empty`.
 * - One at a time, among processes: {@linkcode Lock}, {@linkcode RLock}; so many: {@linkcode Semaphore},
 *   {@linkcode BoundedSemaphore}; news: {@linkcode Event}, {@linkcode Condition}, {@linkcode Barrier}. What a dead
 *   process held is free, and the next one is told.
 * - Data that all of them change: {@linkcode Value} and {@linkcode SharedArray} for numbers,
 *   {@linkcode SharedDict}, {@linkcode SharedList} and {@linkcode Namespace} for anything. Each access is a message
 *   to the process in which it lives.
 * - Much data that is not to be copied: {@linkcode SharedMemory} and {@linkcode ShareableList}, where a
 *   program may have `--allow-ffi`.
 * - Between machines: a manager of `@manyhands/concurrency/distributed`. What it hands out are proxies,
 *   whose type is {@linkcode Remote}.
 *
 * What crosses is copied: plain data, and all that a structured clone keeps. Errors cross with their
 * class, `message`, `cause`, own fields and stack; see {@linkcode registerErrorClass}.
 *
 * @example Two processes, one queue
 * ```ts
 * import { Queue } from "@manyhands/concurrency/ipc";
 * import { Process } from "@manyhands/concurrency/process";
 *
 * export async function write(queue: Queue<string>): Promise<void> {
 *   for (const letter of ["A", "B", "C"]) await queue.put(letter);
 * }
 *
 * if (import.meta.main) {
 *   await using queue = new Queue<string>();
 *   await using writer = new Process({ module: import.meta.url, target: write, args: [queue] });
 *   await writer.start();
 *   for (let i = 0; i < 3; i++) console.log(await queue.get());
 * }
 * ```
 *
 * @module
 */

export * from "./address.ts";
export * from "./barrier.ts";
export * from "./bounded_semaphore.ts";
export * from "./codec.ts";
export * from "./condition.ts";
export * from "./connect.ts";
export * from "./connection.ts";
export * from "./connection_errors.ts";
export * from "./errors.ts";
export * from "./event.ts";
export * from "./joinable_queue.ts";
export * from "./lifo_queue.ts";
export * from "./listener.ts";
export * from "./lock.ts";
export * from "./namespace.ts";
export * from "./number_kind.ts";
export * from "./permit.ts";
export * from "./pipe.ts";
export * from "./priority_queue.ts";
export * from "./proxy.ts";
export * from "./queue.ts";
export * from "./register_error_class.ts";
export * from "./register_serializer.ts";
export * from "./remote.ts";
export * from "./rlock.ts";
export * from "./semaphore.ts";
export * from "./shareable_list.ts";
export * from "./shared_array.ts";
export * from "./shared_dict.ts";
export * from "./shared_list.ts";
export * from "./shared_memory.ts";
export * from "./shared_memory_error.ts";
export * from "./simple_queue.ts";
export * from "./tls_options.ts";
export * from "./value.ts";
export * from "./wait.ts";

/**
 * Everything that two processes can say to each other.
 *
 * ## How to choose
 *
 * - Between the tasks of one process: `Queue` of `@manyhands/concurrency/coroutine`. It costs a tenth of
 *   a microsecond instead of tens.
 * - Between a process and its children: {@linkcode Queue} of this module, passed as an argument.
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
export * from "./errors.ts";
export * from "./proxy.ts";
export * from "./queue.ts";
export * from "./register_error_class.ts";
export * from "./remote.ts";

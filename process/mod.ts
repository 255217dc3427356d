/**
 * Processes: other memory, other permissions, another processor.
 *
 * ## How to choose
 *
 * - Work that waits: no process needed, see `@manyhands/concurrency/coroutine`.
 * - Work that computes, on memory of its own or shared: a thread starts faster and takes less, see
 *   `@manyhands/concurrency/thread`.
 * - Code that must be stoppable for certain, must have a limit of memory, or must not be trusted with this
 *   process's permissions: {@linkcode Process}. It starts in some tens of milliseconds.
 * - Many calls of such code: {@linkcode Pool}, or {@linkcode ProcessPoolExecutor} with the words of
 *   `concurrent.futures`. One that takes too long is killed, and its process replaced.
 * - The same program twice, as `os.fork` does it: {@linkcode fork}, which runs the main module again.
 * - Other people's programs: {@linkcode run} and its relatives for one that is run to its end
 *   ({@linkcode checkOutput} for its output alone), {@linkcode Popen} for one that is talked to,
 *   {@linkcode pipeline} for several in a row.
 * - What processes say to each other: queues, pipes, locks and values of `@manyhands/concurrency/ipc`, passed as
 *   arguments.
 * - Work for more than one machine: `@manyhands/concurrency/distributed`.
 *
 * To start a {@linkcode Process} needs `--allow-run=deno --allow-net=127.0.0.1`; the child has no permission
 * unless it is granted. To run another program needs `--allow-run=THAT_PROGRAM`.
 *
 * @example A function in a process of its own
 * ```ts
 * import { Process } from "@manyhands/concurrency/process";
 *
 * export function square(n: number): number {
 *   return n * n;
 * }
 *
 * if (import.meta.main) {
 *   await using child = new Process({ module: import.meta.url, target: square, args: [7] });
 *   await child.start();
 *   console.log(await child.result()); // 49
 * }
 * ```
 *
 * @module
 */

export * from "./completed_process.ts";
export * from "./cpu_count.ts";
export * from "./current_process.ts";
export * from "./errors.ts";
export * from "./exit.ts";
export * from "./fork.ts";
export * from "./permissions.ts";
export * from "./pipeline.ts";
export * from "./pool.ts";
export * from "./popen.ts";
export * from "./process.ts";
export * from "./process_options.ts";
export * from "./process_pool_executor.ts";
export * from "./subprocess.ts";
export * from "./subprocess_errors.ts";
export * from "./subprocess_options.ts";
export * from "./wait_pid.ts";
export * from "./worker_options.ts";

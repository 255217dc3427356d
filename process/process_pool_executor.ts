/**
 * An executor of processes.
 *
 * @module
 */

import { BaseExecutor } from "../coroutine/base_executor.ts";
import type { TaskReference } from "../coroutine/task_reference.ts";
import { cpuCount } from "./cpu_count.ts";
import { Pool } from "./pool.ts";
import type { WorkerOptions } from "./worker_options.ts";

/** Options for {@linkcode ProcessPoolExecutor}. */
export interface ProcessPoolExecutorOptions extends WorkerOptions {
  /**
   * How many workers there may be. They are started when they are needed.
   *
   * @default {cpuCount()}
   */
  maxWorkers?: number | undefined;
  /**
   * How long each task may run, in milliseconds. A worker that is still at it then is ended.
   *
   * @default {Infinity}
   */
  taskTimeoutMs?: number | undefined;
  /**
   * How often a task is started again when its worker died.
   *
   * @default {0}
   */
  retries?: number | undefined;
}

/**
 * Processes behind two calls, `submit` and `map`
 * (Python's {@link https://docs.python.org/3/library/concurrent.futures.html#processpoolexecutor | ProcessPoolExecutor}).
 *
 * It is a {@linkcode Pool} with the words of `concurrent.futures`; how functions reach the workers, and what
 * happens when one dies, is the same there. A worker that dies rejects the calls that it held with a
 * {@linkcode WorkerDiedError}, and the executor goes on: Python's is broken then.
 *
 * Needs `--allow-run=deno --allow-net=127.0.0.1`, and what `permissions` passes on.
 *
 * @example A call in another process
 * ```ts
 * import { ProcessPoolExecutor } from "@manyhands/concurrency/process";
 *
 * export function power(base: number, exponent: number): number {
 *   return base ** exponent;
 * }
 *
 * if (import.meta.main) {
 *   await using executor = new ProcessPoolExecutor({ module: import.meta.url });
 *   const future = executor.submit(power, 323, 3);
 *   console.log(await future.result()); // 33698267
 *   for await (const n of executor.map(power, [2, 3], [10, 2])) console.log(n); // 1024, 9
 * }
 * ```
 */
export class ProcessPoolExecutor extends BaseExecutor<TaskReference> {
  /**
   * Creates an executor.
   *
   * @param options Where the functions are, and how the workers are made.
   * @throws {TypeError} When an option is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   * @throws {ProcessStateError} When this process is a daemon, or a child that is still importing its module.
   */
  constructor(options: ProcessPoolExecutorOptions = {}) {
    const { maxWorkers = cpuCount(), ...rest } = options;
    super(new Pool(maxWorkers, { ...rest, minProcesses: 0 }));
  }
}

/**
 * An executor of threads.
 *
 * @module
 */

import { checkCount } from "../coroutine/_call_settings.ts";
import { poolInternals } from "../coroutine/_pool_internals.ts";
import { BaseExecutor } from "../coroutine/base_executor.ts";
import { BasePool } from "../coroutine/base_pool.ts";
import type { TaskReference } from "../coroutine/task_reference.ts";
import { createThreadPoolCore } from "./_thread_pool_core.ts";
import type { PoolThreadOptions } from "./pool_thread_options.ts";

/** Options for {@linkcode ThreadPoolExecutor}. */
export interface ThreadPoolExecutorOptions extends PoolThreadOptions {
  /**
   * How many threads there may be. They are started when they are needed.
   *
   * @default {navigator.hardwareConcurrency}
   */
  maxWorkers?: number | undefined;
  /**
   * What the names of the threads begin with.
   *
   * @default {"ThreadPoolExecutor-0", "ThreadPoolExecutor-1", …}
   */
  threadNamePrefix?: string | undefined;
}

let executors = 0;

/**
 * Threads behind two calls, `submit` and `map`
 * (Python's {@link https://docs.python.org/3/library/concurrent.futures.html#threadpoolexecutor | ThreadPoolExecutor}).
 *
 * It is a {@linkcode ThreadPool} with the words of `concurrent.futures`; how functions reach the threads, and
 * what happens when one dies, is the same there. It differs from Python's:
 *
 * - By default there are as many threads as processors: the threads are for what computes, and what waits
 *   needs none.
 * - A thread that dies rejects the call that it ran with a {@linkcode WorkerDiedError}, and the executor goes on.
 *   An initializer that throws has every call reject with its error, not with a `BrokenThreadPool`.
 *
 * Needs `--allow-read` for the files of local modules, as every Worker does.
 *
 * @example A call in another thread
 * ```ts
 * import { ThreadPoolExecutor } from "@manyhands/concurrency/thread";
 *
 * export function power(base: number, exponent: number): number {
 *   return base ** exponent;
 * }
 *
 * if (import.meta.main) {
 *   await using executor = new ThreadPoolExecutor({ module: import.meta.url });
 *   const future = executor.submit(power, 323, 3);
 *   console.log(await future.result()); // 33698267
 *   for await (const n of executor.map(power, [2, 3], [10, 2])) console.log(n); // 1024, 9
 * }
 * ```
 */
export class ThreadPoolExecutor extends BaseExecutor<TaskReference> {
  /**
   * Creates an executor.
   *
   * @param options Where the functions are, and how the threads are made.
   * @throws {TypeError} When an option is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   * @throws {ThreadStateError} When this thread is still importing its module.
   */
  constructor(options: ThreadPoolExecutorOptions = {}) {
    super(new ExecutorPool(options));
  }
}

/** Its threads have other names than those of a pool. */
class ExecutorPool extends BasePool<TaskReference> {
  constructor(options: ThreadPoolExecutorOptions) {
    super();
    const { maxWorkers = navigator.hardwareConcurrency, threadNamePrefix } = options;
    checkCount("create an executor", "maxWorkers", maxWorkers, 1);
    // As in Python, an empty prefix is none.
    const prefix = threadNamePrefix === undefined || threadNamePrefix === ""
      ? `ThreadPoolExecutor-${executors}`
      : String(threadNamePrefix);
    const core = createThreadPoolCore({
      size: maxWorkers,
      minimum: 0,
      nameOf: (number) => `${prefix}_${number - 1}`,
    }, options);
    executors++;
    poolInternals.attach(this, core);
  }
}

/**
 * A pool of threads.
 *
 * @module
 */

import { checkCount } from "../coroutine/_call_settings.ts";
import { poolInternals } from "../coroutine/_pool_internals.ts";
import { BasePool } from "../coroutine/base_pool.ts";
import type { TaskReference } from "../coroutine/task_reference.ts";
import { createThreadPoolCore } from "./_thread_pool_core.ts";
import type { PoolThreadOptions } from "./pool_thread_options.ts";

/** Options for {@linkcode ThreadPool}. */
export interface ThreadPoolOptions extends PoolThreadOptions {
  /**
   * How many threads are started at once, and stay when there is nothing to do.
   *
   * @default {all; none when there is an `idleTimeoutMs`}
   */
  minThreads?: number | undefined;
  /**
   * What the pool is called. Its threads are called after it.
   *
   * @default {"ThreadPool-1", "ThreadPool-2", …}
   */
  name?: string | undefined;
}

let pools = 0;

/**
 * A pool of threads: functions run in parallel, each with a processor of its own
 * (Python's {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.pool.ThreadPool | multiprocessing.pool.ThreadPool},
 * without its global lock).
 *
 * All methods and rules are those of {@linkcode BasePool}. What is special here:
 *
 * - A function reaches a thread by the name under which `module` exports it. Arguments and results are copied
 *   as a structured clone copies; what is on shared memory (locks, values, `SharedArrayBuffer`) is shared, what
 *   was given to `move()` is moved. What cannot be cloned rejects that call, and the thread goes on.
 * - A function runs in a task of its own: `currentTask()` and `reportProgress()` work in it. Context
 *   variables of the caller do not cross.
 * - A task that exceeds its time or is cancelled can end by itself when it waits or looks at the signal of
 *   its task, within a tenth of a second. Otherwise its thread is ended in the midst of whatever it does, also
 *   of an endless loop, and replaced. Other tasks do not notice.
 * - A thread that ends by itself rejects the task that it ran with a {@linkcode WorkerDiedError}, or it is
 *   started again, as `retries` says. A thread that ends before it can take tasks (its module throws, its
 *   `initializer` throws) makes the whole pool fail with that error: the next one would not do better.
 * - A thread holds one task while tasks take long, several while they are short. A chunk whose first
 *   items turn out to be long is shared with the others.
 * - A pool that nobody has closed does not keep a program alive; calls that have not ended do.
 * - A thread that has had nothing to do for a few milliseconds sleeps; then the next call takes some tens of
 *   microseconds longer.
 * - Memory is not limited: a task for which the runtime has no memory left ends the program, as it would
 *   without a pool. Use a pool of processes for such tasks.
 *
 * Needs `--allow-read` for the files of local modules, as every Worker does.
 *
 * @example Squares, on all processors
 * ```ts
 * import { ThreadPool } from "@manyhands/concurrency/thread";
 *
 * export function square(n: number): number {
 *   return n * n;
 * }
 *
 * if (import.meta.main) {
 *   await using pool = new ThreadPool(4, { module: import.meta.url });
 *   console.log(await pool.map(square, [1, 2, 3])); // [ 1, 4, 9 ]
 * }
 * ```
 */
export class ThreadPool extends BasePool<TaskReference> {
  /**
   * Creates a pool.
   *
   * @param threads How many threads it may have; as many as there are processors unless told otherwise.
   * @param options Where the functions are, and how the threads are made.
   * @throws {TypeError} When an option is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   * @throws {ThreadStateError} When this thread is still importing its module (the guard
   * `if (import.meta.main)` is missing).
   */
  constructor(threads: number = navigator.hardwareConcurrency, options: ThreadPoolOptions = {}) {
    super();
    checkCount("create a pool", "threads", threads, 1);
    const { idleTimeoutMs, name = `ThreadPool-${pools + 1}` } = options;
    const { minThreads = idleTimeoutMs === undefined ? threads : 0 } = options;
    checkCount("create a pool", "minThreads", minThreads, 0);
    if (minThreads > threads) {
      throw new RangeError(
        `Cannot create a pool: "minThreads" must be ${threads} at most, got ${minThreads}`,
      );
    }
    const core = createThreadPoolCore({
      size: threads,
      minimum: minThreads,
      nameOf: (number) => `${name}-worker-${number}`,
    }, options);
    pools++;
    poolInternals.attach(this, core);
  }
}

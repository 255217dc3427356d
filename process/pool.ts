/**
 * A pool of processes.
 *
 * @module
 */

import { checkCount } from "../coroutine/_call_settings.ts";
import { poolInternals } from "../coroutine/_pool_internals.ts";
import { BasePool } from "../coroutine/base_pool.ts";
import type { TaskReference } from "../coroutine/task_reference.ts";
import { createProcessPoolCore } from "./_process_pool_core.ts";
import { cpuCount } from "./cpu_count.ts";
import type { WorkerOptions } from "./worker_options.ts";

/** Options for {@linkcode Pool}. */
export interface PoolOptions extends WorkerOptions {
  /**
   * How long each task may run, in milliseconds, unless its call says otherwise. A worker that is still
   * at it then is ended.
   *
   * @default {Infinity}
   */
  taskTimeoutMs?: number | undefined;
  /**
   * How often a task is started again when its worker died, unless its call says otherwise.
   *
   * @default {0}
   */
  retries?: number | undefined;
  /**
   * How many workers are started at once, and stay when there is nothing to do.
   *
   * @default {all; none when there is an `idleTimeoutMs`}
   */
  minProcesses?: number | undefined;
  /**
   * After how long without work a worker beyond `minProcesses` ends, in milliseconds. It comes back when it
   * is needed.
   *
   * @default {Infinity}
   */
  idleTimeoutMs?: number | undefined;
}

/**
 * A pool of processes: functions run in parallel, each with a processor of its own
 * (Python's {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.pool.Pool | multiprocessing.Pool}).
 *
 * All methods and rules are those of {@linkcode BasePool}. What is special here:
 *
 * - A function reaches a worker by the name under which `module` exports it, arguments and results are
 *   copied, queues of `ipc` cross as references. A name that is not exported rejects with an error that
 *   lists what is. What cannot be carried rejects that call, and the worker goes on.
 * - A function runs in a task of its own: `currentTask()` and `reportProgress()` work in it. Context
 *   variables of the caller do not cross.
 * - A task that exceeds its time or is cancelled can end by itself when it waits or looks at the signal of
 *   its task, within a tenth of a second. Otherwise its worker is ended, by SIGTERM, then by SIGKILL, whatever it
 *   does, and replaced. Other tasks do not notice.
 * - A worker that dies rejects the tasks that it held with a {@linkcode WorkerDiedError}, or they are started
 *   again, as `retries` says. A worker that dies before it can take tasks (its module throws, its
 *   `initializer` throws) makes the whole pool fail with that error: the next one would not do better.
 * - A worker holds one task while tasks take long, several while they are short. A chunk whose first
 *   items turn out to be long is shared with the others.
 * - No worker outlives this process, however it ends. A pool that nobody has closed does not keep a program
 *   alive; calls that have not ended do.
 * - Ctrl-C reaches the workers as well; they ignore it, and end with this process, or when it says so.
 * - Workers may have pools and processes of their own, which end with them. (Python's may not.)
 * - Progress that a function reports while it computes without a pause arrives when it next waits for
 *   something, `await sleep(0)` for example; the first report of a stretch arrives at once.
 *
 * Needs `--allow-run=deno --allow-net=127.0.0.1`, and what `permissions` passes on.
 *
 * @example Squares, on all processors
 * ```ts
 * import { Pool } from "@manyhands/concurrency/process";
 *
 * export function square(n: number): number {
 *   return n * n;
 * }
 *
 * if (import.meta.main) {
 *   await using pool = new Pool(4, { module: import.meta.url });
 *   console.log(await pool.map(square, [1, 2, 3])); // [ 1, 4, 9 ]
 * }
 * ```
 */
export class Pool extends BasePool<TaskReference> {
  /**
   * Creates a pool.
   *
   * @param processes How many workers it may have.
   * @param options Where the functions are, and how the workers are made.
   * @throws {TypeError} When an option is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   * @throws {ProcessStateError} When this process is a daemon, or a child that is still importing its module
   * (the guard `if (import.meta.main)` is missing).
   */
  constructor(processes: number = cpuCount(), options: PoolOptions = {}) {
    super();
    checkCount("create a pool", "processes", processes, 1);
    const { idleTimeoutMs } = options;
    const { minProcesses = idleTimeoutMs === undefined ? processes : 0 } = options;
    checkCount("create a pool", "minProcesses", minProcesses, 0);
    if (minProcesses > processes) {
      throw new RangeError(
        `Cannot create a pool: "minProcesses" must be ${processes} at most, got ${minProcesses}`,
      );
    }
    const core = createProcessPoolCore({ size: processes, minimum: minProcesses }, options);
    poolInternals.attach(this, core);
  }
}

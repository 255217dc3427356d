import { checkCount } from "./_call_settings.ts";
import { checkTimeout } from "./_check_timeout.ts";
import { DEFAULT_GRACE_MS, type PoolCoreOptions } from "./_pool_core.ts";

/** What pools of threads and of processes are told alike. */
export interface WorkerPoolOptions {
  readonly initializer?: unknown;
  readonly initArgs?: readonly unknown[] | undefined;
  readonly maxTasksPerChild?: number | undefined;
  readonly taskTimeoutMs?: number | undefined;
  readonly retries?: number | undefined;
  readonly idleTimeoutMs?: number | undefined;
  readonly graceMs?: number | undefined;
}

/** The same, checked. */
export interface CheckedWorkerPoolOptions {
  readonly initArgs: readonly unknown[];
  readonly graceMs: number;
  /** What the core is told. */
  readonly core: Pick<
    PoolCoreOptions,
    "idleTimeoutMs" | "timeoutMs" | "retries" | "maxItemsPerRunner" | "graceMs"
  >;
}

/** Checks the options that pools of threads and of processes have in common. */
export function readWorkerPoolOptions(options: WorkerPoolOptions): CheckedWorkerPoolOptions {
  const { initializer, initArgs = [], maxTasksPerChild = Infinity } = options;
  const { graceMs = DEFAULT_GRACE_MS, taskTimeoutMs, retries, idleTimeoutMs } = options;
  if (!Array.isArray(initArgs)) {
    throw new TypeError(
      `Cannot create a pool: "initArgs" must be an array, got ${typeof initArgs}`,
    );
  }
  if (initializer === undefined && initArgs.length > 0) {
    throw new TypeError('Cannot create a pool: there are "initArgs", but no "initializer"');
  }
  if (maxTasksPerChild !== Infinity) {
    checkCount("create a pool", "maxTasksPerChild", maxTasksPerChild, 1);
  }
  if (retries !== undefined && retries !== Infinity) {
    checkCount("create a pool", "retries", retries, 0);
  }
  if (taskTimeoutMs === 0) {
    throw new RangeError('Cannot create a pool: "taskTimeoutMs" must be more than 0, got 0');
  }
  checkTimeout(graceMs, "graceMs");
  return {
    initArgs,
    graceMs,
    core: {
      idleTimeoutMs: checkTimeout(idleTimeoutMs, "idleTimeoutMs"),
      timeoutMs: taskTimeoutMs === undefined
        ? undefined
        : checkTimeout(taskTimeoutMs, "taskTimeoutMs"),
      retries,
      maxItemsPerRunner: maxTasksPerChild,
      graceMs,
    },
  };
}

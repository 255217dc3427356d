import { checkCount } from "../coroutine/_call_settings.ts";
import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { DEFAULT_GRACE_MS, PoolCore } from "../coroutine/_pool_core.ts";
import { PoolTargets } from "../coroutine/_pool_targets.ts";
import { checkCarriable } from "./_pool_channel.ts";
import { type RunnerOptions, ThreadRunner } from "./_pool_runner.ts";
// Whatever is on shared memory is known here, also when the user's module needs only its type.
import "./_shared_classes.ts";
import { state } from "./_state.ts";
import { ThreadStateError } from "./errors.ts";
import type { PoolThreadOptions } from "./pool_thread_options.ts";

/** What pools of threads differ in. Checked already. */
export interface ThreadPoolSettings {
  readonly size: number;
  readonly minimum: number;
  /** The name of a thread. @param number Counts from 1. */
  nameOf(number: number): string;
}

/** Checks the options of a pool of threads, and makes its core. */
export function createThreadPoolCore(
  settings: ThreadPoolSettings,
  options: PoolThreadOptions,
): PoolCore {
  const { module, initializer, initArgs = [], maxTasksPerChild = Infinity } = options;
  const { graceMs = DEFAULT_GRACE_MS, taskTimeoutMs, retries, idleTimeoutMs } = options;
  const targets = new PoolTargets(module);
  if (initializer === undefined && initArgs.length > 0) {
    throw new TypeError('Cannot create a pool: there are "initArgs", but no "initializer"');
  }
  if (!Array.isArray(initArgs)) {
    throw new TypeError(
      `Cannot create a pool: "initArgs" must be an array, got ${typeof initArgs}`,
    );
  }
  checkCarriable(initArgs);
  if (maxTasksPerChild !== Infinity) {
    checkCount("create a pool", "maxTasksPerChild", maxTasksPerChild, 1);
  }
  if (retries !== undefined && retries !== Infinity) {
    checkCount("create a pool", "retries", retries, 0);
  }
  if (taskTimeoutMs === 0) {
    throw new RangeError('Cannot create a pool: "taskTimeoutMs" must be more than 0, got 0');
  }
  checkTimeout(graceMs);
  const place = initializer === undefined
    ? undefined
    : targets.find("create a pool with this initializer", initializer).place;
  const runnerOptions: RunnerOptions = {
    targets,
    initializer: place === undefined ? undefined : [place.module, place.name],
    initArgs,
    graceMs,
  };
  if (state.importing) {
    throw new ThreadStateError(
      "Cannot create a pool: a thread is still importing this module. Put what starts threads " +
        "under `if (import.meta.main)`, so that it does not run again in every thread",
    );
  }
  let threads = 0;
  return new PoolCore({
    size: settings.size,
    // Without a module there is nothing that a thread could load in advance.
    minimum: targets.module === undefined ? 0 : settings.minimum,
    idleTimeoutMs: checkTimeout(idleTimeoutMs),
    timeoutMs: taskTimeoutMs === undefined ? undefined : checkTimeout(taskTimeoutMs),
    retries,
    maxItemsPerRunner: maxTasksPerChild,
    graceMs,
    create: (port) => ThreadRunner.start(settings.nameOf(++threads), port, runnerOptions),
    checkTarget: (target) => void targets.find("call the task", target),
  });
}

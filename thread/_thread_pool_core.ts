import { MOST_CALLS } from "../coroutine/_call_group.ts";
import { PoolCore } from "../coroutine/_pool_core.ts";
import { PoolTargets } from "../coroutine/_pool_targets.ts";
import { readWorkerPoolOptions } from "../coroutine/_worker_pool_options.ts";
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
  const { module, initializer } = options;
  const targets = new PoolTargets(module);
  const { initArgs, graceMs, core } = readWorkerPoolOptions(options);
  checkCarriable(initArgs);
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
    ...core,
    mostCalls: MOST_CALLS,
    size: settings.size,
    // Without a module there is nothing that a thread could load in advance.
    minimum: targets.module === undefined ? 0 : settings.minimum,
    create: (port) => ThreadRunner.start(settings.nameOf(++threads), port, runnerOptions),
    checkTarget: (target) => void targets.find("call the task", target),
  });
}

import { PoolCore } from "../coroutine/_pool_core.ts";
import {
  readWorkerPoolOptions,
  type WorkerPoolOptions,
} from "../coroutine/_worker_pool_options.ts";
import { encode } from "../ipc/_encoding.ts";
import { checkNiceness } from "./_niceness.ts";
import { resolvePermissions } from "./_permission_flags.ts";
import { ProcessRunner, type RunnerOptions } from "./_pool_runner.ts";
import { ProcessTargets } from "./_pool_targets.ts";
import { readMemoryLimit } from "./_read_memory_limit.ts";
import { state } from "./_state.ts";
import { ProcessStateError } from "./errors.ts";
import type { WorkerOptions } from "./worker_options.ts";

/** What pools of processes differ in. Checked already. */
export interface ProcessPoolSettings {
  readonly size: number;
  readonly minimum: number;
}

let pools = 0;

/** Checks the options of a pool of processes, and makes its core. */
export function createProcessPoolCore(
  settings: ProcessPoolSettings,
  options: WorkerOptions & WorkerPoolOptions,
): PoolCore {
  const { module, initializer, name = `Pool-${pools + 1}` } = options;
  const targets = new ProcessTargets(module);
  const { initArgs, graceMs, core } = readWorkerPoolOptions(options);
  encode(initArgs);
  const { permissions, env, cwd, memoryLimitMb, niceness, stdout, stderr, config, executable } =
    options;
  readMemoryLimit(memoryLimitMb);
  checkNiceness(niceness);
  resolvePermissions(permissions ?? "none");
  for (const [option, value] of Object.entries({ stdout, stderr })) {
    // What a worker prints into a pipe nobody would read, and it would have to wait.
    if (value === undefined || value === "inherit" || value === "null") continue;
    throw new TypeError(
      `Cannot create a pool: "${option}" must be "inherit" or "null", got "${String(value)}"`,
    );
  }
  const runnerOptions: RunnerOptions = {
    targets,
    initializer: initializer === undefined
      ? undefined
      : targets.placeOf(targets.find("create a pool with this initializer", initializer)),
    initArgs,
    graceMs,
    process: {
      ...{ permissions, env, cwd, memoryLimitMb, niceness },
      ...{ stdout, stderr, config, executable },
    },
  };
  checkMayStart();
  pools++;
  let workers = 0;
  return new PoolCore({
    ...core,
    ...settings,
    // Without a module there is nothing that a worker could load in advance.
    minimum: targets.modules.length === 0 ? 0 : settings.minimum,
    create: (port) => ProcessRunner.start(`${name}-worker-${++workers}`, port, runnerOptions),
    checkTarget: (target) => void targets.find("call the task", target),
  });
}

/** A pool starts processes later, and could only fail then. */
function checkMayStart(): void {
  if (state.importing) {
    throw new ProcessStateError(
      "Cannot create a pool: a child process is still importing this module. Put what starts " +
        "processes under `if (import.meta.main)`, so that it does not run again in every child",
    );
  }
  if (state.daemon) {
    throw new ProcessStateError(
      `Cannot create a pool: ${state.name} is a daemon, and daemons have no children`,
    );
  }
}

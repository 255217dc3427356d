import {
  BaseManager,
  EngineUnavailableError,
  serveTasks,
  type TaskCall,
  TaskQueue,
} from "../../distributed/mod.ts";
import type { Address } from "../../ipc/mod.ts";
import * as jobs from "./jobs.ts";

/** A worker that is silent for so long has lost its task, in milliseconds. */
const LEASE_MS = 5_000;

/** So that what it remembers of tasks that have ended does not grow after the first minute. */
const REMEMBER_MS = 30_000;

/** A manager that keeps tasks in its memory, until it is ended from outside. */
export async function serveManager(address: Address, authkey: string): Promise<void> {
  await using queue = new TaskQueue<TaskCall, number>({
    leaseMs: LEASE_MS,
    rememberMs: REMEMBER_MS,
  });
  const Manager = BaseManager.register("getTasks", { callable: () => queue });
  await using server = new Manager({ address, authkey }).getServer();
  await server.serveForever();
}

/** One who comes when everybody has gone home is told nothing. A manager that was killed is back before. */
const RECONNECT_MS = 30_000;

/** A worker of a manager or of a pool, until there is nothing more to do. */
export async function work(name: string, address: Address, authkey: string): Promise<void> {
  try {
    await serveTasks({ name, address, authkey, module: jobs, reconnectMs: RECONNECT_MS });
  } catch (error) {
    if (!(error instanceof EngineUnavailableError)) throw error;
  }
}

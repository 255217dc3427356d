import { EngineUnavailableError, serveTasks } from "../../distributed/mod.ts";
import type { ServeTasksOptions } from "../../distributed/mod.ts";
import type { Address } from "../../ipc/mod.ts";

/** Works for the pool at the address: the target of worker processes. */
export async function work(
  address: Address,
  options: Pick<ServeTasksOptions, "concurrency" | "inside" | "name" | "reconnectMs"> & {
    module: string;
    authkey?: string;
  },
): Promise<void> {
  try {
    await serveTasks({ ...options, address });
  } catch (error) {
    // A pool of a short test is gone before its workers have come.
    if (!(error instanceof EngineUnavailableError)) throw error;
  }
}

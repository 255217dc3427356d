import { EngineUnavailableError, serveTasks, taskAttempt } from "../../distributed/mod.ts";
import type { ServeTasksOptions } from "../../distributed/mod.ts";
import { natsEngine, type NatsEngineOptions } from "../../distributed/engines/nats_engine.ts";
import type { Queue } from "../../ipc/mod.ts";

/** Works for a pool whose tasks are on NATS: the target of worker processes. */
export async function work(
  servers: string,
  queue: NatsEngineOptions,
  options: Pick<ServeTasksOptions, "concurrency" | "inside" | "name"> & { module: string },
): Promise<void> {
  const engine = natsEngine({ servers, name: `worker ${Deno.pid}` }, queue);
  try {
    await serveTasks({ ...options, permissions: "inherit", engine });
  } catch (error) {
    // The pool of a short test is gone before its workers have come.
    if (!(error instanceof EngineUnavailableError)) throw error;
  }
}

/** Says in which process it runs, and goes on for ever the first time. */
export async function holdFirst(n: number, held: Queue<number>): Promise<number> {
  await held.put(Deno.pid);
  if (taskAttempt() === 1) await new Promise(() => {});
  return n * n;
}

/** Computes for ever. */
export async function spin(held: Queue<number>): Promise<void> {
  await held.put(Deno.pid);
  for (;;);
}

export function square(n: number): number {
  return n * n;
}

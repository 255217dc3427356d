import { BaseManager, TaskQueue } from "../../distributed/mod.ts";
import type { Address } from "../../ipc/mod.ts";

/** Where a queue is: at a manager of the same family, or on servers of NATS. */
export type EnginePlace = { address: Address } | { servers: string[]; queue: string };

const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<number, number> });

/** Opens a queue as its users do. */
export async function openQueue(place: EnginePlace): Promise<TaskQueue<number, number>> {
  if ("servers" in place) {
    const { natsEngine } = await import("../../distributed/engines/nats_engine.ts");
    const { servers, queue } = place;
    return new TaskQueue({ engine: natsEngine({ servers }, { queue }) });
  }
  const manager = new Client(place);
  await manager.connect();
  return await TaskQueue.over(await manager.getTasks());
}

/** Adds one to each number of a queue, so many at a time, until the queue is shut down. */
export async function addOne(place: EnginePlace, concurrency: number): Promise<void> {
  await using queue = await openQueue(place);
  await queue.introduce("worker", concurrency);
  await queue.work((n) => n + 1, { concurrency });
}

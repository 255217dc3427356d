import { BaseManager, serveTasks, TaskQueue } from "../../distributed/mod.ts";
import type { Address } from "../../ipc/mod.ts";

/** What the workers of the task queue scenarios connect to. */
const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<number, number> });

/**
 * Takes tasks until there will be no more, as the worker of the tutorial does.
 *
 * @param address Where the queue is; the key is the family's.
 */
export async function addOneToEach(address: Address): Promise<void> {
  await using manager = new Client({ address });
  await manager.connect();
  await using queue = await TaskQueue.over(await manager.getTasks(), { prefetch: 64 });
  await queue.introduce("worker");
  await queue.work((n) => n + 1);
}

/**
 * Works for a pool.
 *
 * @param address Where the pool is; the key is the family's.
 * @param module Whose functions it runs.
 */
export async function workForPool(address: Address, module: string): Promise<void> {
  await serveTasks({ address, module });
}

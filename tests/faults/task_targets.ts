import { BaseManager, serveTasks, TaskQueue } from "../../distributed/mod.ts";
import type { Address, Queue } from "../../ipc/mod.ts";

const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<number, string> });

async function connect(port: number): Promise<TaskQueue<number, string>> {
  const manager = new Client({ address: { hostname: "127.0.0.1", port }, authkey: "key" });
  await manager.connect();
  return await TaskQueue.over(await manager.getTasks());
}

/** Takes tasks, says so, and keeps them. */
export async function holdTasks(port: number, count: number, held: Queue<number>): Promise<void> {
  const queue = await connect(port);
  for (let n = 0; n < count; n++) await held.put((await queue.get()).value);
  await new Promise(() => {});
}

/** Takes a task and dies of it. */
export async function dieOfTask(port: number): Promise<void> {
  const queue = await connect(port);
  await queue.introduce("victim");
  await queue.get();
  Deno.kill(Deno.pid, "SIGKILL");
  await new Promise(() => {});
}

/** Works for a pool of the same family. */
export async function workFor(
  address: Address,
  options: { module: string; concurrency?: number; reconnectMs?: number; name?: string },
): Promise<void> {
  await serveTasks({ ...options, address });
}

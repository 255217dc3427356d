import { Queue, QueueShutDownError } from "../../coroutine/mod.ts";
import { BaseManager } from "../../distributed/mod.ts";
import type { Address, Queue as FamilyQueue } from "../../ipc/mod.ts";

/** What the tests of this folder run in processes of their own. */

export function square(n: number): number {
  return n * n;
}

export function waitForever(): Promise<void> {
  return new Promise(() => {});
}

/** Says that it runs, then keeps its thread busy for ever. */
export async function spin(running: FamilyQueue<string>): Promise<void> {
  await running.put("running");
  while (true);
}

/** Closes what tells it that its parent is gone, as far as it can. */
export async function closeInput(running: FamilyQueue<string>): Promise<void> {
  Deno.stdin.close();
  await running.put("running");
  await waitForever();
}

/** Waits for ever in a queue of its parent. */
export async function waitForItem(queue: FamilyQueue<string>): Promise<string> {
  return await queue.get();
}

/** Takes its time, in milliseconds, then prints. */
export async function printLate(text: string, afterMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  console.log(text);
}

// The manager's side

const queue = new Queue<number>();

export function getQueue(): Queue<number> {
  return queue;
}

export function makeSpinner(): { spin(): void } {
  return {
    spin(): void {
      while (true);
    },
  };
}

export const OwnManager = BaseManager
  .register("getQueue", { callable: getQueue })
  .register("makeSpinner", { callable: makeSpinner });

// Workers of a manager: their key is that of the family

const Client = BaseManager
  .register("getTasks", { proxyType: Queue<number> })
  .register("getReports", { proxyType: Queue<[worker: number, task: number]> });

/** Takes one task, reports it, and holds it for ever. */
export async function hold(address: Address, worker: number): Promise<void> {
  await using client = new Client({ address });
  await client.connect();
  const tasks = await client.getTasks();
  const reports = await client.getReports();
  await reports.put([worker, await tasks.get()]);
  await waitForever();
}

/** Takes tasks until there are no more, and reports each one that is done. */
export async function work(address: Address, worker: number): Promise<number> {
  await using client = new Client({ address });
  await client.connect();
  const tasks = await client.getTasks();
  const reports = await client.getReports();
  for (let done = 0;; done++) {
    let task: number;
    try {
      task = await tasks.get();
    } catch (error) {
      if (error instanceof QueueShutDownError) return done;
      throw error;
    }
    await reports.put([worker, task]);
    await tasks.taskDone();
  }
}

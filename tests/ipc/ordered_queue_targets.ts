import { LifoQueue, PriorityQueue } from "../../ipc/mod.ts";

/** What the tests of queues with another order run in processes of their own. */

/** Classes that the targets have for types only, which would not be loaded otherwise. */
export const loaded = [LifoQueue, PriorityQueue];

/** Puts items one by one and many at a time, and takes some. */
export async function putAndTake(
  queue: LifoQueue<unknown> | PriorityQueue<unknown>,
  items: unknown[],
  count: number,
): Promise<unknown[]> {
  await queue.put(items[0]);
  await Promise.all(items.slice(1).map((item) => queue.put(item)));
  const taken: unknown[] = [];
  for (let i = 0; i < count; i++) taken.push(await queue.get());
  return taken;
}

/** Says how putting each of the items ended. */
export async function putEach(queue: PriorityQueue<unknown>, items: unknown[]): Promise<string[]> {
  const results = await Promise.allSettled(items.map((item) => queue.put(item)));
  return results.map((result) => result.status === "fulfilled" ? "put" : result.reason.name);
}

export async function work(queue: PriorityQueue<number>): Promise<number[]> {
  const taken: number[] = [];
  for (let i = 0; i < 3; i++) {
    taken.push(await queue.get());
    await queue.taskDone();
  }
  return taken;
}

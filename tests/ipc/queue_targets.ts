import type { JoinableQueue, SimpleQueue } from "../../ipc/mod.ts";
import { Queue } from "../../ipc/mod.ts";

/** What the tests of queues run in processes of their own. */

/** Classes that the targets have for types only, which would not be loaded otherwise. */
export const loaded = [Queue];

/** Puts numbers without waiting for each, with one now and then that JSON cannot carry. */
export async function putQuickly(queue: Queue<unknown>, count: number): Promise<void> {
  const puts: Promise<void>[] = [];
  for (let i = 0; i < count; i++) puts.push(queue.put(i % 100 === 7 ? BigInt(i) : i));
  await Promise.all(puts);
}

/** Puts numbers without waiting for any, and closes the queue. */
export async function putAndClose(queue: Queue<number>, count: number): Promise<void> {
  for (let i = 0; i < count; i++) void queue.put(i);
  await queue.close();
}

/** Says how many bytes it takes at most while it puts so many numbers without waiting for any. */
export async function putAndMeasure(queue: Queue<number>, count: number): Promise<number> {
  const before = Deno.memoryUsage().heapUsed;
  let last: Promise<void> | undefined;
  for (let i = 0; i < count; i++) last = queue.put(i);
  const most = Deno.memoryUsage().heapUsed;
  await last;
  return most - before;
}

export async function squareAll(tasks: JoinableQueue<number>, results: SimpleQueue<number>) {
  for (;;) {
    const n = await tasks.get();
    await results.put(n * n);
    await tasks.taskDone();
  }
}

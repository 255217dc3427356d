/** What the children of the scenarios with locks and queues between processes do. */

import type { Lock, Queue } from "../../ipc/mod.ts";
import { Queue as LoadedQueue } from "../../ipc/queue.ts";
import { Lock as LoadedLock } from "../../ipc/lock.ts";

/** Classes that are named for types only would not be loaded otherwise. */
export const loaded = [LoadedLock, LoadedQueue];

/** Acquires and releases as often as it is told, and answers when it is done. */
export async function acquireMany(
  lock: Lock,
  turns: Queue<number>,
  done: Queue<number>,
): Promise<void> {
  for (let count = await turns.get(); count > 0; count = await turns.get()) {
    for (let i = 0; i < count; i++) {
      await lock.acquire();
      await lock.release();
    }
    await done.put(count);
  }
}

/** Puts as many numbers as it is told, and does not wait for each. */
export async function putMany(turns: Queue<number>, items: Queue<number>): Promise<void> {
  for (let count = await turns.get(); count > 0; count = await turns.get()) {
    for (let i = 0; i < count; i++) void items.put(i);
    await items.joinThread();
  }
}

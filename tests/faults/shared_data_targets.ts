import {
  Event,
  LifoQueue,
  Namespace,
  PriorityQueue,
  type Queue,
  SharedDict,
  SharedList,
} from "../../ipc/mod.ts";

/** What the tests of shared data run in processes that are killed. */

/** Classes that the targets have for types only, which would not be loaded otherwise. */
export const loaded = [Event, LifoQueue, Namespace, PriorityQueue];

/** Writes for ever, always the same number under both keys. */
export async function writePairs(dict: SharedDict<string, number>, started: Event): Promise<never> {
  for (let n = 1;; n++) {
    await dict.update({ left: n, right: n });
    await dict.compute("computed", (old = 0) => old + 1);
    if (n === 10) await started.set();
  }
}

/** Is in the midst of an iteration, and of a change, for ever. */
export async function beginAndStay(
  dict: SharedDict<string, unknown>,
  started: Event,
): Promise<void> {
  const iterator = dict[Symbol.asyncIterator]();
  await iterator.next();
  await dict.compute("0", async () => {
    await started.set();
    await new Promise(() => setInterval(() => {}, 60_000));
  });
}

/** Owns what others use, until it is killed. */
export async function own(objects: Queue<object[]>): Promise<void> {
  const dict = new SharedDict<number, number>();
  await dict.update(Array.from({ length: 5_000 }, (_, i): [number, number] => [i, i]));
  await objects.put([dict, new SharedList([1]), new Namespace({ a: 1 }), new PriorityQueue()]);
  await new Promise(() => setInterval(() => {}, 60_000));
}

/** Takes items for ever. */
export async function takeAll(
  queue: LifoQueue<number>,
  taken: Queue<number>,
): Promise<void> {
  for (;;) await taken.put(await queue.get());
}

import { type Queue, ShareableList, SharedMemory } from "../../ipc/mod.ts";

/** What the tests of shared memory run in processes of their own. */

/** Writes into a segment that it is given, or of which it is given the name. */
export function writeInto(memory: SharedMemory | string, text: string): number {
  using mine = typeof memory === "string" ? SharedMemory.attach(memory) : memory;
  mine.buf.set(new TextEncoder().encode(text));
  return mine.size;
}

/** Makes a segment, and hands it on at its end. */
export function makeMemory(text: string): SharedMemory {
  const memory = SharedMemory.create(64);
  memory.buf.set(new TextEncoder().encode(text));
  return memory;
}

/** Adds one to the same number again and again, together with others. */
export function addAtomically(memory: SharedMemory, times: number, processes: number): number {
  const words = new Int32Array(memory.buf.buffer, 0, 4);
  const long = new BigInt64Array(memory.buf.buffer, 16, 1);
  Atomics.add(words, 0, 1);
  while (Atomics.load(words, 0) < processes);
  for (let i = 0; i < times; i++) {
    Atomics.add(words, 1, 1);
    Atomics.add(long, 0, 1n);
    let seen = Atomics.load(words, 2);
    for (let was; (was = Atomics.compareExchange(words, 2, seen, seen + 1)) !== seen;) seen = was;
  }
  return times;
}

export function changeItem(list: ShareableList, index: number, value: string): string {
  const before = String(list.get(index));
  list.set(index, value);
  list.shm.close();
  return before;
}

export function makeList(): ShareableList {
  return ShareableList.create([1, "two", null]);
}

// What the faults are done to

/** Makes a segment, tells its name, and never ends. */
export async function makeAndWait(names: Queue<string>, name?: string): Promise<never> {
  const memory = SharedMemory.create(8192, { name });
  memory.buf.fill(7);
  await names.put(memory.name);
  return await new Promise<never>(() => {});
}

/** Opens a segment, tells that it did, and reads it once it is told to. */
export async function readLater(
  memory: SharedMemory,
  ready: Queue<string>,
  go: Queue<string>,
): Promise<number> {
  await ready.put("ready");
  await go.get();
  return memory.buf.at(-1)!;
}

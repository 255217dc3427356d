import type {
  Barrier,
  Event,
  JoinableQueue,
  Lock,
  Namespace,
  Queue,
  Remote,
  SharedArray,
  SharedDict,
  SharedList,
  Value,
} from "../../ipc/mod.ts";
import { PoolProxy, SyncManager } from "../../distributed/mod.ts";

/** An object of a class of the user's. */
export class Counter {
  count = 0;

  add(n: number): number {
    return this.count += n;
  }
}

export function makeCounter(): Counter {
  return new Counter();
}

/** Adds to a counter of the user's class that was passed on as a proxy. */
export async function addTo(counter: Remote<Counter>, n: number): Promise<number> {
  return await counter.add(n);
}

export async function fillDict(dict: SharedDict<number | string, unknown>): Promise<void> {
  await dict.set(1, "1");
  await dict.set("2", 2);
  await dict.set(0.25, null);
  await dict.set("gone", true);
  await dict.pop("gone");
  let entries = 0;
  for await (const _ of dict) entries++;
  if (entries !== 3 || await dict.get("2") !== 2) throw new Error(`${entries} entries`);
}

export async function fillList(list: SharedList<number>): Promise<void> {
  for (const item of [3, 4]) await list.push(item);
  if (await list.pop() !== 4 || await list.at(0) !== 1 || await list.length() !== 3) {
    throw new Error(`${await list.toArray()}`);
  }
}

export async function changeNumbers(
  value: Value<"int32">,
  array: SharedArray<"float64">,
  names: Namespace<{ x: number; y: string }>,
): Promise<void> {
  await value.add(2);
  await array.set(0, await array.get(1) * 2);
  await names.set("x", 10);
  await names.delete("y");
}

/** Acquires a lock, says so, and stays until it may go. */
export async function holdUntil(lock: Lock, held: Event, go: Event): Promise<void> {
  await lock.acquire();
  await held.set();
  await go.wait();
}

/** Uses a queue that has room for two, and holds one item. */
export async function useQueue(queue: JoinableQueue<number>): Promise<void> {
  if (await queue.full() || await queue.get() !== 1) throw new Error("not as it was");
  await queue.taskDone();
  await queue.put(2);
  await queue.put(3);
  if (!await queue.full()) throw new Error("not full");
}

export async function meet(barrier: Barrier, places: SharedList<number>): Promise<void> {
  await places.push(await barrier.wait());
}

/** Gets an object out of a dictionary, and puts a new one beside it. */
export async function passAround(
  dict: SharedDict<string, SharedList<string>>,
  names: Queue<SharedList<string>>,
): Promise<void> {
  const list = await dict.get("list");
  await list!.push("from the child");
  await names.put(list!);
}

/** Is a client of its own, at the same address. */
export async function connectAndStore(
  address: string,
  authkey: string,
  dict: SharedDict<string, unknown>,
): Promise<void> {
  await using manager = new SyncManager({ address, authkey });
  await manager.connect();
  const list = await manager.list(["kept"]);
  await dict.set("list", list);
}

// What a pool of a manager calls

export function square(n: number): number {
  return n * n;
}

export function add(a: number, b: number): number {
  return a + b;
}

export function refuse(n: number): number {
  if (n === 3) throw new RangeError(`not ${n}`);
  return n;
}

export function spin(): never {
  for (;;);
}

/** Uses the pool from another process. */
export async function usePool(pool: PoolProxy, sums: SharedList<number>): Promise<void> {
  if (!(pool instanceof PoolProxy)) throw new TypeError("no pool");
  await sums.push(await pool.apply(add, [20, 22]));
}

/** Uses a proxy and a list, and tells in the list what the proxy answered. */
export async function pushCount(
  counter: Remote<Counter>,
  list: SharedList<number>,
): Promise<void> {
  await list.push(await counter.add(2));
}

import { Queue } from "../../coroutine/mod.ts";
import type { Address } from "../../ipc/mod.ts";
import { BaseManager } from "../../distributed/mod.ts";

/** What the tests of this folder register, and run in processes of their own. */

export class Counter {
  #count: number;

  constructor(start = 0) {
    this.#count = start;
  }

  add(n: number): number {
    return this.#count += n;
  }

  async addLater(n: number): Promise<number> {
    await Promise.resolve();
    return this.add(n);
  }

  fail(message: string): never {
    throw new RangeError(message, { cause: new TypeError("the cause") });
  }

  _secret(): string {
    return "secret";
  }
}

export function makeCounter(start?: number): Counter {
  return new Counter(start);
}

const queue = new Queue<number>();

export function getQueue(): Queue<number> {
  return queue;
}

export function getPid(): number {
  return Deno.pid;
}

export function throwError(): never {
  throw new RangeError("the function throws");
}

export function exitNow(): void {
  Deno.exit(7);
}

export function readFile(path: string): string {
  return Deno.readTextFileSync(path);
}

/** Computes for ever: no order from its owner is heard any more. */
export function spin(): void {
  while (true);
}

/** A manager that keeps everything in a process of its own. */
export const OwnManager = BaseManager
  .register("Counter", { callable: makeCounter })
  .register("getQueue", { callable: getQueue })
  .register("getPid", { callable: getPid })
  .register("readFile", { callable: readFile })
  .register("exitNow", { callable: exitNow })
  .register("spin", { callable: spin });

/** Connects to a manager with the key of the family, and puts items into its queue. */
export async function putAll(address: Address, items: readonly number[]): Promise<void> {
  const Client = BaseManager.register("getQueue", { callable: getQueue });
  await using client = new Client({ address });
  await client.connect();
  const remote = await client.getQueue();
  for (const item of items) await remote.put(item);
}

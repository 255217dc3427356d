import { Queue } from "../../coroutine/mod.ts";
import { BaseManager } from "../../distributed/mod.ts";
import type { Address, Remote } from "../../ipc/mod.ts";
import { makeCounter, throwError } from "./targets.ts";

export const ANY: Address = { hostname: "127.0.0.1", port: 0 };
export const LONG_MS = 60_000;

/** A class of managers, and the queue that they serve. */
export function makeManager() {
  const queue = new Queue<number>();
  const Manager = BaseManager
    .register("getQueue", { callable: () => queue })
    .register("Counter", { callable: makeCounter, exposed: ["add", "_secret"] })
    .register("counter", { callable: makeCounter })
    .register("data", { callable: (n: number) => ({ n, list: [new Date(n)] }) })
    .register("later", { callable: (n: number) => Promise.resolve(n) })
    .register("fails", { callable: () => Promise.reject(new RangeError("it fails")) })
    .register("throws", { callable: throwError });
  return { queue, Manager };
}

/** Asks until so many calls of `get` wait: each answer is a turn of the server's loop. */
export async function waitUntilGetting(queue: Remote<Queue<number>>, count: number): Promise<void> {
  while ((await queue.statistics()).getting !== count);
}

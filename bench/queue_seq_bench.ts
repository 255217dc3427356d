/**
 * A queue filled and emptied by one task: no waiting, only the queue's own work.
 *
 * @module
 */

import { Queue } from "../coroutine/mod.ts";
import { expectResult, measure, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { sumBelow } from "./queue_passing.ts";

const ITEMS = 100_000;

/** A queue filled and emptied by one task. */
export const scenario: Scenario = {
  name: "queue seq",
  description: "100,000 numbers put, then got, by one task; an operation is a number put and got",
  ours: { name: "coroutine.Queue", run: () => measure(fillAndEmpty) },
  peers: [
    pythonPeer({ name: "asyncio.Queue", goal: 3, program: "asyncio_queue.py", args: ["seq"] }),
  ],
};

async function fillAndEmpty(): Promise<number> {
  const queue = new Queue<number>();
  for (let item = 0; item < ITEMS; item++) await queue.put(item);
  let total = 0;
  for (let taken = 0; taken < ITEMS; taken++) total += await queue.get();
  expectResult("the sum", total, sumBelow(ITEMS));
  return ITEMS;
}

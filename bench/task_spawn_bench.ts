/**
 * Tasks that end at once: what it costs to make one, to start it and to take its result.
 *
 * @module
 */

import { gather } from "../coroutine/mod.ts";
import { expectResult, measure, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { sumBelow } from "./queue_passing.ts";

const TASKS = 100_000;

/** Tasks spawned, and joined by gather. */
export const scenario: Scenario = {
  name: "task spawn",
  description: "100,000 async functions run by gather; an operation is a task spawned and joined",
  ours: { name: "coroutine.gather", run: () => measure(spawnAndJoin) },
  peers: [
    pythonPeer({ name: "asyncio.gather", goal: 3, program: "asyncio_tasks.py" }),
  ],
};

// deno-lint-ignore require-await -- it is an async function whose cost is measured
async function work(number: number): Promise<number> {
  return number;
}

async function spawnAndJoin(): Promise<number> {
  const results = await gather(Array.from({ length: TASKS }, (_, number) => () => work(number)));
  expectResult("the sum", results.reduce((a, b) => a + b, 0), sumBelow(TASKS));
  return TASKS;
}

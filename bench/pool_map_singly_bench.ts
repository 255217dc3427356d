/**
 * Instant tasks that are handed out one by one.
 *
 * @module
 */

import { expectResult, type Scenario } from "./harness.ts";
import { poolContestant } from "./pool_subject.ts";
import { pythonPeer } from "./python_peer.ts";
import { addOne } from "./subjects/pool_tasks.ts";

const TASKS = 20_000;
const numbers = Array.from({ length: TASKS }, (_, n) => n);

/** Instant tasks that are handed out one by one. */
export const scenario: Scenario = {
  name: "pool map singly",
  description:
    "20,000 tasks that add one, in chunks of one, on 2 processes; an operation is a task",
  ours: poolContestant("process.Pool.map", async (pool) => {
    const results = await pool.map(addOne, numbers, { chunkSize: 1 });
    expectResult("the sum", results.reduce((sum, n) => sum + n, 0), TASKS * (TASKS + 1) / 2);
    return TASKS;
  }),
  peers: [
    pythonPeer({ name: "CPython Pool.map", goal: 2, program: "pool.py", args: ["map-singly"] }),
  ],
};

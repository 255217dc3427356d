/**
 * Many instant tasks, in the chunks that the pool chooses.
 *
 * @module
 */

import { expectResult, type Scenario } from "./harness.ts";
import { poolContestant } from "./pool_subject.ts";
import { pythonPeer } from "./python_peer.ts";
import { addOne } from "./subjects/pool_tasks.ts";

const TASKS = 200_000;
const numbers = Array.from({ length: TASKS }, (_, n) => n);

/** Many instant tasks, in the chunks that the pool chooses. */
export const scenario: Scenario = {
  name: "pool map numbers",
  description:
    "200,000 tasks that add one, in default chunks, on 2 processes; an operation is a task",
  ours: poolContestant("process.Pool.map", async (pool) => {
    const results = await pool.map(addOne, numbers);
    expectResult("the sum", results.reduce((sum, n) => sum + n, 0), TASKS * (TASKS + 1) / 2);
    return TASKS;
  }),
  peers: [
    pythonPeer({ name: "CPython Pool.map", goal: 1, program: "pool.py", args: ["map-numbers"] }),
  ],
};

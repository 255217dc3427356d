/**
 * Instant tasks of a pool whose workers are other programs.
 *
 * @module
 */

import { expectResult, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { addOne } from "./subjects/pool_tasks.ts";
import { workerPoolContestant } from "./task_queue_subject.ts";

const TASKS = 2_000;
const numbers = Array.from({ length: TASKS }, (_, n) => n);
const MODULE = new URL("./subjects/pool_tasks.ts", import.meta.url);

/** Instant tasks of a pool whose workers are other programs. */
export const scenario: Scenario = {
  name: "task queue pool",
  description: "2,000 instant tasks of WorkerPool.map on 4 workers over loopback TCP; CPython's " +
    "master hands them out by two queues; an operation is a task",
  ours: workerPoolContestant(MODULE, async (pool) => {
    const results = await pool.map(addOne, numbers);
    expectResult("the sum", results.reduce((sum, n) => sum + n, 0), TASKS * (TASKS + 1) / 2);
    return TASKS;
  }),
  peers: [pythonPeer({ name: "CPython managers", goal: 5, program: "task_queue.py" })],
};

/**
 * The tutorial's master and workers, with instant tasks.
 *
 * @module
 */

import { expectResult, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { queueContestant } from "./task_queue_subject.ts";

const TASKS = 2_000;

/** The tutorial's master and workers, with instant tasks. */
export const scenario: Scenario = {
  name: "task queue workers",
  description: "2,000 instant tasks from a master to 4 workers over loopback TCP, and their " +
    "results; ours with leases and retries, CPython's with two queues; an operation is a task",
  ours: queueContestant(async (queue) => {
    const tasks = await Promise.all(
      Array.from({ length: TASKS }, (_, n) => queue.put(n, { retries: 3 })),
    );
    const results = await Promise.all(tasks.map((task) => task.result()));
    expectResult("the sum", results.reduce((sum, n) => sum + n, 0), TASKS * (TASKS + 1) / 2);
    return TASKS;
  }),
  peers: [pythonPeer({ name: "CPython managers", goal: 5, program: "task_queue.py" })],
};

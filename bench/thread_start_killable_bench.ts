/**
 * The start of a killable thread to the first statement of its function.
 *
 * @module
 */

import type { Scenario } from "./harness.ts";
import { startBareNodeWorkers, startBareWorkers, startThreads } from "./thread_starts.ts";

/** The start of a killable thread to the first statement of its function. */
export const scenario: Scenario = {
  name: "thread start killable",
  description:
    "10 killable threads, one after another; an operation is one start, up to the first statement of the " +
    "function",
  ours: { name: "thread.Thread", run: () => startThreads({ killable: true }) },
  peers: [
    // Ours may take 1.3 times as long.
    { name: "bare node:worker_threads", goal: 1 / 1.3, run: startBareNodeWorkers },
    // What it costs to be killable: only such a Worker is.
    { name: "bare Worker", goal: 1 / 4, run: startBareWorkers },
  ],
};

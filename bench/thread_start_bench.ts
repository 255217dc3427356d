/**
 * The start of a thread to the first statement of its function.
 *
 * @module
 */

import type { Scenario } from "./harness.ts";
import { startBareWorkers, startThreads } from "./thread_starts.ts";

/** The start of a thread to the first statement of its function. */
export const scenario: Scenario = {
  name: "thread start",
  description:
    "10 threads, one after another; an operation is one start, up to the first statement of the function",
  ours: { name: "thread.Thread", run: () => startThreads({ killable: false }) },
  // Ours may take 1.3 times as long.
  peers: [{ name: "bare Worker", goal: 1 / 1.3, run: startBareWorkers }],
};

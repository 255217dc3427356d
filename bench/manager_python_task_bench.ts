/**
 * A Python worker's tasks, on a manager of either language.
 *
 * @module
 */

import type { Scenario } from "./harness.ts";
import { pythonWorker } from "./manager_python_subject.ts";
import { pythonPeer } from "./python_peer.ts";

/** A Python worker's tasks, on a manager of either language. */
export const scenario: Scenario = {
  name: "manager python task",
  description: "500 tasks of a Python worker that are put, taken, answered and collected; " +
    "an operation is one task, of four calls",
  ours: pythonWorker("task"),
  peers: [
    pythonPeer({
      name: "CPython manager",
      goal: 1,
      program: "manager_worker.py",
      args: ["task"],
    }),
  ],
};

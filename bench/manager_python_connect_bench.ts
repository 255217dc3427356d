/**
 * A Python worker that connects, on a manager of either language.
 *
 * @module
 */

import type { Scenario } from "./harness.ts";
import { pythonWorker } from "./manager_python_subject.ts";
import { pythonPeer } from "./python_peer.ts";

/** A Python worker that connects, on a manager of either language. */
export const scenario: Scenario = {
  name: "manager python connect",
  description: "a Python worker connects, gets two proxies, calls one and gives them back; " +
    "an operation is all of it",
  ours: pythonWorker("connect"),
  peers: [
    pythonPeer({
      name: "CPython manager",
      goal: 1,
      program: "manager_worker.py",
      args: ["connect"],
    }),
  ],
};

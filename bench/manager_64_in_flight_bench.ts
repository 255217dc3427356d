/**
 * Many calls in flight on an object in a manager's server process.
 *
 * @module
 */

import type { Scenario } from "./harness.ts";
import { counterCalls } from "./manager_counter.ts";
import { pythonPeer } from "./python_peer.ts";

/** Many calls in flight on an object in a manager's server process. */
export const scenario: Scenario = {
  name: "manager 64 in flight",
  description: "3,200 calls of a counter in another process over loopback TCP, 64 in flight: " +
    "ours on one connection, CPython's from 64 threads; an operation is one call",
  ours: counterCalls({ lanes: 64, callsPerLane: 50 }),
  peers: [pythonPeer({ name: "CPython manager", goal: 10, program: "manager.py", args: ["64"] })],
};

/**
 * One call at a time on an object in a manager's server process.
 *
 * @module
 */

import { bareEchoPeer } from "./bare_echo_peer.ts";
import type { Scenario } from "./harness.ts";
import { counterCalls } from "./manager_counter.ts";
import { pythonPeer } from "./python_peer.ts";

/** One call at a time on an object in a manager's server process. */
export const scenario: Scenario = {
  name: "manager call",
  description: "1,000 calls of a counter in another process over loopback TCP, one at a time; " +
    "an operation is one call",
  ours: counterCalls({ lanes: 1, callsPerLane: 1_000 }),
  peers: [
    pythonPeer({ name: "CPython manager", goal: 1.25, program: "manager.py", args: ["1"] }),
    bareEchoPeer(0.25, 1_000),
  ],
};

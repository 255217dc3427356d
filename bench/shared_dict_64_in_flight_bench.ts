/**
 * Many calls in flight on a dictionary in a manager's server process.
 *
 * @module
 */

import type { Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { dictCalls } from "./shared_dict_subject.ts";

/** Many calls in flight on a dictionary in a manager's server process. */
export const scenario: Scenario = {
  name: "shared dict 64 in flight",
  description: "3,200 calls of a dictionary in another process, 64 in flight: " +
    "ours on one connection, CPython's from 64 threads; an operation is one call",
  ours: dictCalls({ lanes: 64, pairsPerLane: 25 }),
  peers: [
    pythonPeer({
      name: "CPython Manager().dict",
      goal: 10,
      program: "manager_dict.py",
      args: ["64"],
    }),
  ],
};

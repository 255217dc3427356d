/**
 * One call at a time on a dictionary in a manager's server process.
 *
 * @module
 */

import type { Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { dictCalls } from "./shared_dict_subject.ts";

/** One call at a time on a dictionary in a manager's server process. */
export const scenario: Scenario = {
  name: "shared dict call",
  description:
    "500 entries of a dictionary in another process, each written and read, one call at a time; " +
    "an operation is one call",
  ours: dictCalls({ lanes: 1, pairsPerLane: 500 }),
  peers: [
    pythonPeer({
      name: "CPython Manager().dict",
      goal: 1.25,
      program: "manager_dict.py",
      args: ["1"],
    }),
  ],
};

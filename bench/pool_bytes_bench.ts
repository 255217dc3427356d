/**
 * A megabyte to another process and back.
 *
 * @module
 */

import { expectResult, type Scenario } from "./harness.ts";
import { poolContestant } from "./pool_subject.ts";
import { pythonPeer } from "./python_peer.ts";
import { echo } from "./subjects/pool_tasks.ts";

const CALLS = 20;
const megabyte = new Uint8Array(1 << 20);

/** A megabyte to another process and back. */
export const scenario: Scenario = {
  name: "pool bytes",
  description:
    "20 calls that give a Uint8Array of 1 MiB back, one after another; an operation is a call",
  ours: poolContestant("process.Pool.apply", async (pool) => {
    for (let call = 0; call < CALLS; call++) {
      const { length } = await pool.apply(echo, [megabyte]);
      expectResult("the length", length, megabyte.length);
    }
    return CALLS;
  }),
  peers: [
    pythonPeer({ name: "CPython Pool.apply", goal: 1, program: "pool.py", args: ["bytes"] }),
  ],
};

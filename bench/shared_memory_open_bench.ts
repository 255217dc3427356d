/**
 * Making, opening and closing segments of shared memory.
 *
 * @module
 */

import { SharedMemory } from "../ipc/mod.ts";
import { expectResult, measure, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";

const TIMES = 200;
const SIZE = 4096;

/** Making, opening and closing segments of shared memory. */
export const scenario: Scenario = {
  name: "shared memory open",
  description:
    "200 segments of 4 KiB created, written to, attached to, read, closed and unlinked; " +
    "an operation is all of that for one segment",
  ours: {
    name: "ipc.SharedMemory",
    run: () =>
      measure(() => {
        for (let time = 0; time < TIMES; time++) {
          using memory = SharedMemory.create(SIZE);
          memory.buf[7] = time % 256;
          using other = SharedMemory.attach(memory.name);
          expectResult("the byte", other.buf[7]!, time % 256);
          memory.unlink();
        }
        return TIMES;
      }),
  },
  peers: [
    pythonPeer({
      name: "CPython SharedMemory",
      goal: 0.8,
      program: "shared_memory.py",
      args: ["open"],
    }),
  ],
};

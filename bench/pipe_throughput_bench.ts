/**
 * Large messages from one process to another.
 *
 * @module
 */

import { bareStreamPeer } from "./bare_stream_peer.ts";
import { connectionContestant, throughput } from "./connection_subject.ts";
import type { Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";

/** Large messages from one process to another. */
export const scenario: Scenario = {
  name: "pipe throughput",
  description:
    "200 messages of 1 MiB to another process, which counts them; an operation is a message",
  ours: connectionContestant("ipc pipe", "pipe", throughput),
  peers: [
    pythonPeer({
      name: "CPython Pipe",
      goal: 1,
      program: "connection.py",
      args: ["throughput", "pipe"],
    }),
    // What no library can save, without a message at the end: ours may take twice as long.
    bareStreamPeer(0.5, 200),
  ],
};

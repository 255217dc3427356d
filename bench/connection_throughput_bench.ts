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
  name: "connection throughput",
  description:
    "200 messages of 1 MiB to another process, which counts them; an operation is a message",
  ours: connectionContestant("ipc Listener and connect over TCP", "tcp", throughput),
  peers: [
    pythonPeer({
      name: "CPython Listener and Client",
      goal: 1,
      program: "connection.py",
      args: ["throughput", "tcp"],
    }),
    // What no library can save, without a message at the end: ours may take twice as long.
    bareStreamPeer(0.5, 200),
  ],
};

/**
 * Small messages between two processes, there and back.
 *
 * @module
 */

import { bareEchoPeer } from "./bare_echo_peer.ts";
import { connectionContestant, pingPong } from "./connection_subject.ts";
import type { Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";

/** Small messages between two processes, there and back. */
export const scenario: Scenario = {
  name: "pipe ping-pong",
  description:
    "5,000 messages of 64 bytes to another process and back; an operation is a round trip",
  ours: connectionContestant("ipc pipe", "pipe", pingPong),
  peers: [
    pythonPeer({
      name: "CPython Pipe",
      goal: 1 / 0.6,
      program: "connection.py",
      args: ["ping-pong", "pipe"],
    }),
    // The part that no library can save: ours may take twice as long.
    bareEchoPeer(0.5, 5_000),
  ],
};

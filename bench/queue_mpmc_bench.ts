/**
 * Several producers and several consumers on one bounded queue.
 *
 * @module
 */

import { measure, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { passItems } from "./queue_passing.ts";

/** Several producers and several consumers on one bounded queue. */
export const scenario: Scenario = {
  name: "queue mpmc",
  description: "100,000 numbers from 4 producers to 4 consumers through a queue that holds 64; " +
    "an operation is a number put and got",
  ours: {
    name: "coroutine.Queue",
    run: () => measure(() => passItems({ items: 100_000, tasks: 4, maxSize: 64 })),
  },
  peers: [
    pythonPeer({ name: "asyncio.Queue", goal: 3, program: "asyncio_queue.py", args: ["mpmc"] }),
  ],
};

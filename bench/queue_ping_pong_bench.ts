/**
 * A producer and a consumer that wait for each other at every item.
 *
 * @module
 */

import { measure, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { passItems } from "./queue_passing.ts";

/** A producer and a consumer that wait for each other at every item. */
export const scenario: Scenario = {
  name: "queue ping-pong",
  description: "10,000 numbers from a producer to a consumer through a queue that holds one; " +
    "an operation is a number put and got",
  ours: {
    name: "coroutine.Queue",
    run: () => measure(() => passItems({ items: 10_000, tasks: 1, maxSize: 1 })),
  },
  peers: [
    pythonPeer({
      name: "asyncio.Queue",
      goal: 3,
      program: "asyncio_queue.py",
      args: ["ping-pong"],
    }),
  ],
};

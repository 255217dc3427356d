/**
 * A lock between threads that nobody else wants: acquired and released by one thread, which would block.
 *
 * @module
 */

import { Lock } from "../thread/mod.ts";
import { expectResult, measure, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";

const TURNS = 100_000;

/** A lock between threads that nobody else wants. */
export const scenario: Scenario = {
  name: "thread lock uncontended",
  description: "100,000 times acquired and released by one thread; an operation is both",
  ours: { name: "thread.Lock", run: () => measure(lockAndUnlock) },
  peers: [
    pythonPeer({
      name: "CPython threading.Lock",
      goal: 2,
      program: "thread_lock.py",
      args: ["uncontended"],
    }),
  ],
};

function lockAndUnlock(): number {
  const lock = new Lock();
  let held = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    if (lock.acquireSync()) held++;
    lock.release();
  }
  expectResult("how often it was held", held, TURNS);
  return TURNS;
}

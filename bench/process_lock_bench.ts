/**
 * A lock of this process, acquired and released by a child.
 *
 * @module
 */

import { Lock, Queue } from "../ipc/mod.ts";
import { Process } from "../process/mod.ts";
import { type Contestant, expectResult, measure, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { acquireMany } from "./subjects/process_turns.ts";

const TURNS = 1_000;

/** A lock of this process, acquired and released by a child. */
export const scenario: Scenario = {
  name: "process lock",
  description: "1,000 times acquire and release in a child, of a lock that nobody else wants; " +
    "an operation is both. multiprocessing.Lock is a semaphore in shared memory: no message is sent",
  ours: lockInChild(),
  peers: [
    pythonPeer({
      name: "Manager().Lock",
      goal: 2,
      program: "process_turns.py",
      args: ["manager-lock"],
    }),
    pythonPeer({
      name: "multiprocessing.Lock",
      goal: 0.01,
      program: "process_turns.py",
      args: ["lock"],
    }),
  ],
};

function lockInChild(): Contestant {
  const lock = new Lock();
  const turns = new Queue<number>();
  const done = new Queue<number>();
  let child: Process | undefined;
  return {
    name: "ipc.Lock",
    async setup(): Promise<void> {
      child = new Process({
        module: new URL("./subjects/process_turns.ts", import.meta.url),
        target: acquireMany,
        args: [lock, turns, done],
      }) as Process;
      await child.start();
    },
    run: () =>
      measure(async () => {
        await turns.put(TURNS);
        expectResult("the turns", await done.get(), TURNS);
        return TURNS;
      }),
    async teardown(): Promise<void> {
      await turns.put(0);
      await child?.join();
      for (const object of [lock, turns, done]) await object.close();
    },
  };
}

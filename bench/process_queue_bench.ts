/**
 * Small messages through a queue, from a child to this process.
 *
 * @module
 */

import { Queue } from "../ipc/mod.ts";
import { Process } from "../process/mod.ts";
import { type Contestant, expectResult, measure, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { sumBelow } from "./queue_passing.ts";
import { putMany } from "./subjects/process_turns.ts";

const ITEMS = 100_000;

/** Small messages through a queue, from a child to this process. */
export const scenario: Scenario = {
  name: "process queue",
  description:
    "100,000 numbers put by a child, one after the other, and got here; an operation is a number. " +
    "No put is waited for, as in Python, where a thread of the child sends them",
  ours: queueFromChild(),
  peers: [
    pythonPeer({
      name: "multiprocessing.Queue",
      goal: 3,
      program: "process_turns.py",
      args: ["queue"],
    }),
  ],
};

function queueFromChild(): Contestant {
  const turns = new Queue<number>();
  const items = new Queue<number>();
  let child: Process | undefined;
  return {
    name: "ipc.Queue",
    async setup(): Promise<void> {
      child = new Process({
        module: new URL("./subjects/process_turns.ts", import.meta.url),
        target: putMany,
        args: [turns, items],
      }) as Process;
      await child.start();
    },
    run: () =>
      measure(async () => {
        await turns.put(ITEMS);
        let total = 0;
        for (let taken = 0; taken < ITEMS; taken++) total += await items.get();
        expectResult("the sum", total, sumBelow(ITEMS));
        return ITEMS;
      }),
    async teardown(): Promise<void> {
      await turns.put(0);
      await child?.join();
      for (const object of [turns, items]) await object.close();
    },
  };
}

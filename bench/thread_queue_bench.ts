/**
 * Numbers from one thread to another.
 *
 * @module
 */

import { Queue, Thread } from "../thread/mod.ts";
import { type Contestant, expectResult, measure, type Peer, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { sumBelow } from "./queue_passing.ts";
import { addUp } from "./subjects/thread_turns.ts";

const ITEMS = 20_000;
const MAX_SIZE = 1_024;

/** Numbers from one thread to another. */
export const scenario: Scenario = {
  name: "thread queue",
  description:
    "20,000 numbers to another thread, through a queue that holds 1,024, and their sum back; " +
    "an operation is a number",
  ours: queueContestant(),
  peers: [
    barePeer(),
    pythonPeer({ name: "CPython queue.Queue", goal: 1, program: "thread_queue.py" }),
  ],
};

function queueContestant(): Contestant {
  const [numbers, sums] = [new Queue<number>(MAX_SIZE), new Queue<number>()];
  let thread: Thread | undefined;
  return {
    name: "thread.Queue",
    async setup(): Promise<void> {
      thread = new Thread({
        module: new URL("./subjects/thread_turns.ts", import.meta.url),
        target: addUp.name,
        args: [numbers, sums],
      });
      await thread.start();
    },
    run: () =>
      measure(() => {
        for (let n = 0; n < ITEMS; n++) numbers.putSync(n);
        numbers.putSync(-1);
        expectResult("the sum", sums.getSync(), sumBelow(ITEMS));
        return ITEMS;
      }),
    async teardown(): Promise<void> {
      numbers.shutdown();
      await thread?.join();
    },
  };
}

function barePeer(): Peer {
  let worker: Worker | undefined;
  return {
    name: "bare postMessage",
    goal: 1,
    setup(): void {
      worker = new Worker(new URL("./peers/bare_turns.ts", import.meta.url), { type: "module" });
    },
    run: () =>
      measure(async () => {
        const sum = new Promise<number>((resolve) => {
          worker!.onmessage = ({ data }) => resolve(data);
        });
        for (let n = 0; n < ITEMS; n++) worker!.postMessage(n);
        worker!.postMessage(-1);
        expectResult("the sum", await sum, sumBelow(ITEMS));
        return ITEMS;
      }),
    teardown(): void {
      worker?.terminate();
      worker = undefined;
    },
  };
}

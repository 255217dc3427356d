/**
 * A large array to a thread and back, moved.
 *
 * @module
 */

import { move } from "../thread/mod.ts";
import { bareEchoWorkerPeer, type Echo } from "./bare_echo_worker_peer.ts";
import { expectResult, type Scenario } from "./harness.ts";
import { passOn } from "./subjects/thread_pool_tasks.ts";
import { threadPoolContestant } from "./thread_pool_subject.ts";

const LENGTH = 1024 * 1024;
const TIMES = 200;

/** A large array to a thread and back, moved. */
export const scenario: Scenario = {
  name: "thread pool move",
  description:
    "a Float64Array of 8 MiB to a thread and back, moved; an operation is there and back",
  ours: threadPoolContestant(
    "ThreadPool.apply with move()",
    (pool) => pass((values) => pool.apply(passOn, [move(values)])),
    1,
    new URL("./subjects/thread_pool_tasks.ts", import.meta.url),
  ),
  peers: [bareEchoWorkerPeer("postMessage with a transfer", 1 / 1.3, "move", pass)],
};

async function pass(echo: Echo): Promise<number> {
  let values = new Float64Array(LENGTH);
  for (let n = 0; n < TIMES; n++) {
    values[n] = n;
    const before = values;
    values = await echo(values);
    expectResult("a number", values[n]!, n);
    expectResult("the length of what was moved", before.length, 0);
  }
  return TIMES;
}

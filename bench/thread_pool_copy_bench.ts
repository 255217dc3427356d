/**
 * A large array to a thread and back, copied.
 *
 * @module
 */

import { bareEchoWorkerPeer, type Echo } from "./bare_echo_worker_peer.ts";
import { expectResult, type Scenario } from "./harness.ts";
import { echoNumbers } from "./subjects/thread_pool_tasks.ts";
import { threadPoolContestant } from "./thread_pool_subject.ts";

const LENGTH = 1024 * 1024;
const TIMES = 8;

/** A large array to a thread and back, copied. */
export const scenario: Scenario = {
  name: "thread pool copy",
  description:
    "a Float64Array of 8 MiB to a thread and back, copied; an operation is there and back",
  ours: threadPoolContestant(
    "ThreadPool.apply",
    (pool) => copy((values) => pool.apply(echoNumbers, [values])),
    1,
    new URL("./subjects/thread_pool_tasks.ts", import.meta.url),
  ),
  peers: [bareEchoWorkerPeer("postMessage", 1 / 1.3, "copy", copy)],
};

async function copy(echo: Echo): Promise<number> {
  const values = new Float64Array(LENGTH).fill(0.5);
  for (let n = 0; n < TIMES; n++) {
    values[n] = n;
    const back = await echo(values);
    expectResult("a number", back[n]!, n);
    expectResult("the length", back.length, LENGTH);
  }
  return TIMES;
}

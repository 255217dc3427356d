/**
 * One call of a thread at a time: there and back.
 *
 * @module
 */

import { expectResult, type Scenario } from "./harness.ts";
import { addOne } from "./subjects/pool_tasks.ts";
import { type AddOne, threadPoolContestant, threadPoolPeers } from "./thread_pool_subject.ts";

const CALLS = 2_000;

/** One call at a time. */
export const scenario: Scenario = {
  name: "thread pool apply",
  description:
    "2,000 calls that add one, each awaited before the next; 2 threads; an operation is a call",
  ours: threadPoolContestant("ThreadPool.apply", (pool) => call((n) => pool.apply(addOne, [n]))),
  peers: threadPoolPeers(2, call),
};

async function call(addOne: AddOne): Promise<number> {
  for (let n = 0; n < CALLS; n++) expectResult("the result", Number(await addOne(n)), n + 1);
  return CALLS;
}

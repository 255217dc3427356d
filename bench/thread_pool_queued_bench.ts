/**
 * Many small calls that are queued at once.
 *
 * @module
 */

import { expectResult, type Scenario } from "./harness.ts";
import { addOne } from "./subjects/pool_tasks.ts";
import { type AddOne, threadPoolContestant, threadPoolPeers } from "./thread_pool_subject.ts";

const CALLS = 100_000;

/** Many small calls that are queued at once. */
export const scenario: Scenario = {
  name: "thread pool queued",
  description:
    "100,000 calls that add one, all made before the first result; 2 threads; an operation is a call",
  ours: threadPoolContestant("ThreadPool.apply", (pool) => call((n) => pool.apply(addOne, [n]))),
  peers: threadPoolPeers(5, call),
};

async function call(addOne: AddOne): Promise<number> {
  const results = await Promise.all(Array.from({ length: CALLS }, (_, n) => addOne(n)));
  expectResult("the last result", Number(results[CALLS - 1]), CALLS);
  return CALLS;
}

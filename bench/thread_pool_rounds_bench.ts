/**
 * Rounds of a hundred small calls.
 *
 * @module
 */

import { expectResult, type Scenario } from "./harness.ts";
import { addOne } from "./subjects/pool_tasks.ts";
import { type AddOne, threadPoolContestant, threadPoolPeers } from "./thread_pool_subject.ts";

const ROUNDS = 100;
const CALLS = 100;

/** Rounds of a hundred small calls. */
export const scenario: Scenario = {
  name: "thread pool rounds",
  description:
    "rounds of 100 calls that add one, a round begins when the one before has ended; 2 threads; an operation is a call",
  ours: threadPoolContestant("ThreadPool.apply", (pool) => call((n) => pool.apply(addOne, [n]))),
  peers: threadPoolPeers(8, call, ["poolifier"]),
};

async function call(addOne: AddOne): Promise<number> {
  for (let round = 0; round < ROUNDS; round++) {
    const results = await Promise.all(Array.from({ length: CALLS }, (_, n) => addOne(n)));
    expectResult("the last result", Number(results[CALLS - 1]), CALLS);
  }
  return ROUNDS * CALLS;
}

/**
 * Tasks that compute: two threads beside one.
 *
 * @module
 */

import type { ThreadPool } from "../thread/mod.ts";
import { expectResult, type Scenario } from "./harness.ts";
import { burn } from "./subjects/pool_tasks.ts";
import { threadPoolContestant } from "./thread_pool_subject.ts";

const TASKS = 32;
const seeds = Array.from({ length: TASKS }, (_, n) => n);

/** Tasks that compute: two threads beside one. */
export const scenario: Scenario = {
  name: "thread pool cpu",
  description: "32 tasks that compute for some milliseconds; an operation is a task",
  ours: threadPoolContestant("ThreadPool(2)", burnAll, 2),
  peers: [{ ...threadPoolContestant("ThreadPool(1)", burnAll, 1), goal: 1.9 }],
};

async function burnAll(pool: ThreadPool): Promise<number> {
  const results = await pool.map(burn, seeds);
  expectResult("the number of results", new Set(results).size, TASKS);
  return TASKS;
}

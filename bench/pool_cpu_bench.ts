/**
 * Tasks that compute: two processes beside one.
 *
 * @module
 */

import { expectResult, type Scenario } from "./harness.ts";
import type { Pool } from "../process/mod.ts";
import { poolContestant } from "./pool_subject.ts";
import { burn } from "./subjects/pool_tasks.ts";

const TASKS = 32;
const seeds = Array.from({ length: TASKS }, (_, n) => n);

/** Tasks that compute: two processes beside one. */
export const scenario: Scenario = {
  name: "pool cpu",
  description: "32 tasks that compute for some milliseconds; an operation is a task",
  ours: poolContestant("process.Pool(2)", burnAll, 2),
  peers: [{ ...poolContestant("process.Pool(1)", burnAll, 1), goal: 1.9 }],
};

async function burnAll(pool: Pool): Promise<number> {
  const results = await pool.map(burn, seeds);
  expectResult("the number of results", new Set(results).size, TASKS);
  return TASKS;
}

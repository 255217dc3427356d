/**
 * Pools of processes for the pool scenarios: started at setup, ended at teardown.
 *
 * @module
 */

import { Pool } from "../process/mod.ts";
import { type Contestant, measure } from "./harness.ts";

/** How many workers the pools have: a machine with two processors is enough to run the scenarios. */
export const WORKERS = 2;

/**
 * Makes a contestant that uses a pool of processes.
 *
 * @param name Its name.
 * @param pass Does some operations with the pool, checks them, and answers how many they were.
 * @param workers How many workers the pool has.
 * @returns The contestant.
 */
export function poolContestant(
  name: string,
  pass: (pool: Pool) => Promise<number>,
  workers: number = WORKERS,
): Contestant {
  let pool: Pool | undefined;
  return {
    name,
    setup(): void {
      pool = new Pool(workers, { module: new URL("./subjects/pool_tasks.ts", import.meta.url) });
    },
    run() {
      const open = pool;
      if (open === undefined) throw new Error(`Cannot run ${name}: it was not set up`);
      return measure(() => pass(open));
    },
    async teardown(): Promise<void> {
      await pool?.terminate();
      pool = undefined;
    },
  };
}

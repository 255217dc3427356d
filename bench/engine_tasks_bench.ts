/**
 * Many tasks at a time, and their results.
 *
 * @module
 */

import { engineContestants } from "./engine_subject.ts";
import { expectResult, measure, type Scenario } from "./harness.ts";

const TASKS = 500;

/** Many tasks at a time, and their results. */
export const scenario: Scenario = {
  name: "engine tasks",
  description:
    "a manager's queue against the same queue on NATS: 500 tasks at a time to 2 worker " +
    "processes, each of which runs 8 at a time, and their results; an operation is a task",
  ...engineContestants({
    workers: 2,
    concurrency: 8,
    round: (queue) =>
      measure(async () => {
        const results = await Promise.all(
          Array.from({ length: TASKS }, async (_, n) => (await queue.put(n)).result()),
        );
        const sum = results.reduce((total, n) => total + n, 0);
        expectResult("the sum", sum, TASKS * (TASKS + 1) / 2);
        return TASKS;
      }),
  }),
};

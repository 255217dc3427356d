/**
 * A task to a worker in another process, and its result, one at a time.
 *
 * @module
 */

import { engineContestants } from "./engine_subject.ts";
import { expectResult, measure, type Scenario } from "./harness.ts";

const TASKS = 50;

/** A task to a worker in another process, and its result, one at a time. */
export const scenario: Scenario = {
  name: "engine round trip",
  description: "a manager's queue against the same queue on NATS: 50 tasks to one worker process " +
    "and their results, one at a time; an operation is a task and its result",
  ...engineContestants({
    workers: 1,
    concurrency: 1,
    round: (queue) =>
      measure(async () => {
        for (let n = 0; n < TASKS; n++) {
          expectResult("the result", await (await queue.put(n)).result(), n + 1);
        }
        return TASKS;
      }),
  }),
};

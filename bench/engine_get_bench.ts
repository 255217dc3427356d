/**
 * Tasks that are taken and completed, one after the other.
 *
 * @module
 */

import { engineContestants } from "./engine_subject.ts";
import { expectResult, type Scenario } from "./harness.ts";

const TASKS = 300;

/** Tasks that are taken and completed, one after the other. */
export const scenario: Scenario = {
  name: "engine get",
  description: "a manager's queue against the same queue on NATS: 300 tasks that are there are " +
    "taken and completed, one after the other; an operation is both",
  ...engineContestants({
    workers: 0,
    concurrency: 0,
    async round(queue) {
      await Promise.all(Array.from({ length: TASKS }, (_, n) => queue.put(n)));
      let counted = 0;
      const begin = performance.now();
      for (let n = 0; n < TASKS; n++) {
        const lease = await queue.get();
        if (await lease.complete(lease.value + 1)) counted++;
      }
      const seconds = (performance.now() - begin) / 1000;
      expectResult("the tasks that count", counted, TASKS);
      return { seconds, operations: TASKS };
    },
  }),
};

/**
 * Confirmed puts, one after the other.
 *
 * @module
 */

import { engineContestants } from "./engine_subject.ts";
import { measure, type Scenario } from "./harness.ts";

const PUTS = 100;

/** Confirmed puts, one after the other. */
export const scenario: Scenario = {
  name: "engine put",
  description: "a manager's queue against the same queue on NATS: 100 puts, one after the other, " +
    "each confirmed; an operation is a put",
  ...engineContestants({
    workers: 0,
    concurrency: 0,
    round: (queue) =>
      measure(async () => {
        for (let n = 0; n < PUTS; n++) await queue.put(n);
        return PUTS;
      }),
  }),
};

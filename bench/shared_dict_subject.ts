/**
 * What the scenarios of dictionaries share: a contestant that writes and reads a dictionary in a server process.
 *
 * @module
 */

import { Manager } from "../distributed/mod.ts";
import { type Contestant, expectResult, measure } from "./harness.ts";

/** What is called, and how. */
export interface DictCallsOptions {
  /** How many calls are in flight at a time. */
  readonly lanes: number;
  /** How many times each lane writes an entry and reads it. */
  readonly pairsPerLane: number;
}

/** The part of a dictionary that is called. */
interface Entries {
  set(key: string, value: number): Promise<unknown>;
  get(key: string): Promise<number | undefined>;
}

/**
 * Makes the contestant: the dictionary lives in a child process that listens on loopback TCP; all calls go over one
 * connection.
 *
 * @param options How many lanes of how many calls.
 * @returns The contestant.
 */
export function dictCalls(options: DictCallsOptions): Contestant {
  let manager: AsyncDisposable | undefined;
  let entries: Entries | undefined;
  return {
    name: "ipc.SharedDict of a Manager",
    async setup(): Promise<void> {
      const started = await Manager();
      manager = started;
      entries = await started.dict<string, number>();
    },
    run() {
      const target = entries;
      if (target === undefined) throw new Error("Cannot call the dictionary: it was not set up");
      return measure(() => callAll(target, options));
    },
    async teardown(): Promise<void> {
      await manager?.[Symbol.asyncDispose]();
      manager = entries = undefined;
    },
  };
}

/** One pass: what every lane has written it must have read. */
async function callAll(entries: Entries, options: DictCallsOptions): Promise<number> {
  const { lanes, pairsPerLane } = options;
  const sums = await Promise.all(Array.from({ length: lanes }, async (_, lane) => {
    let sum = 0;
    for (let n = 0; n < pairsPerLane; n++) {
      await entries.set(`${lane} ${n}`, n);
      sum += await entries.get(`${lane} ${n}`) ?? NaN;
    }
    return sum;
  }));
  const wanted = lanes * (pairsPerLane * (pairsPerLane - 1) / 2);
  expectResult("the sum", sums.reduce((a, b) => a + b), wanted);
  return 2 * lanes * pairsPerLane;
}

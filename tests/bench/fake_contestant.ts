/**
 * Contestants whose times are made up, so that nothing in the harness's tests depends on a clock.
 *
 * @module
 */

import type { Contestant, Peer, Round, Scenario } from "../../bench/harness.ts";

/** How a fake contestant behaves. */
export interface FakeOptions {
  /** The seconds of each round, the warm-up first; the last one goes on for ever. */
  seconds?: readonly number[];
  /** The operations of each round. */
  operations?: number;
  /** Where it writes `name:setup`, `name:run` and `name:teardown`. */
  log?: string[];
  /** In which step it throws; `"run 1"` is the round after the warm-up. */
  throwsIn?: string;
  /** What it says that it ran on. */
  versions?: Record<string, string>;
}

/** A contestant that measures what it is told to. */
export function fakeContestant(name: string, options: FakeOptions = {}): Contestant {
  const { seconds = [1], operations = 1, log = [], throwsIn, versions = {} } = options;
  let runs = 0;
  const enter = (step: string, detail: string = step): void => {
    log.push(`${name}:${step}`);
    if (throwsIn === detail) throw new Error(`${name} broke in ${detail}`);
  };
  return {
    name,
    setup: () => enter("setup"),
    run(): Promise<Round> {
      const run = runs++;
      enter("run", `run ${run}`);
      return Promise.resolve({ seconds: seconds[run] ?? seconds.at(-1) ?? 1, operations });
    },
    teardown: () => enter("teardown"),
    versions: () => versions,
  };
}

/** A peer that measures what it is told to. */
export function fakePeer(
  name: string,
  options: FakeOptions & { goal?: number; unavailable?: string } = {},
): Peer {
  const { goal = 1, unavailable } = options;
  return {
    ...fakeContestant(name, options),
    goal,
    unavailable: () => Promise.resolve(unavailable),
  };
}

/** A scenario of fakes; ours takes one second for one operation unless told otherwise. */
export function fakeScenario(
  name: string,
  peers: readonly Peer[],
  ours: Contestant = fakeContestant("ours"),
): Scenario {
  return { name, description: `the work of ${name}`, ours, peers };
}

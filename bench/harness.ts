/**
 * Runs a scenario: ours and its peers in turn, round by round, in one run of one program.
 *
 * - A scenario is one piece of work. *Ours* is this project's way to do it; a *peer* is what a user
 *   would pick instead.
 * - Order: one warm-up each, then the rounds as ours, peer, ours, peer, … so that a change in the
 *   machine's load falls on all of them. A round's ratio compares neighbours in time.
 * - A **ratio** says how many times faster ours is than the peer: the peer's time for one operation
 *   divided by our time for one operation. 2 means twice as fast, 0.5 means half as fast.
 * - A **goal** is the least median ratio that counts as met.
 * - The work checks its own result and throws when it is wrong; a contestant that throws is
 *   reported as failed, and the others still run.
 *
 * @module
 */

/** How many timed rounds each contestant runs unless told otherwise. */
export const DEFAULT_ROUNDS = 5;

/** How long one setup, round or teardown may take, in milliseconds. */
const STEP_LIMIT_MS = 60_000;

/** How long {@linkcode measure} repeats a pass for one round, in seconds. */
const ROUND_SECONDS = 0.3;

/** What one round of a contestant measured. */
export interface Round {
  /** The time of the whole round, in seconds. */
  readonly seconds: number;
  /** How many operations were done in that time. */
  readonly operations: number;
}

/** One way to do the work of a scenario. */
export interface Contestant {
  /** What is measured, as the table prints it. */
  readonly name: string;
  /** Prepares what all rounds share; not timed. */
  setup?(): void | Promise<void>;
  /** Does one timed round and checks its result. Throws when the result is wrong. */
  run(): Promise<Round>;
  /** Gives everything back. It is called also after a setup or a round that threw. */
  teardown?(): void | Promise<void>;
  /** The versions of what it ran on, by name. It is asked after the rounds, before teardown. */
  versions?(): Readonly<Record<string, string>>;
}

/** What a user would pick instead, and how much faster ours is meant to be. */
export interface Peer extends Contestant {
  /** The least median ratio that counts as met. */
  readonly goal: number;
  /** Why the peer cannot run on this machine, or `undefined` when it can. */
  unavailable?(): Promise<string | undefined>;
}

/** A named piece of work, and those who do it. */
export interface Scenario {
  /** Its name: lower-case words; the first word is its group. */
  readonly name: string;
  /** One line: the work, its sizes, and what one operation is. */
  readonly description: string;
  /** This project's way. */
  readonly ours: Contestant;
  /** The others, in the order in which they run. */
  readonly peers: readonly Peer[];
}

/** Median, minimum and maximum of some samples. */
export interface Statistics {
  /** The middle sample, or the mean of the two in the middle. */
  readonly median: number;
  /** The smallest sample. */
  readonly minimum: number;
  /** The largest sample. */
  readonly maximum: number;
}

/** What became of a comparison. */
export type Verdict = "met" | "short" | "skipped" | "failed";

/** Ours beside one peer. */
export interface Comparison {
  /** The scenario's name. */
  readonly scenario: string;
  /** The peer's name. */
  readonly peer: string;
  /** The least median ratio that counts as met. */
  readonly goal: number;
  /** Whether the goal was met; `"skipped"` and `"failed"` have no ratio. */
  readonly verdict: Verdict;
  /** Why it was skipped or failed, otherwise `undefined`. */
  readonly why?: string | undefined;
  /** How many times faster ours is than the peer, over the rounds. */
  readonly ratio?: Statistics | undefined;
  /** Our seconds for one operation, over the rounds. */
  readonly ourSeconds?: Statistics | undefined;
  /** The peer's seconds for one operation, over the rounds. */
  readonly peerSeconds?: Statistics | undefined;
  /** Our rounds, in the order in which they ran. */
  readonly ourRounds: readonly Round[];
  /** The peer's rounds, in the order in which they ran. */
  readonly peerRounds: readonly Round[];
}

/** What {@linkcode runScenario} answers. */
export interface ScenarioResult {
  /** One for each peer, in the scenario's order. */
  readonly comparisons: readonly Comparison[];
  /** The versions that the contestants named. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Options for {@linkcode runScenario}. */
export interface RunScenarioOptions {
  /** How many timed rounds each contestant runs. @default {5} */
  readonly rounds?: number | undefined;
  /** How long one setup, round or teardown may take, in milliseconds. @default {60_000} */
  readonly stepLimitMs?: number | undefined;
}

/** A contestant in the midst of a run. */
interface Entrant {
  readonly contestant: Contestant;
  readonly rounds: Round[];
  /** The first thing that went wrong; nothing more is run after it, except teardown. */
  error?: string;
}

/** Thrown by {@linkcode selectScenarios} for a name that no scenario has. */
export class UnknownScenarioError extends RangeError {
  /** The name that was asked for. */
  readonly scenarioName: string;

  /**
   * Names the scenario that is missing and those that there are.
   *
   * @param scenarioName The name that was asked for.
   * @param known The names that exist.
   */
  constructor(scenarioName: string, known: readonly string[]) {
    super(
      `Cannot run scenario "${scenarioName}": no scenario has this name; ` +
        `there are ${known.map((name) => `"${name}"`).join(", ")}`,
    );
    this.name = "UnknownScenarioError";
    this.scenarioName = scenarioName;
  }
}

/**
 * Picks scenarios by name. A name picks the scenario that has it, and otherwise all those that
 * begin with it as whole words: `queue` picks `queue seq` and `queue mpmc`.
 *
 * @param scenarios All scenarios.
 * @param names The wanted names; none means all.
 * @returns The picked ones, each once, in the order of `scenarios`.
 * @throws {UnknownScenarioError} when a name picks nothing.
 */
export function selectScenarios(
  scenarios: readonly Scenario[],
  names: readonly string[],
): Scenario[] {
  if (names.length === 0) return [...scenarios];
  const picked = new Set<Scenario>();
  for (const name of names) {
    const exact = scenarios.filter((scenario) => scenario.name === name);
    const found = exact.length > 0
      ? exact
      : scenarios.filter((scenario) => scenario.name.startsWith(`${name} `));
    if (found.length === 0) {
      throw new UnknownScenarioError(name, scenarios.map((scenario) => scenario.name));
    }
    for (const scenario of found) picked.add(scenario);
  }
  return scenarios.filter((scenario) => picked.has(scenario));
}

/**
 * Runs one scenario and compares ours with each peer. It never rejects because of a contestant:
 * what a contestant throws becomes the verdict `"failed"`.
 *
 * @param scenario What to run.
 * @param options How many rounds, and how long a step may take.
 * @returns One comparison for each peer, and the versions that the contestants named.
 * @throws {RangeError} when `rounds` is not a positive integer.
 */
export async function runScenario(
  scenario: Scenario,
  options: RunScenarioOptions = {},
): Promise<ScenarioResult> {
  const { rounds = DEFAULT_ROUNDS, stepLimitMs = STEP_LIMIT_MS } = options;
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new RangeError(`Cannot run scenario: "rounds" is ${rounds}, must be a positive integer`);
  }
  const skipped = new Map<Peer, string>();
  for (const peer of scenario.peers) {
    const why = await peer.unavailable?.();
    if (why !== undefined) skipped.set(peer, why);
  }
  const ours: Entrant = { contestant: scenario.ours, rounds: [] };
  const peers = new Map<Peer, Entrant>();
  for (const peer of scenario.peers) {
    if (!skipped.has(peer)) peers.set(peer, { contestant: peer, rounds: [] });
  }
  const entrants = peers.size === 0 ? [] : [ours, ...peers.values()];
  const versions = await runRounds(entrants, rounds, stepLimitMs);
  const comparisons = scenario.peers.map((peer) =>
    compare(scenario, peer, ours, peers.get(peer) ?? `${skipped.get(peer)}`)
  );
  return { comparisons, versions };
}

/**
 * Repeats a pass until a round's worth of time is used, at least once.
 *
 * @param pass Does some operations, checks them, and answers how many they were.
 * @param minimumSeconds The time after which no further pass begins, in seconds.
 * @returns The time of all passes and the number of their operations.
 */
export async function measure(
  pass: () => number | Promise<number>,
  minimumSeconds: number = ROUND_SECONDS,
): Promise<Round> {
  const begin = performance.now();
  let operations = 0;
  let seconds = 0;
  do {
    operations += await pass();
    seconds = (performance.now() - begin) / 1000;
  } while (seconds < minimumSeconds);
  return { seconds, operations };
}

/**
 * Throws when a result is not the expected one; contestants check their work with it.
 *
 * @param what What was counted, for the message.
 * @param actual What came out.
 * @param expected What had to come out.
 * @throws {Error} when the two differ.
 */
export function expectResult(what: string, actual: number, expected: number): void {
  if (actual !== expected) {
    throw new Error(`Wrong result: ${what} is ${actual}, must be ${expected}`);
  }
}

/**
 * Median, minimum and maximum.
 *
 * @param samples At least one finite number.
 * @returns The three.
 * @throws {RangeError} when there is no sample.
 */
export function statistics(samples: readonly number[]): Statistics {
  const sorted = samples.toSorted((a, b) => a - b);
  const minimum = sorted.at(0);
  const maximum = sorted.at(-1);
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  const upper = sorted[Math.floor(sorted.length / 2)];
  if (
    minimum === undefined || maximum === undefined || lower === undefined || upper === undefined
  ) {
    throw new RangeError("Cannot compute statistics: there are no samples");
  }
  return { median: (lower + upper) / 2, minimum, maximum };
}

/**
 * Waits for a promise, but not for ever.
 *
 * @typeParam T What the promise gives.
 * @param promise What is awaited. It is not stopped when the time is over.
 * @param limitMs The time that it has, in milliseconds.
 * @param what What is awaited, for the message.
 * @returns What the promise gives.
 * @throws {Error} when the time is over first.
 */
export async function withDeadline<T>(
  promise: Promise<T>,
  limitMs: number,
  what: string,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`Gave up on ${what}: it took longer than ${limitMs} ms`)),
    limitMs,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Sets up, warms up, runs the rounds in turn, and tears down whatever was set up. */
async function runRounds(
  entrants: readonly Entrant[],
  rounds: number,
  limitMs: number,
): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  try {
    for (const entrant of entrants) {
      await step(entrant, "setup", limitMs, async () => await entrant.contestant.setup?.());
    }
    // Round 0 is the warm-up: its samples are dropped.
    for (let round = 0; round <= rounds; round++) {
      for (const entrant of entrants) {
        await step(entrant, round === 0 ? "warm-up" : `round ${round}`, limitMs, async () => {
          const sample = checkRound(await entrant.contestant.run());
          if (round > 0) entrant.rounds.push(sample);
        });
      }
    }
    for (const { contestant, error } of entrants) {
      if (error === undefined) Object.assign(versions, contestant.versions?.());
    }
  } finally {
    for (const entrant of entrants.toReversed()) await tearDown(entrant, limitMs);
  }
  return versions;
}

/** Runs one step of a contestant that has not failed yet, and notes what it throws. */
async function step(
  entrant: Entrant,
  name: string,
  limitMs: number,
  action: () => Promise<void>,
): Promise<void> {
  if (entrant.error !== undefined) return;
  const what = `${name} of ${entrant.contestant.name}`;
  try {
    await withDeadline(action(), limitMs, what);
  } catch (error) {
    entrant.error = `${what}: ${messageOf(error)}`;
  }
}

/** Tears down a contestant, also one that has failed; its first error is the one that is kept. */
async function tearDown(entrant: Entrant, limitMs: number): Promise<void> {
  const earlier = entrant.error;
  delete entrant.error;
  await step(entrant, "teardown", limitMs, async () => await entrant.contestant.teardown?.());
  if (earlier !== undefined) entrant.error = earlier;
}

/** Refuses a round from which no time per operation follows. */
function checkRound(round: Round): Round {
  const { seconds, operations } = round;
  if (!(Number.isFinite(seconds) && seconds > 0)) {
    throw new RangeError(`Wrong round: "seconds" is ${seconds}, must be a positive number`);
  }
  if (!(Number.isSafeInteger(operations) && operations > 0)) {
    throw new RangeError(`Wrong round: "operations" is ${operations}, must be a positive integer`);
  }
  return { seconds, operations };
}

/** Compares ours with one peer; a string in the place of the peer says why it was skipped. */
function compare(
  scenario: Scenario,
  peer: Peer,
  ours: Entrant,
  theirs: Entrant | string,
): Comparison {
  const head = { scenario: scenario.name, peer: peer.name, goal: peer.goal };
  if (typeof theirs === "string") {
    return { ...head, verdict: "skipped", why: theirs, ourRounds: ours.rounds, peerRounds: [] };
  }
  const samples = { ourRounds: ours.rounds, peerRounds: theirs.rounds };
  const why = ours.error ?? theirs.error;
  if (why !== undefined) return { ...head, ...samples, verdict: "failed", why };
  const ourTimes = ours.rounds.map(secondsPerOperation);
  const peerTimes = theirs.rounds.map(secondsPerOperation);
  const ratio = statistics(ratios(ourTimes, peerTimes));
  return {
    ...head,
    verdict: ratio.median >= peer.goal ? "met" : "short",
    ratio,
    ourSeconds: statistics(ourTimes),
    peerSeconds: statistics(peerTimes),
    ...samples,
  };
}

/** The ratio of each round: the peer's time divided by ours. */
function ratios(ourTimes: readonly number[], peerTimes: readonly number[]): number[] {
  return peerTimes.map((peerTime, round) => peerTime / (ourTimes[round] ?? NaN));
}

function secondsPerOperation(round: Round): number {
  return round.seconds / round.operations;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

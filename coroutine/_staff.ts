import { startLimit } from "./_check_timeout.ts";
import { runOutsideTasks } from "./_current_scope.ts";
import { Hand, type HandOwner } from "./_hand.ts";
import type { HeldJob } from "./_held_job.ts";
import type { PoolFigures } from "./_pool_figures.ts";
import type { CreateRunner, Runner, RunnerPort } from "./_runner.ts";

/** After so many runners in a row that died before they had done anything, the next one would as well. */
const MOST_STILLBORN = 8;

/** How many runners, and how long each lives. Checked already. */
export interface StaffOptions {
  readonly create: CreateRunner<never>;
  /** The most runners at a time. */
  readonly size: number;
  /** How many are made at once, and stay when there is nothing to do. */
  readonly minimum: number;
  /** After how long without work a runner beyond `minimum` ends. */
  readonly idleTimeoutMs: number;
  /** After how many items a runner is replaced by a new one. */
  readonly maxItemsPerRunner: number;
  /** How long a runner may take to stop what it was asked to stop. */
  readonly graceMs: number;
}

/** The core, as its staff sees it. */
export interface Employer {
  readonly figures: PoolFigures;
  /** A hand has become free, or there is a new one. */
  pump(): void;
  /** How many items wait for a hand; counting ends at `most`. */
  waiting(most: number): number;
  /** There is no sense in going on. */
  fail(error: unknown): void;
}

/** The runners of a pool: made, picked, replaced, sent home. */
export class Staff implements HandOwner {
  readonly figures: PoolFigures;
  readonly graceMs: number;
  readonly #options: StaffOptions;
  readonly #employer: Employer;
  readonly #hands = new Set<Hand>();
  /** Ready, holding nothing; the one that worked last is the next, so that the others may end. */
  readonly #idle: Hand[] = [];
  readonly #ending = new Set<Promise<boolean>>();
  readonly #making = new Set<Promise<boolean>>();
  /** The promise that they are made: one for all who wait for it. */
  #made: Promise<void> | undefined;
  /** Asked to end in an orderly way. */
  readonly #leaving = new Set<Runner>();
  #starting = 0;
  #stillborn = 0;
  #extra = 0;
  #isDismissed = false;
  /** Whether a runner may hold more than one job; looking for one with room takes time. */
  #mayHoldMore = false;

  constructor(employer: Employer, options: StaffOptions) {
    this.#employer = employer;
    this.figures = employer.figures;
    this.#options = options;
    this.graceMs = options.graceMs;
  }

  /** How many there are, without those that end. */
  get size(): number {
    return this.#hands.size;
  }

  /** Waits until no runner is being made. */
  made(): Promise<void> {
    if (this.#starting === 0) return Promise.resolve();
    return this.#made ??= this.#untilMade();
  }

  async #untilMade(): Promise<void> {
    while (this.#starting > 0) await Promise.all([...this.#making]);
    this.#made = undefined;
  }

  /** Makes the first runners. */
  begin(): void {
    while (!this.#isDismissed && this.#hands.size < this.#options.minimum) this.#hire();
  }

  /** A hand that can take a job, and how many items at most; makes a new one when that helps. */
  pick(): Hand | undefined {
    for (;;) {
      const idle = this.#idle.pop();
      if (idle !== undefined) {
        if (idle.idleTimer !== undefined) {
          clearTimeout(idle.idleTimer);
          idle.idleTimer = undefined;
        }
        return idle;
      }
      if (this.#isDismissed || this.#hands.size >= this.#options.size + this.#extra) break;
      if (this.#employer.waiting(this.#starting + 1) <= this.#starting) break;
      this.#hire();
    }
    return this.#mayHoldMore ? this.#leastLoaded() : undefined;
  }

  /** How many more items a hand may be given in its life. */
  itemsLeft(hand: Hand): number {
    return this.#options.maxItemsPerRunner - hand.given;
  }

  /** What runners hold. */
  *jobs(): Generator<HeldJob, void, undefined> {
    for (const hand of this.#hands) yield* hand.jobs;
  }

  /** One more, or one less, may work than the pool's size: one of them waits for another. */
  lend(count: 1 | -1): void {
    this.#extra += count;
    // The one that worked in the meantime may be at rest already, and would be one too many.
    const idle = this.#idle.at(-1);
    if (idle !== undefined && this.#isOneTooMany) this.#sendHome(idle);
  }

  freed(hand: Hand): void {
    if (hand.state !== "ready") return;
    this.#stillborn = 0;
    if (hand.jobs.length === 0) this.#rest(hand);
    this.#employer.pump();
  }

  unresponsive(hand: Hand): void {
    if (!this.#leave(hand)) return;
    // Nobody waits for its end: it has shown that it may never come.
    hand.runner!.stop("kill").catch(() => {});
    const error = new Error(
      `Runner "${hand.runner!.name}" does not stop what it was asked to stop`,
    );
    for (const job of hand.jobs.toReversed()) job.giveUp(error);
    this.begin();
    this.#employer.pump();
  }

  /** Ends all runners, for good. Afterwards, {@linkcode ended} tells how it went. */
  dismiss(manner: "end" | "kill"): void {
    this.#isDismissed = true;
    for (const hand of [...this.#hands]) {
      this.#leave(hand);
      if (hand.runner !== undefined) void this.#end(hand.runner, manner);
    }
    if (manner === "end") return;
    for (const runner of [...this.#leaving]) void this.#end(runner, "kill");
  }

  /**
   * Waits until all runners that were asked to end have ended.
   *
   * @returns How many had not when the grace time was over.
   */
  async ended(): Promise<number> {
    let late = 0;
    while (this.#ending.size > 0) {
      const answers = await Promise.all([...this.#ending]);
      late += answers.filter((hasEnded) => !hasEnded).length;
    }
    return late;
  }

  #hire(): void {
    const hand = new Hand(this);
    this.#hands.add(hand);
    this.#starting++;
    const port: RunnerPort = {
      signal: hand.starting.signal,
      lost: (error, starts) => this.#lost(hand, error, starts ?? "starts unknown"),
      changed: () => {
        this.#mayHoldMore = true;
        this.#employer.pump();
      },
    };
    let runner: Runner | PromiseLike<Runner>;
    try {
      runner = runOutsideTasks(() => this.#options.create(port)) as typeof runner;
    } catch (error) {
      return this.#notHired(hand, error);
    }
    if (!("then" in runner)) return this.#hired(hand, runner);
    const hired = Promise.resolve(runner).then((runner) => {
      this.#hired(hand, runner);
      this.#employer.pump();
    }, (error) => this.#notHired(hand, error)).then(() => true);
    // A pool that ends meanwhile waits for it, to end it.
    this.#ending.add(hired);
    this.#making.add(hired);
    void hired.then(() => {
      this.#ending.delete(hired);
      this.#making.delete(hired);
    });
  }

  #hired(hand: Hand, runner: Runner): void {
    this.#starting--;
    hand.runner = runner;
    if (hand.state === "gone") return void this.#end(runner, "kill");
    hand.state = "ready";
    if (runner.capacity > 1) this.#mayHoldMore = true;
    this.#rest(hand);
  }

  #notHired(hand: Hand, error: unknown): void {
    this.#starting--;
    if (this.#leave(hand)) this.#employer.fail(error);
  }

  #lost(hand: Hand, error: unknown, starts: "starts unknown" | "starts known"): void {
    if (hand.state !== "ready") return;
    this.#leave(hand);
    const wasStillborn = hand.given === 0;
    for (const job of hand.jobs.toReversed()) job.lost(error, starts);
    // It may have been killed by somebody; but many in a row are not killed, they cannot live.
    if (wasStillborn && ++this.#stillborn >= MOST_STILLBORN) return this.#employer.fail(error);
    this.begin();
    this.#employer.pump();
  }

  /** A hand holds nothing: it waits for the next job, or ends. */
  #rest(hand: Hand): void {
    const { minimum, idleTimeoutMs } = this.#options;
    if (this.itemsLeft(hand) <= 0 || this.#isOneTooMany) {
      this.#sendHome(hand);
      return this.begin();
    }
    this.#idle.push(hand);
    if (idleTimeoutMs === Infinity || this.#hands.size <= minimum) return;
    hand.idleTimer = setTimeout(() => {
      if (this.#hands.size > minimum) this.#sendHome(hand);
    }, idleTimeoutMs);
  }

  get #isOneTooMany(): boolean {
    return this.#hands.size > this.#options.size + this.#extra;
  }

  /** Ends the runner of a hand that holds nothing. */
  #sendHome(hand: Hand): void {
    if (this.#leave(hand)) void this.#end(hand.runner!, "end");
  }

  #leave(hand: Hand): boolean {
    if (hand.state === "gone") return false;
    const wasStarting = hand.state === "starting";
    hand.state = "gone";
    if (wasStarting) hand.starting.abort();
    this.#hands.delete(hand);
    clearTimeout(hand.idleTimer);
    const at = this.#idle.lastIndexOf(hand);
    if (at >= 0) this.#idle.splice(at, 1);
    return true;
  }

  /** The ready hand that holds least, if one has room. */
  #leastLoaded(): Hand | undefined {
    let best: Hand | undefined;
    for (const hand of this.#hands) {
      const { runner, jobs } = hand;
      if (hand.state !== "ready" || runner === undefined || jobs.length >= runner.capacity) {
        continue;
      }
      if (this.itemsLeft(hand) <= 0) continue;
      if (best === undefined || jobs.length < best.jobs.length) best = hand;
    }
    return best;
  }

  async #end(runner: Runner, manner: "end" | "kill"): Promise<void> {
    const ending = this.#endInTime(runner, manner);
    this.#ending.add(ending);
    await ending;
    this.#ending.delete(ending);
  }

  /** Whether the runner has ended; one that takes its time is killed. */
  async #endInTime(runner: Runner, manner: "end" | "kill"): Promise<boolean> {
    if (manner === "end") {
      this.#leaving.add(runner);
      const hasEnded = await this.#within(this.graceMs, runner.stop("end"));
      this.#leaving.delete(runner);
      if (hasEnded) return true;
    }
    return await this.#within(runner.killLimitMs ?? this.graceMs, runner.stop("kill"));
  }

  async #within(limitMs: number, stopped: Promise<void>): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const grace = startLimit(() => resolve(false), limitMs);
    const hasStopped = stopped.then(() => true, () => false);
    const hasEnded = await Promise.race([hasStopped, late]);
    clearTimeout(grace);
    return hasEnded;
  }
}

import type { Batch, ItemRange } from "./_batch.ts";
import { HeldJob, type JobHolder } from "./_held_job.ts";
import type { PoolFigures } from "./_pool_figures.ts";
import type { Runner } from "./_runner.ts";

/** The staff that a hand belongs to, as the hand sees it. */
export interface HandOwner {
  readonly figures: PoolFigures;
  readonly graceMs: number;
  /** A job of the hand has ended. */
  freed(hand: Hand): void;
  /** The hand has not answered in time. */
  unresponsive(hand: Hand): void;
}

/**
 * One runner, and what it holds. It is `starting` until it has its runner, `ready` until it is asked to end,
 * and `gone` from then on: what a gone one reports is not heard.
 */
export class Hand implements JobHolder {
  readonly figures: PoolFigures;
  readonly graceMs: number;
  /** What the runner holds, oldest first. */
  readonly jobs: HeldJob[] = [];
  state: "starting" | "ready" | "gone" = "starting";
  runner: Runner | undefined;
  /** How many items it was given. */
  given = 0;
  /** Tells that it is not wanted any more while it is `starting`. */
  readonly starting: AbortController = new AbortController();
  /** Ends it when it has been idle for long. */
  idleTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #owner: HandOwner;

  constructor(owner: HandOwner) {
    this.#owner = owner;
    this.figures = owner.figures;
    this.graceMs = owner.graceMs;
  }

  /** Gives the runner some items of a batch. */
  start(batch: Batch, range: ItemRange): void {
    const job = new HeldJob(this, batch, range);
    this.given += range.items.length;
    this.jobs.push(job);
    batch.held++;
    this.runner!.start(job);
  }

  cancel(job: HeldJob, index: number, reason: unknown): void {
    this.runner?.cancel(job, index, reason);
  }

  release(job: HeldJob): void {
    if (this.jobs.length === 1) this.jobs.pop();
    else this.jobs.splice(this.jobs.indexOf(job), 1);
    job.batch.held--;
    this.#owner.freed(this);
  }

  unresponsive(): void {
    this.#owner.unresponsive(this);
  }
}

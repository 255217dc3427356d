import type { Batch, BatchJob, ItemRange } from "./_batch.ts";
import { startLimit } from "./_check_timeout.ts";
import type { Values } from "./_frame.ts";
import type { PoolFigures } from "./_pool_figures.ts";
import type { Job, ValueSink } from "./_runner.ts";
import { TimeoutError } from "./errors.ts";

/** Whoever holds a job, as the job sees it. */
export interface JobHolder {
  readonly figures: PoolFigures;
  readonly graceMs: number;
  /** Asks the runner to stop an item. */
  cancel(job: HeldJob, index: number, reason: unknown): void;
  /** Nothing of the job is left. */
  release(job: HeldJob): void;
  /** The runner has not stopped what it was asked to stop. */
  unresponsive(): void;
}

interface Stop {
  readonly error: unknown;
  readonly isTimeout: boolean;
}

const RELEASED = -1;

let jobs = 0;

/** A job in the hands of a runner: which of its items are open, which one runs, and for how long. */
export class HeldJob implements Job, BatchJob {
  readonly id: number = ++jobs;
  readonly items: readonly unknown[];
  readonly batch: Batch;
  readonly #first: number;
  readonly #holder: JobHolder;
  readonly #attempt: number;
  /** Every item before this one is settled or given back. */
  #low = 0;
  /** Those after it that are as well. */
  #closed: Set<number> | undefined;
  /** No item from here on is this job's any more. */
  #end: number;
  #running = -1;
  #startedAt = 0;
  #stops: Map<number, Stop> | undefined;
  /** How many of them the runner has not answered. */
  #stopping = 0;
  #limit: ReturnType<typeof setTimeout> | undefined;
  #grace: ReturnType<typeof setTimeout> | undefined;

  constructor(holder: JobHolder, batch: Batch, range: ItemRange) {
    this.#holder = holder;
    this.batch = batch;
    this.items = range.items;
    this.#first = range.first;
    this.#attempt = range.attempt;
    this.#end = range.items.length;
  }

  itemOf(index: number): number {
    return this.batch.itemOf(this.#first + index);
  }

  get target(): unknown {
    return this.batch.settings.target;
  }

  get spread(): boolean {
    return this.batch.settings.spread;
  }

  get values(): Values {
    return this.batch.values;
  }

  get losses(): number {
    return this.#attempt;
  }

  get wantsProgress(): boolean {
    return this.batch.settings.onProgress !== undefined;
  }

  get isTimed(): boolean {
    return this.batch.settings.timeoutMs !== Infinity;
  }

  get tellsEach(): boolean {
    return this.batch.tellsEach;
  }

  get sink(): ValueSink | undefined {
    return this.batch.sink;
  }

  started(index: number): void {
    if (index <= this.#running || !this.#isOpen(index)) return;
    const { figures } = this.#holder;
    figures.queued--;
    figures.running++;
    if (this.#running === -1) {
      this.#startedAt = performance.now();
      figures.waitingMs += this.#startedAt - this.batch.submittedAt;
    }
    this.#running = index;
    this.batch.starts++;
    const { timeoutMs } = this.batch.settings;
    if (timeoutMs !== Infinity) {
      this.#limit = setTimeout(() => this.#timeOut(index, timeoutMs), timeoutMs);
    }
  }

  progress(index: number, value: unknown): void {
    const { onProgress } = this.batch.settings;
    if (onProgress === undefined || !this.#isOpen(index)) return;
    this.batch.callBack(onProgress, value, this.#first + index);
  }

  succeed(index: number, value: unknown): void {
    if (!this.#isOpen(index)) return;
    const stop = this.#stops?.get(index);
    if (stop?.isTimeout === true) return this.#settleFailed(index, stop.error, "failed");
    this.#close(index);
    this.#holder.figures.done++;
    this.batch.succeeded(this.#first + index, value);
    this.#releaseIfEmpty();
  }

  succeedAll(index: number, values: readonly unknown[]): void {
    const count = values.length;
    this.started(index);
    const isPlain = this.#closed === undefined && this.#stops === undefined &&
      index === this.#low && index === this.#running && index + count <= this.#end &&
      !this.isTimed;
    if (!isPlain || count === 1) {
      for (let n = 0; n < count; n++) {
        this.started(index + n);
        this.succeed(index + n, values[n]);
      }
      return;
    }
    const { figures } = this.#holder;
    figures.running--;
    figures.queued -= count - 1;
    figures.done += count;
    this.batch.starts += count - 1;
    this.#running = index + count - 1;
    this.#low = index + count;
    // The last of them may end the batch, and with it everything.
    for (let n = 0; n < count; n++) this.batch.succeeded(this.#first + index + n, values[n]);
    this.#releaseIfEmpty();
  }

  fail(index: number, error: unknown): void {
    if (!this.#isOpen(index)) return;
    const stop = this.#stops?.get(index);
    if (stop === undefined) this.#settleFailed(index, error, "failed");
    else this.#settleFailed(index, stop.error, stop.isTimeout ? "failed" : "cancelled");
  }

  giveBack(from: number): void {
    if (from < this.#end) this.batch.chunks.shrink();
    this.#giveBack(from);
  }

  #giveBack(from: number): void {
    // What has started is not given back: it would run twice.
    const begin = Math.max(from, this.#running + 1, this.#low);
    if (begin >= this.#end) return;
    const open = this.#open().filter((index) => index >= begin);
    for (const index of open) {
      if (this.#stops?.has(index) === true) this.fail(index, undefined);
    }
    const wanted = open.filter((index) => this.#isOpen(index));
    this.#end = begin;
    this.#giveBackToBatch(wanted);
    this.#releaseIfEmpty();
  }

  hasStarted(index: number): boolean {
    const at = index - this.#first;
    return at <= this.#running && this.#isOpen(at);
  }

  stop(index: number, error: unknown): void {
    this.#stop(index - this.#first, { error, isTimeout: false });
  }

  stopWaiting(error: unknown): void {
    for (const index of this.#open().reverse()) {
      if (index > this.#running) this.#stop(index, { error, isTimeout: false });
    }
  }

  /** Asks the runner to stop all that has not ended. */
  stopAll(error: unknown): void {
    // Backwards: the one that runs comes last, or the next one would start when it has ended.
    for (const index of this.#open().reverse()) this.#stop(index, { error, isTimeout: false });
  }

  /** Settles all that has not ended, without the runner. */
  settleAll(error: unknown, kind: "cancelled" | "failed"): void {
    for (const index of this.#open()) {
      if (this.#isOpen(index)) this.#settleFailed(index, error, kind);
    }
  }

  /** The runner is gone. */
  lost(error: unknown, starts: "starts unknown" | "starts known"): void {
    if (starts === "starts known") this.#giveBack(0);
    const { retries } = this.batch.settings;
    for (const index of this.#open().reverse()) {
      if (!this.#isOpen(index)) continue;
      if (this.#stops?.has(index) === true || this.#attempt >= retries) this.fail(index, error);
      else this.#retry(index);
    }
    this.#releaseIfEmpty();
  }

  /** The runner does not answer; it has been told to start nothing more. */
  giveUp(error: unknown): void {
    for (const index of this.#open()) {
      const hasStarted = index <= this.#running;
      if (hasStarted && this.#stops?.has(index) === true) this.#holder.figures.abandoned++;
    }
    this.lost(error, "starts known");
  }

  #isOpen(index: number): boolean {
    return index >= this.#low && index < this.#end && this.#closed?.has(index) !== true;
  }

  #open(): number[] {
    const open: number[] = [];
    for (let index = this.#low; index < this.#end; index++) {
      if (this.#isOpen(index)) open.push(index);
    }
    return open;
  }

  #timeOut(index: number, timeoutMs: number): void {
    const error = new TimeoutError(`Cannot finish the call: it ran longer than ${timeoutMs} ms`);
    this.#stop(index, { error, isTimeout: true });
  }

  #stop(index: number, stop: Stop): void {
    if (!this.#isOpen(index) || this.#stops?.has(index) === true) return;
    (this.#stops ??= new Map()).set(index, stop);
    this.#stopping++;
    this.#holder.cancel(this, index, stop.error);
    if (!this.#isOpen(index)) return;
    this.#grace ??= startLimit(() => this.#holder.unresponsive(), this.#holder.graceMs);
  }

  #settleFailed(index: number, error: unknown, kind: "failed" | "cancelled"): void {
    this.#close(index);
    this.#holder.figures[kind]++;
    this.batch.failed(this.#first + index, error);
    this.#releaseIfEmpty();
  }

  #retry(index: number): void {
    const { figures } = this.#holder;
    this.#close(index);
    figures.queued++;
    this.batch.giveBack({
      first: this.#first + index,
      items: [this.items[index]],
      attempt: this.#attempt + 1,
    });
  }

  #giveBackToBatch(indices: number[]): void {
    // In runs of neighbours, the last run first, so that the first one is the next.
    for (let end = indices.length; end > 0;) {
      let begin = end - 1;
      while (begin > 0 && indices[begin - 1] === indices[begin]! - 1) begin--;
      const from = indices[begin]!;
      this.batch.giveBack({
        first: this.#first + from,
        items: this.items.slice(from, from + end - begin),
        attempt: this.#attempt,
      });
      end = begin;
    }
  }

  #close(index: number): void {
    const { figures } = this.#holder;
    if (index <= this.#running) figures.running--;
    else figures.queued--;
    if (index === this.#running && this.#limit !== undefined) clearTimeout(this.#limit);
    if (this.#stopping > 0 && this.#stops?.has(index) === true && --this.#stopping === 0) {
      clearTimeout(this.#grace);
      this.#grace = undefined;
    }
    if (index !== this.#low) {
      (this.#closed ??= new Set()).add(index);
      return;
    }
    this.#low++;
    while (this.#closed?.delete(this.#low) === true) this.#low++;
  }

  #releaseIfEmpty(): void {
    if (this.#end === RELEASED || this.#low < this.#end) return;
    this.#end = RELEASED;
    const started = this.#running + 1;
    if (started > 0) {
      const ms = performance.now() - this.#startedAt;
      const { figures } = this.#holder;
      figures.runningMs += ms;
      // The others waited until those before them had ended: as if each had taken the same time.
      figures.waitingMs += (started - 1) * (this.#startedAt - this.batch.submittedAt + ms / 2);
      if (started === this.items.length) this.batch.chunks.measure(started, ms);
    }
    this.#holder.release(this);
  }
}

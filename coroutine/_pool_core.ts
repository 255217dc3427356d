import type { Batch, BatchOwner, Stopped } from "./_batch.ts";
import { BatchQueue } from "./_batch_queue.ts";
import { CallGroup, type CallReceiver } from "./_call_group.ts";
import { callSettings } from "./_call_settings.ts";
import type { Chunks } from "./_chunks.ts";
import { currentValues } from "./_frame.ts";
import type { HeldJob } from "./_held_job.ts";
import { createFigures, type PoolFigures } from "./_pool_figures.ts";
import { type Employer, Staff, type StaffOptions } from "./_staff.ts";
import { waitWithin } from "./_wait_within.ts";
import { CancelledError, InvalidStateError, PoolClosedError, TimeoutError } from "./errors.ts";
import type { WaitOptions } from "./wait_options.ts";

/** What a pool tells its core. Everything but `create` and `size` may be left out. */
export interface PoolCoreOptions extends Partial<StaffOptions> {
  readonly create: StaffOptions["create"];
  readonly size: number;
  /** The time limit of an item when a call has none, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** The retries of an item when a call has none. */
  readonly retries?: number | undefined;
  /** How many calls a runner may be given at a time: 1, unless it tells of each before the next one starts. */
  readonly mostCalls?: number | undefined;
  /** Whether something else than a function may be called; throws a `TypeError` when it may not. */
  checkTarget?(target: unknown): void;
  /** What a call takes along in place of its target, once that is checked. Of its own answer it makes the same. */
  bindTarget?(target: unknown): unknown;
}

/** How long a runner may take to stop something unless the pool says otherwise. */
export const DEFAULT_GRACE_MS = 1000;

/**
 * What all pools share: it hands the items of batches to runners, one job at a time, and settles them.
 *
 * Work is handed out in the next microtask, so that a call of the pool never runs a function within itself,
 * and priorities hold among the calls of one turn; when a job ends the next one follows at once.
 */
export class PoolCore implements BatchOwner, Employer {
  readonly figures: PoolFigures = createFigures();
  readonly options: PoolCoreOptions;
  readonly #staff: Staff;
  readonly #queue = new BatchQueue<Batch>();
  /** Those that are neither in the queue nor held while they wait for their input or their consumer. */
  readonly #streams = new Set<Batch>();
  readonly #ended = Promise.withResolvers<void>();
  /** The end, in whatever way. */
  readonly #over: Promise<void>;
  #state: "open" | "closed" | "terminated" | "failed" = "open";
  /** How everything that was left was stopped. */
  #stopped: Stopped | undefined;
  #unfinished = 0;
  /** The one that the next call may join. */
  #group: CallGroup | undefined;
  /** What is known of the function that was called last. */
  #known: { readonly target: unknown; readonly chunks: Chunks } | undefined;
  #isPumping = false;
  #isPumpDue = false;

  constructor(options: PoolCoreOptions) {
    this.options = options;
    this.#staff = new Staff(this, {
      minimum: 0,
      idleTimeoutMs: Infinity,
      maxItemsPerRunner: Infinity,
      graceMs: DEFAULT_GRACE_MS,
      ...options,
    });
    this.#over = this.#ended.promise.catch(() => {});
    this.#staff.begin();
  }

  /** The most runners. */
  get size(): number {
    return this.options.size;
  }

  /** How many runners there are. */
  get runners(): number {
    return this.#staff.size;
  }

  /** Throws when nothing more can be given to the pool. */
  checkOpen(action: string): void {
    if (this.#state === "failed") throw this.#stopped?.error;
    if (this.#state === "open") return;
    const state = this.#state === "closed" ? "closed" : "terminated";
    throw new PoolClosedError(`Cannot ${action}: the pool is ${state}`);
  }

  /** Takes a batch in, whose {@linkcode finished} comes later. Its items follow with {@linkcode enqueue}. */
  accept(batch: Batch, kind: "fixed" | "stream"): void {
    this.#unfinished++;
    if (kind === "stream") this.#streams.add(batch);
  }

  /** Takes a call without options in. @returns The group in which it is the last one. */
  call(
    action: string,
    target: unknown,
    args: readonly unknown[],
    receiver: CallReceiver,
  ): CallGroup {
    const form = args.length === 1 ? "unary" : "spread";
    const { bindTarget } = this.options;
    if (bindTarget !== undefined) target = bindTarget(target);
    let group = this.#group;
    if (group === undefined || !group.accepts(target, form, currentValues())) {
      const settings = callSettings(this, action, target, { spread: form === "spread" }, {});
      const known = this.#known;
      const chunks = known !== undefined && known.target === target ? known.chunks : undefined;
      group = new CallGroup(
        this,
        settings,
        { target, form, most: this.options.mostCalls ?? 1 },
        chunks,
      );
      this.#known = { target, chunks: group.chunks };
      this.accept(group, "fixed");
    }
    group.add(form === "unary" ? args[0] : args, receiver);
    if (group.queue === undefined) this.enqueue(group);
    // What comes into the queue after it closes it.
    this.#group = group;
    return group;
  }

  enqueue(batch: Batch): void {
    this.#group = undefined;
    this.#queue.add(batch);
    this.#pumpSoon();
  }

  enqueueFirst(batch: Batch): void {
    // A callback may have ended the pool while a runner's jobs were being sorted out.
    if (this.#stopped !== undefined) {
      batch.stop(this.#stopped.error, this.#stopped.kind);
      return;
    }
    this.#queue.addFirst(batch);
    this.#pumpSoon();
  }

  dequeue(batch: Batch): void {
    this.#queue.remove(batch);
  }

  jobsOf(batch: Batch): HeldJob[] {
    const jobs: HeldJob[] = [];
    for (const job of this.#staff.jobs()) {
      if (job.batch === batch) jobs.push(job);
    }
    return jobs;
  }

  finished(batch: Batch): void {
    this.#unfinished--;
    if (this.#streams.size > 0) this.#streams.delete(batch);
    if (this.#unfinished === 0 && this.#state === "closed") this.#end("end");
  }

  waiting(most: number): number {
    let count = 0;
    for (const batch of this.#queue) {
      count += batch.available;
      if (count >= most) break;
    }
    return count;
  }

  /** Hands out what can be handed out. */
  pump(): void {
    // A job that ends within its start is followed by the loop below, not by a deeper call.
    if (this.#isPumping || this.#state === "terminated" || this.#state === "failed") return;
    this.#isPumping = true;
    this.#group = undefined;
    try {
      for (let batch; (batch = this.#queue.first()) !== undefined;) {
        const hand = this.#staff.pick();
        if (hand === undefined) break;
        const wanted = batch.chunks.next(batch.available, this.size);
        const range = batch.take(Math.min(wanted, this.#staff.itemsLeft(hand)));
        if (!batch.isAvailable) this.#queue.remove(batch);
        hand.start(batch, range);
      }
    } finally {
      this.#isPumping = false;
      this.#group = undefined;
    }
  }

  /** One of the pool's own functions waits for the pool: another one may run in its place. */
  lend(): () => void {
    this.#staff.lend(1);
    this.#pumpSoon();
    return () => this.#staff.lend(-1);
  }

  /** Waits until the runners that are being made are ready. */
  async ready(options: WaitOptions): Promise<void> {
    options.signal?.throwIfAborted();
    this.checkOpen("wait until the pool is ready");
    await waitWithin(this.#staff.made(), options, (timeoutMs) => {
      throw new TimeoutError(`The pool is not ready after ${timeoutMs} ms`);
    });
    this.checkOpen("wait until the pool is ready");
  }

  /** No more calls; what was given is done. */
  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closed";
    if (this.#unfinished === 0) this.#end("end");
  }

  /** Cancels what has not started; what has is left to finish. */
  cancelWaiting(error: unknown): void {
    const batches = this.#batches();
    for (const batch of batches) batch.stop(error, "leave");
    // Later: a hand that becomes free finds nothing any more.
    for (const batch of batches) if (batch.held > 0) batch.stopHeld(error);
  }

  /** Stops everything. */
  terminate(): Promise<void> {
    if (this.#state !== "terminated") {
      this.#state = "terminated";
      this.#stopAll(new CancelledError("The pool was terminated"), "cancelled");
      this.#end("kill");
    }
    return this.#ended.promise;
  }

  fail(error: unknown): void {
    if (this.#state === "terminated" || this.#state === "failed") return;
    this.#state = "failed";
    this.#stopAll(error, "failed");
    this.#end("kill");
  }

  /** Waits for the end. */
  async join(options: WaitOptions): Promise<void> {
    options.signal?.throwIfAborted();
    if (this.#state === "open") {
      throw new InvalidStateError(
        "Cannot join the pool: it is open; close() or terminate() comes first",
      );
    }
    await waitWithin(this.#over, options, (timeoutMs) => {
      const { queued, running } = this.figures;
      throw new TimeoutError(
        `Cannot join the pool: ${queued} calls are queued and ${running} are running ` +
          `after ${timeoutMs} ms`,
      );
    });
  }

  #pumpSoon(): void {
    if (this.#isPumpDue || this.#isPumping) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.pump();
    });
  }

  #stopAll(error: unknown, kind: "cancelled" | "failed"): void {
    this.#stopped = { error, kind };
    for (const batch of this.#batches()) batch.stop(error, kind);
  }

  #batches(): Set<Batch> {
    const batches = new Set<Batch>([...this.#queue, ...this.#streams]);
    for (const job of this.#staff.jobs()) batches.add(job.batch);
    return batches;
  }

  #end(manner: "end" | "kill"): void {
    this.#staff.dismiss(manner);
    void this.#staff.ended().then((late) => {
      if (late === 0 || this.#state === "closed") return this.#ended.resolve();
      const { graceMs = DEFAULT_GRACE_MS } = this.options;
      this.#ended.reject(
        new TimeoutError(
          `Cannot terminate the pool: ${late} of its runners have not ended after ${graceMs} ms`,
        ),
      );
    });
  }
}

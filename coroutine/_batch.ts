import type { Queued } from "./_batch_queue.ts";
import { Chunks } from "./_chunks.ts";
import { currentFrame, currentValues, type Frame, runInFrame, type Values } from "./_frame.ts";
import type { PoolFigures } from "./_pool_figures.ts";
import type { ValueSink } from "./_runner.ts";

/** Items that are handed out together; their indices in the batch begin at `first`. */
export interface ItemRange {
  readonly first: number;
  readonly items: readonly unknown[];
  /** How often they were lost with a runner. */
  readonly attempt: number;
}

/** Why a batch was stopped. */
export interface Stopped {
  readonly error: unknown;
  readonly kind: "cancelled" | "failed";
}

/** What all items of a batch share. Checked already. */
export interface BatchSettings {
  readonly target: unknown;
  readonly spread: boolean;
  readonly priority: number;
  readonly retries: number;
  readonly timeoutMs: number;
  readonly chunkSize: number | undefined;
  readonly onProgress: ((value: unknown, index: number) => void) | undefined;
}

/** Items of a batch that a runner holds, as the batch sees them. */
export interface BatchJob {
  /** Whether an item is held, and runs. @param index Counts in the batch. */
  hasStarted(index: number): boolean;
  /** Asks the runner to stop an item, if it holds it. @param index Counts in the batch. */
  stop(index: number, error: unknown): void;
  /** Asks the runner to stop all that has not started. */
  stopWaiting(error: unknown): void;
  /** Asks the runner to stop all that has not ended. */
  stopAll(error: unknown): void;
  /** Settles all that has not ended, without the runner. */
  settleAll(error: unknown, kind: "cancelled" | "failed"): void;
}

/** The core, as its batches see it. */
export interface BatchOwner {
  readonly figures: PoolFigures;
  /** The batch has items to hand out. */
  enqueue(batch: Batch): void;
  /** The batch has items to hand out that come before others. */
  enqueueFirst(batch: Batch): void;
  /** The batch has nothing to hand out. */
  dequeue(batch: Batch): void;
  /** What runners hold of the batch. */
  jobsOf(batch: Batch): BatchJob[];
  /** Nothing of the batch is left to be done. */
  finished(batch: Batch): void;
}

/**
 * The items of one call of the pool, with all that they share: one of `apply`, many of `map`, a stream of
 * them of `imap`. An item is *fresh* until it is handed out, *held* while a runner has it, and settled once.
 */
export abstract class Batch implements Queued {
  queue: Queued["queue"] & undefined;
  before: this | undefined;
  after: this | undefined;
  readonly priority: number;
  readonly settings: BatchSettings;
  readonly chunks: Chunks;
  /** The context variables of the caller, as they are now. */
  readonly values: Values = { map: currentValues().map };
  /** When its items were given to the pool. */
  submittedAt: number = performance.now();
  /** How many jobs runners hold. */
  held = 0;
  /** How many items have started, those that were lost and started again once more. */
  starts = 0;
  protected readonly owner: BatchOwner;
  /** Where the callbacks of the user run. */
  readonly #frame: Frame | undefined = currentFrame();
  /** Handed out once and given back; the last one is the next. */
  #returned: ItemRange[] | undefined;
  #stopped: Stopped | undefined;

  constructor(owner: BatchOwner, settings: BatchSettings, chunks?: Chunks) {
    this.owner = owner;
    this.settings = settings;
    this.priority = settings.priority;
    this.chunks = chunks ?? createChunks(settings);
  }

  /** How many items can be handed out now. */
  get available(): number {
    let count = this.fresh;
    if (this.#returned !== undefined) {
      for (const range of this.#returned) count += range.items.length;
    }
    return count;
  }

  /** Whether {@linkcode take} has something. */
  get isAvailable(): boolean {
    return this.fresh > 0 || this.#returned !== undefined;
  }

  /** Takes what the function makes one by one, when it is called for that. */
  get sink(): ValueSink | undefined {
    return undefined;
  }

  /** Whether somebody waits for each item by itself. */
  get tellsEach(): boolean {
    return false;
  }

  /** Why the batch was stopped, if it was. */
  get stopped(): Stopped | undefined {
    return this.#stopped;
  }

  /** Takes some items to hand them out. There is one at least. */
  take(count: number): ItemRange {
    const returned = this.#returned;
    if (returned === undefined) return this.takeFresh(count);
    const range = returned.pop()!;
    if (range.items.length > count) {
      returned.push({
        first: range.first + count,
        items: range.items.slice(count),
        attempt: range.attempt,
      });
      return { first: range.first, items: range.items.slice(0, count), attempt: range.attempt };
    }
    if (returned.length === 0) this.#returned = undefined;
    return range;
  }

  /** Items that a runner had come back, and are the next ones. */
  giveBack(range: ItemRange): void {
    if (this.#stopped !== undefined) return this.#drop(range.first, range.items.length);
    (this.#returned ??= []).push(range);
    this.owner.enqueueFirst(this);
  }

  /**
   * Stops all that has not ended: what is not held is settled with the error at once, what is held when it
   * has ended, or at once as well.
   *
   * @param how Whether runners are asked to stop what they hold, or are left to finish it, or it is over
   * already: `cancelled` by the user, or `failed` with the pool.
   * @returns `false` when there was nothing to stop.
   */
  stop(error: unknown, how: "ask" | "leave" | "cancelled" | "failed"): boolean {
    if (this.isDone()) return false;
    this.#stopped ??= { error, kind: how === "failed" ? "failed" : "cancelled" };
    this.owner.dequeue(this);
    const returned = this.#returned ?? [];
    this.#returned = undefined;
    while (this.fresh > 0) {
      const { first, items } = this.takeFresh(this.fresh);
      this.#drop(first, items.length);
    }
    for (const { first, items } of returned) this.#drop(first, items.length);
    if (this.held > 0 && how !== "leave") {
      for (const job of this.owner.jobsOf(this)) {
        if (how === "ask") job.stopAll(error);
        else job.settleAll(error, how);
      }
    }
    this.afterStop();
    return true;
  }

  /** Stops what is held and has not started. */
  stopHeld(error: unknown): void {
    if (this.starts === 0) this.stop(error, "ask");
  }

  /** Which item of its call an item of the batch is. */
  itemOf(index: number): number {
    return index;
  }

  /** Takes an item out of those that were given back. @returns Whether it was there. */
  protected dropReturned(index: number): boolean {
    const returned = this.#returned ?? [];
    const at = returned.findIndex(({ first, items }) =>
      index >= first && index < first + items.length
    );
    if (at < 0) return false;
    const { first, items, attempt } = returned[at]!;
    // The last one is the next.
    const parts = [
      { first: index + 1, items: items.slice(index + 1 - first), attempt },
      { first, items: items.slice(0, index - first), attempt },
    ];
    returned.splice(at, 1, ...parts.filter(({ items }) => items.length > 0));
    if (returned.length === 0) this.#returned = undefined;
    return true;
  }

  /** Calls a function of the user where the batch was made; its error is reported, and disturbs nobody. */
  callBack<A extends unknown[]>(callback: (...args: A) => unknown, ...args: A): void {
    try {
      runInFrame(this.#frame, callback, ...args);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** Runs a function of the user where the batch was made. */
  protected runForUser<R>(run: () => R): R {
    return runInFrame(this.#frame, run);
  }

  /** How many items were never handed out, and can be. */
  abstract readonly fresh: number;

  /** Whether all is settled. */
  abstract isDone(): boolean;

  /** An item has ended with a value. */
  abstract succeeded(index: number, value: unknown): void;

  /** An item has ended with an error. */
  abstract failed(index: number, error: unknown): void;

  protected abstract takeFresh(count: number): ItemRange;

  /** Everything that is not held is settled. */
  protected afterStop(): void {}

  #drop(first: number, count: number): void {
    const { error, kind } = this.#stopped!;
    const { figures } = this.owner;
    figures.queued -= count;
    figures[kind] += count;
    for (let index = first; index < first + count; index++) this.failed(index, error);
  }
}

function createChunks({ chunkSize, timeoutMs, onProgress }: BatchSettings): Chunks {
  // A time limit and progress are per item: a chunk would hold the others up behind a slow one.
  const each = timeoutMs !== Infinity || onProgress !== undefined;
  return new Chunks(chunkSize ?? (each ? 1 : undefined));
}

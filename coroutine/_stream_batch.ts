import { Batch, type BatchOwner, type BatchSettings, type ItemRange } from "./_batch.ts";
import type { ItemSource } from "./_item_source.ts";
import { FifoStore } from "./_store.ts";
import { type Waiter, Waiters } from "./_waiters.ts";
import { TimeoutError } from "./errors.ts";
import type { WaitOptions } from "./wait_options.ts";

/** What is there for the consumer: a result, or an error. */
type Outcome = { readonly value: unknown } | { readonly error: unknown };

const OVER: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** What {@linkcode StreamBatch} is told beside the settings of all batches. */
export interface StreamSettings extends BatchSettings {
  readonly order: "as given" | "as done";
  readonly lookAhead: number;
}

/**
 * Items that are taken from an input as their results are taken: those of `imap`.
 *
 * Between the two ends there are never more than `lookAhead`: waiting to be handed out, held by runners, or
 * done and not taken.
 */
export class StreamBatch extends Batch {
  readonly #source: ItemSource;
  readonly #isOrdered: boolean;
  readonly #lookAhead: number;
  readonly #fresh = new FifoStore<unknown>();
  /** Done, and not yet the next one in order. */
  readonly #early = new Map<number, Outcome>();
  readonly #ready = new FifoStore<Outcome>();
  readonly #consumers = new Waiters<IteratorResult<unknown, undefined>>();
  readonly #finished = Promise.withResolvers<void>();
  #taken = 0;
  #handedOut = 0;
  #settled = 0;
  #released = 0;
  #consumed = 0;
  #isInputOver = false;
  #isFillDue = false;
  #isFinished = false;

  constructor(owner: BatchOwner, settings: StreamSettings, source: ItemSource) {
    super(owner, settings);
    this.#source = source;
    this.#isOrdered = settings.order === "as given";
    this.#lookAhead = settings.lookAhead;
  }

  override get fresh(): number {
    return this.#fresh.size;
  }

  /** Fulfilled when nothing of it runs. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  override isDone(): boolean {
    return this.#isFinished;
  }

  override succeeded(index: number, value: unknown): void {
    this.#settle(index, { value });
  }

  override failed(index: number, error: unknown): void {
    this.#settle(index, { error });
  }

  /** Begins to take items, in the next microtask. */
  begin(): void {
    this.#fillSoon();
  }

  /** The next result. */
  next(options: WaitOptions): Promise<IteratorResult<unknown, undefined>> {
    if (this.#ready.size > 0) {
      const outcome = this.#ready.take();
      this.#count();
      return "error" in outcome
        ? Promise.reject(outcome.error)
        : Promise.resolve({ done: false, value: outcome.value });
    }
    if (this.#isOver()) return Promise.resolve(OVER);
    const timedOut = () =>
      new TimeoutError(`Cannot get the next result: it is not there after ${options.timeoutMs} ms`);
    if (options.timeoutMs === 0) return Promise.reject(timedOut());
    return this.#consumers.wait(undefined, options, timedOut);
  }

  /** The consumer wants no more. */
  end(error: unknown): void {
    this.stop(error, "ask");
    this.#ready.clear();
    this.#consumers.grantAll(OVER);
  }

  protected override takeFresh(count: number): ItemRange {
    const first = this.#handedOut;
    const items: unknown[] = [];
    while (items.length < count && this.#fresh.size > 0) items.push(this.#fresh.take());
    this.#handedOut += items.length;
    this.#fillSoon();
    return { first, items, attempt: 0 };
  }

  protected override afterStop(): void {
    this.#isInputOver = true;
    this.#source.close();
    this.#early.clear();
    this.#ready.clear();
    const { error } = this.stopped!;
    if (this.#consumers.size === 0) this.#ready.add({ error });
    this.#consumers.failAll(() => error);
    this.#finishIfDone();
  }

  #settle(index: number, outcome: Outcome): void {
    this.#settled++;
    if (this.stopped === undefined) {
      if (this.#isOrdered) {
        this.#early.set(index, outcome);
        for (let next; (next = this.#early.get(this.#released)) !== undefined;) {
          this.#early.delete(this.#released++);
          this.#offer(next);
        }
      } else this.#offer(outcome);
    }
    this.#finishIfDone();
  }

  #offer(outcome: Outcome): void {
    const consumer = this.#consumers.first();
    if (consumer === undefined) return this.#ready.add(outcome);
    grant(consumer, outcome);
    this.#count();
  }

  #count(): void {
    this.#consumed++;
    this.#fillSoon();
  }

  #isOver(): boolean {
    return this.stopped !== undefined || (this.#isInputOver && this.#settled === this.#taken);
  }

  #finishIfDone(): void {
    if (this.#isFinished || !this.#isInputOver || this.#settled < this.#taken) return;
    this.#isFinished = true;
    this.owner.finished(this);
    this.#finished.resolve();
    if (this.stopped !== undefined) return;
    const error = this.#source.error;
    if (error !== undefined) this.#offer({ error: error.error });
    this.#consumers.grantAll(OVER);
  }

  #fillSoon(): void {
    if (this.#isFillDue || this.#isInputOver) return;
    this.#isFillDue = true;
    queueMicrotask(() => {
      this.#isFillDue = false;
      this.#fill();
    });
  }

  #fill(): void {
    // A few at a time, or there would never be enough for a chunk.
    const few = Math.min(this.chunks.size, Math.ceil(this.#lookAhead / 2));
    if (this.#fresh.size > 0 && this.#room < few) return;
    let count = 0;
    while (!this.#isInputOver && this.#room > 0) {
      const read = this.runForUser(() => this.#source.read(() => this.#fillSoon()));
      if (read === "later") break;
      // What was read may have stopped all this.
      if (this.#isInputOver) break;
      if (read === "over") {
        this.#isInputOver = true;
      } else {
        this.#fresh.add(read.item);
        this.#taken++;
        count++;
      }
    }
    if (count > 0) {
      this.owner.figures.queued += count;
      this.submittedAt = performance.now();
      this.owner.enqueue(this);
    }
    this.#finishIfDone();
  }

  get #room(): number {
    return this.#lookAhead - (this.#taken - this.#consumed);
  }
}

function grant(
  consumer: Waiter<IteratorResult<unknown, undefined>, undefined>,
  outcome: Outcome,
): void {
  if ("error" in outcome) consumer.fail(outcome.error);
  else consumer.grant({ done: false, value: outcome.value });
}

import { Batch, type BatchOwner, type BatchSettings, type ItemRange } from "./_batch.ts";
import type { ValueSink } from "./_runner.ts";
import { FifoStore } from "./_store.ts";
import { Waiters } from "./_waiters.ts";
import { TimeoutError } from "./errors.ts";
import type { WaitOptions } from "./wait_options.ts";

type Result = IteratorResult<unknown, undefined>;

const OVER: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** One call of a generator, whose values are taken one by one: that of `stream`. */
export class ValueBatch extends Batch implements ValueSink {
  readonly #args: readonly unknown[];
  readonly #lookAhead: number;
  readonly #ready = new FifoStore<unknown>();
  readonly #consumers = new Waiters<Result>();
  readonly #finished = Promise.withResolvers<void>();
  #isHandedOut = false;
  #isFinished = false;
  /** Comes after the values that are there. */
  #error: { readonly error: unknown } | undefined;
  #again: (() => void) | undefined;

  constructor(
    owner: BatchOwner,
    settings: BatchSettings,
    args: readonly unknown[],
    lookAhead: number,
  ) {
    super(owner, settings);
    this.#args = args;
    this.#lookAhead = lookAhead;
    owner.figures.queued++;
  }

  override get fresh(): number {
    return this.#isHandedOut ? 0 : 1;
  }

  override get sink(): ValueSink {
    return this;
  }

  /** Fulfilled when it does not run. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  override isDone(): boolean {
    return this.#isFinished;
  }

  get room(): number {
    if (this.stopped !== undefined) return 0;
    return this.#lookAhead + this.#consumers.size - this.#ready.size;
  }

  push(value: unknown): void {
    if (this.stopped !== undefined) return;
    const consumer = this.#consumers.first();
    if (consumer !== undefined) consumer.grant({ done: false, value });
    else this.#ready.add(value);
  }

  whenRoom(again: () => void): void {
    this.#again = again;
    this.#tellRoom();
  }

  override succeeded(_index: number, _value: unknown): void {
    this.#finish(undefined);
  }

  override failed(_index: number, error: unknown): void {
    this.#finish({ error });
  }

  /** The next value. */
  async next(options: WaitOptions): Promise<Result> {
    if (this.#ready.size > 0) {
      const value = this.#ready.take();
      this.#tellRoom();
      return { done: false, value };
    }
    const failed = this.#error;
    if (failed !== undefined) {
      this.#error = undefined;
      throw failed.error;
    }
    if (this.#isFinished || this.stopped !== undefined) return OVER;
    const timedOut = () =>
      new TimeoutError(`Cannot get the next value: it is not there after ${options.timeoutMs} ms`);
    if (options.timeoutMs === 0) throw timedOut();
    const waiting = this.#consumers.wait(undefined, options, timedOut);
    this.#tellRoom();
    return await waiting;
  }

  /** The consumer wants no more. */
  end(error: unknown): void {
    this.stop(error, "ask");
    this.#ready.clear();
    this.#error = undefined;
    this.#consumers.grantAll(OVER);
  }

  protected override takeFresh(_count: number): ItemRange {
    this.#isHandedOut = true;
    return { first: 0, items: [this.#args], attempt: 0 };
  }

  protected override afterStop(): void {
    this.#ready.clear();
    const { error } = this.stopped!;
    if (this.#consumers.size === 0) this.#error = { error };
    this.#consumers.failAll(() => error);
  }

  #tellRoom(): void {
    if (this.#again === undefined || this.room <= 0) return;
    const again = this.#again;
    this.#again = undefined;
    again();
  }

  #finish(error: { readonly error: unknown } | undefined): void {
    this.#isFinished = true;
    this.owner.finished(this);
    this.#finished.resolve();
    // What was stopped has told so, or is about to.
    if (this.stopped !== undefined) return;
    this.#error = error;
    if (error !== undefined && this.#consumers.size > 0) {
      this.#error = undefined;
      this.#consumers.first()!.fail(error.error);
    }
    this.#consumers.grantAll(OVER);
  }
}

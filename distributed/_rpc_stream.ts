import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { ResultIterator } from "../coroutine/result_iterator.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { unpackValues } from "./_rpc_wire.ts";

/**
 * So long a loop that ends early waits for the generator on the other side to be closed. One that waits for
 * something that cannot be cancelled goes on there by itself.
 */
const END_GRACE_MS = 1_000;

/** Where the values of a stream come from. */
export interface Tap {
  /** Waits for values; so many more may be made. */
  pull(credit: number): Promise<unknown>;
  /** No more are wanted. */
  end(): Promise<unknown>;
  /** There are no more. */
  release?(): void;
}

/**
 * How a stream is opened: when the first value is wanted, and no longer than somebody wants one. One that the other
 * side has open already is to be ended also when nobody takes from it.
 */
export type Opening = Tap | ((left: AbortSignal) => Promise<Tap> | Tap);

/** Options for {@linkcode RpcValues}. */
export interface StreamOptions {
  /** How many values the other side may be ahead. */
  readonly lookAhead: number;
  /** Ends the stream. */
  readonly signal?: AbortSignal | undefined;
  /** When it fails, on the clock of `performance.now()`. */
  readonly end?: number | undefined;
  /** What the time is the limit of, for the error. */
  readonly name: string;
  /** Called once, when nothing more is taken. */
  readonly onEnd?: (() => void) | undefined;
  /** What keeps the process alive while somebody waits for a value. */
  readonly keeper?: { hold(): void; letGo(): void } | undefined;
}

/** The side of a stream that takes the values. */
export class RpcValues implements ResultIterator<unknown> {
  readonly #open: Opening;
  readonly #options: StreamOptions;
  #tap: Promise<Tap> | Tap | undefined;
  /** Aborts when nobody wants a value any more of what is being opened. */
  #left: AbortController | undefined;
  #values: unknown[] = [];
  #at = 0;
  /** How many more the other side may make, once it is told. */
  #credit: number;
  /** Settles when there is something new. */
  #news: PromiseWithResolvers<void> | undefined;
  #isPulling = false;
  /** Whether the other side has no more. */
  #isLast = false;
  #failed: { readonly error: unknown } | undefined;
  #ending: Promise<void> | undefined;
  #unlisten: (() => void) | undefined;

  constructor(open: Opening, options: StreamOptions) {
    this.#open = open;
    if (typeof open !== "function") this.#tap = open;
    this.#options = options;
    this.#credit = Math.max(1, options.lookAhead);
    const { signal } = options;
    if (signal === undefined) return;
    const onAbort = () => this.#fail(signal.reason);
    this.#unlisten = () => signal.removeEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort);
  }

  async next(options?: WaitOptions): Promise<IteratorResult<unknown, undefined>> {
    options?.signal?.throwIfAborted();
    const limitMs = checkTimeout(options?.timeoutMs);
    try {
      while (this.#at === this.#values.length) {
        if (this.#failed !== undefined) {
          const { error } = this.#failed;
          this.#failed = undefined;
          this.#isLast = true;
          throw error;
        }
        if (this.#isLast) return { done: true, value: undefined };
        this.#pull();
        await this.#wait(options?.signal, limitMs);
      }
    } catch (error) {
      // A loop that ends with an error does not say so.
      if (options === undefined) await this.return().catch(() => {});
      throw error;
    }
    const value = this.#values[this.#at];
    this.#values[this.#at++] = undefined;
    this.#credit++;
    const { lookAhead } = this.#options;
    if (lookAhead > 0 && 2 * this.#credit >= lookAhead && !this.#isPulling) this.#pull();
    return { done: false, value };
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#values = [];
    this.#at = 0;
    this.#failed = undefined;
    this.#isLast = true;
    await this.#close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #pull(): void {
    if (this.#isPulling || this.#isLast || this.#failed !== undefined) return;
    this.#isPulling = true;
    this.#news ??= Promise.withResolvers();
    const credit = this.#credit;
    this.#credit = 0;
    // What many may wait for does not end with the task that began it.
    runOutsideTasks(async () => {
      try {
        const tap = await (this.#tap ??= this.#begin());
        const { values, isLast } = unpackValues(await tap.pull(credit));
        this.#isPulling = false;
        if (this.#isLast) return;
        this.#values = this.#at === this.#values.length
          ? values
          : [...this.#values.slice(this.#at), ...values];
        this.#at = 0;
        this.#tell();
        if (!isLast) return;
        this.#finish();
        tap.release?.();
      } catch (error) {
        this.#isPulling = false;
        this.#fail(error);
      }
    });
  }

  #begin(): Promise<Tap> | Tap {
    if (typeof this.#open !== "function") return this.#open;
    this.#left = new AbortController();
    return this.#open(this.#left.signal);
  }

  async #wait(signal: AbortSignal | undefined, limitMs: number): Promise<void> {
    const { end = Infinity, name, keeper } = this.#options;
    const leftMs = end === Infinity ? Infinity : Math.max(0, end - performance.now());
    this.#news ??= Promise.withResolvers();
    const timeoutMs = Math.min(limitMs, leftMs);
    keeper?.hold();
    try {
      await waitWithin(this.#news.promise, { signal, timeoutMs }, () => {
        if (limitMs < leftMs) {
          throw new TimeoutError(`"${name}" made no value within ${limitMs} ms`);
        }
        this.#fail(new TimeoutError(`"${name}" had not made all of its values in its time`));
      });
    } finally {
      keeper?.letGo();
    }
  }

  #tell(): void {
    this.#news?.resolve();
    this.#news = undefined;
  }

  /** Nothing more comes, and the other side knows it. */
  #finish(): void {
    this.#isLast = true;
    this.#unlisten?.();
    this.#ending ??= Promise.resolve();
    this.#options.onEnd?.();
  }

  #fail(error: unknown): void {
    if (this.#isLast || this.#failed !== undefined) return;
    this.#failed = { error };
    this.#tell();
    void this.#close();
  }

  #close(): Promise<void> {
    this.#unlisten?.();
    return this.#ending ??= runOutsideTasks(async () => {
      this.#tell();
      // Otherwise who leaves would wait as long as there is no connection to open it over.
      this.#left?.abort();
      try {
        const tap = await this.#tap;
        if (tap === undefined) return;
        await waitWithin(tap.end(), { timeoutMs: END_GRACE_MS }, () => {});
      } catch {
        // It has failed, or the other side is gone: what was to be ended has ended.
      } finally {
        this.#options.onEnd?.();
      }
    });
  }
}

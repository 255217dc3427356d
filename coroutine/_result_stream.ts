import { checkTimeout } from "./_check_timeout.ts";
import { waitForPool } from "./_pool_calls.ts";
import type { PoolCore } from "./_pool_core.ts";
import { CancelledError } from "./errors.ts";
import type { ResultIterator } from "./result_iterator.ts";
import type { WaitOptions } from "./wait_options.ts";

/** Where results come from. */
export interface ResultSource {
  /** Fulfilled when nothing of it runs. */
  readonly finished: Promise<void>;
  /** The next result. */
  next(options: WaitOptions): Promise<IteratorResult<unknown, undefined>>;
  /** The consumer wants no more. */
  end(error: unknown): void;
}

/** The consumer's end of an `imap`, or of a generator. */
export class ResultStream<T> implements ResultIterator<T> {
  readonly #core: PoolCore;
  readonly #batch: ResultSource;
  readonly #input: { readonly closed: Promise<void> } | undefined;

  /** @param input What the items are taken from, which is closed when no more are wanted. */
  constructor(
    core: PoolCore,
    batch: ResultSource,
    input?: { readonly closed: Promise<void> } | undefined,
  ) {
    this.#core = core;
    this.#batch = batch;
    this.#input = input;
  }

  async next(options: WaitOptions = {}): Promise<IteratorResult<T, undefined>> {
    options.signal?.throwIfAborted();
    checkTimeout(options.timeoutMs);
    const leave = waitForPool(this.#core);
    try {
      return await this.#batch.next(options) as IteratorResult<T, undefined>;
    } finally {
      leave?.();
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#batch.end(new CancelledError("The results are not wanted any more"));
    await this.#batch.finished;
    await this.#input?.closed;
    return { done: true, value: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): ResultIterator<T> {
    return new ResultLoop(this.#core, this.#batch, this.#input);
  }
}

/** What `for await` gets: a loop that ends with an error does not say so, and nobody takes the rest. */
class ResultLoop<T> extends ResultStream<T> {
  override async next(options: WaitOptions = {}): Promise<IteratorResult<T, undefined>> {
    try {
      return await super.next(options);
    } catch (error) {
      await this.return().catch(() => {});
      throw error;
    }
  }

  override [Symbol.asyncIterator](): this {
    return this;
  }
}

import { checkTimeout } from "./_check_timeout.ts";
import type { ItemSource } from "./_item_source.ts";
import { waitForPool } from "./_pool_calls.ts";
import type { PoolCore } from "./_pool_core.ts";
import type { StreamBatch } from "./_stream_batch.ts";
import { CancelledError } from "./errors.ts";
import type { ResultIterator } from "./result_iterator.ts";
import type { WaitOptions } from "./wait_options.ts";

/** The consumer's end of an `imap`. */
export class ResultStream<T> implements ResultIterator<T> {
  readonly #core: PoolCore;
  readonly #batch: StreamBatch;
  readonly #source: ItemSource;

  constructor(core: PoolCore, batch: StreamBatch, source: ItemSource) {
    this.#core = core;
    this.#batch = batch;
    this.#source = source;
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
    await this.#source.closed;
    return { done: true, value: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): ResultIterator<T> {
    return new ResultLoop(this.#core, this.#batch, this.#source);
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

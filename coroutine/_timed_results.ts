import { TimeoutError } from "./errors.ts";
import type { ResultIterator } from "./result_iterator.ts";
import type { WaitOptions } from "./wait_options.ts";

/** Results that have to be there at a certain time. Afterwards those that are there come, then it ends. */
export class TimedResults<T> implements ResultIterator<T> {
  readonly #results: ResultIterator<T>;
  readonly #end: number;
  readonly #timeoutMs: number;

  /**
   * @param results The results.
   * @param end The time, as `performance.now()` counts it.
   * @param timeoutMs How long that was from the beginning, for the text of the error.
   */
  constructor(results: ResultIterator<T>, end: number, timeoutMs: number) {
    this.#results = results;
    this.#end = end;
    this.#timeoutMs = timeoutMs;
  }

  async next(options: WaitOptions = {}): Promise<IteratorResult<T, undefined>> {
    const left = Math.max(0, this.#end - performance.now());
    const { timeoutMs = Infinity } = options;
    try {
      return await this.#results.next({ ...options, timeoutMs: Math.min(left, timeoutMs) });
    } catch (error) {
      if (!(error instanceof TimeoutError) || performance.now() < this.#end) throw error;
      await this.return();
      throw new TimeoutError(
        `Cannot get the next result: it is not there ${this.#timeoutMs} ms after the call`,
      );
    }
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    return this.#results.return();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): ResultIterator<T> {
    return new TimedResults(this.#results[Symbol.asyncIterator](), this.#end, this.#timeoutMs);
  }
}

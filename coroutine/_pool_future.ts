import { currentValues, runInFrame } from "./_frame.ts";
import type { PendingResult } from "./_pending_result.ts";
import { TimeoutError } from "./errors.ts";
import type { Future } from "./future.ts";
import type { WaitOptions } from "./wait_options.ts";

/** A call of a pool, as those of executors look. */
export class PoolFuture<T> implements Future<T> {
  readonly #result: PendingResult<T>;

  constructor(result: PendingResult<T>) {
    this.#result = result;
  }

  done(): boolean {
    return this.#result.ready();
  }

  running(): boolean {
    return this.#result.isRunning;
  }

  cancelled(): boolean {
    return this.#result.cancelled();
  }

  cancel(): boolean {
    if (!this.#result.ready() && !this.#result.isRunning) this.#result.cancel();
    return this.#result.cancelled();
  }

  async result(options: WaitOptions = {}): Promise<T> {
    return await this.#result.get(options);
  }

  async exception(options: WaitOptions = {}): Promise<unknown> {
    if (!await this.#result.wait(options)) {
      throw new TimeoutError(
        `Cannot get the error: the call has not ended after ${options.timeoutMs} ms`,
      );
    }
    const failure = this.#result.failure;
    if (this.#result.cancelled()) throw failure?.error;
    return failure?.error;
  }

  addDoneCallback(callback: (future: Future<T>) => void): void {
    const values = { map: currentValues().map };
    this.#result.whenSettled(() =>
      queueMicrotask(() => runInFrame({ scope: undefined, values }, callback, this))
    );
  }

  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onFulfilled, onRejected);
  }

  /** The state, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  toString(): string {
    if (this.running()) return "Future { running }";
    return this.#result.toString().replace("AsyncResult", "Future");
  }
}

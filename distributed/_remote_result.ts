import { currentScope, runOutsideTasks } from "../coroutine/_current_scope.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import type { AsyncResult } from "../coroutine/async_result.ts";
import { CancelledError, InvalidStateError, TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";

type State = "pending" | "succeeded" | "failed" | "cancelled";

/** What a call elsewhere will give, to one who need not wait for it now. */
export class RemoteResult<T> implements AsyncResult<T> {
  readonly #promise: Promise<T>;
  readonly #end = new AbortController();
  #ended: Promise<boolean> | undefined;
  #state: State = "pending";

  /**
   * Starts the call.
   *
   * @param call Makes the call, which its signal stops.
   * @param options What stops the call besides.
   */
  constructor(
    call: (signal: AbortSignal) => Promise<T>,
    { signal }: Pick<WaitOptions, "signal"> = {},
  ) {
    const end = this.#end;
    const signals = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
    // It belongs to no task: it goes on when the one that has begun it is cancelled.
    this.#promise = runOutsideTasks(async () => {
      try {
        const value = await call(signals);
        this.#state = "succeeded";
        return value;
      } catch (error) {
        this.#state = signals.aborted && error === signals.reason ? "cancelled" : "failed";
        throw error;
      }
    });
  }

  ready(): boolean {
    return this.#state !== "pending";
  }

  successful(): boolean {
    if (this.ready()) return this.#state === "succeeded";
    throw new InvalidStateError("Cannot tell whether the call was successful: it has not ended");
  }

  cancelled(): boolean {
    return this.#state === "cancelled";
  }

  cancel(reason?: unknown): boolean {
    if (this.ready() || this.#end.signal.aborted) return false;
    // Whoever cancels it need not ask how it ended.
    void this.#over();
    this.#end.abort(
      reason instanceof CancelledError ? reason : new CancelledError(
        "The call was cancelled",
        reason === undefined ? undefined : { cause: reason },
      ),
    );
    return true;
  }

  async get(options: WaitOptions = {}): Promise<T> {
    // Whether this wait takes long or not, the failure is not news any more.
    void this.#over();
    options.signal?.throwIfAborted();
    return await waitWithin(this.#promise, options, (timeoutMs) => {
      throw new TimeoutError(`Cannot get the result: it is not there after ${timeoutMs} ms`);
    });
  }

  async wait(options: WaitOptions = {}): Promise<boolean> {
    const over = this.#over();
    options.signal?.throwIfAborted();
    return await waitWithin(over, options, () => false);
  }

  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#awaited().then(onFulfilled, onRejected);
  }

  /** The end, in whatever way: whoever asks for it is told of the failure, if there is one. */
  #over(): Promise<boolean> {
    return this.#ended ??= this.#promise.then(() => true, () => true);
  }

  /** A promise of the result, whose wait cancels the call when the waiting task is cancelled. */
  #awaited(): Promise<T> {
    const scope = this.ready() ? undefined : currentScope();
    if (scope === undefined) return this.#promise;
    try {
      const leave = scope.enter((reason) => void this.cancel(reason));
      return this.#promise.finally(leave);
    } catch (reason) {
      this.cancel(reason);
      return Promise.reject(reason);
    }
  }

  /** The state, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  toString(): string {
    return `AsyncResult { ${this.#state} }`;
  }
}

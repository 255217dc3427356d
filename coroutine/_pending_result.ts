import type { BatchSettings } from "./_batch.ts";
import type { CallGroup, CallReceiver } from "./_call_group.ts";
import { currentScope } from "./_current_scope.ts";
import { FixedBatch, type Outcome } from "./_fixed_batch.ts";
import { waitForPool } from "./_pool_calls.ts";
import type { PoolCore } from "./_pool_core.ts";
import { waitWithin } from "./_wait_within.ts";
import type { AsyncResult } from "./async_result.ts";
import { CancelledError, InvalidStateError, TimeoutError } from "./errors.ts";
import type { ApplyAsyncOptions } from "./pool_call_options.ts";
import type { WaitOptions } from "./wait_options.ts";

type State<T> =
  | { readonly kind: "pending" }
  | { readonly kind: "succeeded"; readonly value: T }
  | { readonly kind: "failed" | "cancelled"; readonly error: unknown };

const PENDING: { readonly kind: "pending" } = { kind: "pending" };

/** What a call of a pool will give. */
export class PendingResult<T> implements AsyncResult<T>, CallReceiver {
  readonly #core: PoolCore;
  readonly #options: ApplyAsyncOptions<T>;
  readonly #pick: (results: readonly unknown[]) => T;
  #batch: FixedBatch | undefined;
  #group: CallGroup | undefined;
  #index = 0;
  #state: State<T> = PENDING;
  #promise: Promise<T> | undefined;
  #resolvers: PromiseWithResolvers<T> | undefined;
  /** Whether somebody has asked how it ends, so that a failure is not news to be reported. */
  #isAsked = false;
  /** Whether the failure of the promise is not news. */
  #isQuiet = false;
  #leaving: (() => void)[] | undefined;

  /** @param pick Makes the result of those of the items. */
  constructor(
    core: PoolCore,
    options: ApplyAsyncOptions<T>,
    pick: (results: readonly unknown[]) => T,
  ) {
    this.#core = core;
    this.#options = options;
    this.#pick = pick;
  }

  /** Gives the items to the pool. */
  submit(settings: BatchSettings, items: readonly unknown[]): void {
    const { signal } = this.#options;
    if (signal?.aborted === true) {
      return this.#settle({ kind: "cancelled", error: signal.reason });
    }
    if (items.length === 0) return this.#settle({ kind: "succeeded", value: [] });
    const batch = new FixedBatch(this.#core, settings, items, (outcome) => this.#settle(outcome));
    this.#batch = batch;
    if (signal !== undefined) {
      const onAbort = () => void batch.stop(signal.reason, "ask");
      signal.addEventListener("abort", onAbort, { once: true });
      this.#onSettled(() => signal.removeEventListener("abort", onAbort));
    }
    this.#core.accept(batch, "fixed");
    this.#core.enqueue(batch);
  }

  /** Gives the pool a call without options. */
  submitCall(action: string, target: unknown, args: readonly unknown[]): void {
    this.#group = this.#core.call(action, target, args, this);
    this.#index = this.#group.size - 1;
  }

  /** The call has given a value. */
  resolve(value: unknown): void {
    this.#end({ kind: "succeeded", value: value as T });
  }

  /** The call has failed, or was cancelled. */
  reject(error: unknown): void {
    this.#end({ kind: error instanceof CancelledError ? "cancelled" : "failed", error });
  }

  /** There is no result, because there are no items. */
  failEarly(error: unknown): void {
    this.#settle({ kind: "failed", error });
  }

  ready(): boolean {
    return this.#state.kind !== "pending";
  }

  successful(): boolean {
    const { kind } = this.#state;
    if (kind !== "pending") return kind === "succeeded";
    throw new InvalidStateError("Cannot tell whether the call was successful: it has not ended");
  }

  cancelled(): boolean {
    return this.#state.kind === "cancelled";
  }

  /** Whether an item of it has started, and it has not ended. */
  get isRunning(): boolean {
    if (this.#batch !== undefined) return this.#batch.starts > 0;
    return this.#group?.isRunning(this.#index) ?? false;
  }

  /** With what it failed or was cancelled; `undefined` when it did not. */
  get failure(): { readonly error: unknown } | undefined {
    const state = this.#state;
    return state.kind === "failed" || state.kind === "cancelled" ? state : undefined;
  }

  /** Calls a function when it has ended, or now if it has. */
  whenSettled(call: () => void): void {
    this.#onSettled(call);
  }

  cancel(reason?: unknown): boolean {
    const error = reason instanceof CancelledError ? reason : new CancelledError(
      "The call was cancelled",
      reason === undefined ? undefined : { cause: reason },
    );
    if (this.#batch !== undefined) return this.#batch.stop(error, "ask");
    if (this.#group === undefined) return false;
    this.#group.cancel(this.#index, error);
    return true;
  }

  async get(options: WaitOptions = {}): Promise<T> {
    const settled = this.#settled();
    // Whether this wait takes long or not, the failure is not news any more.
    this.#silence();
    options.signal?.throwIfAborted();
    const leave = this.#state === PENDING ? waitForPool(this.#core) : undefined;
    try {
      return await waitWithin(settled, options, (timeoutMs) => {
        throw new TimeoutError(`Cannot get the result: it is not there after ${timeoutMs} ms`);
      });
    } finally {
      leave?.();
    }
  }

  async wait(options: WaitOptions = {}): Promise<boolean> {
    this.#isAsked = true;
    // It may have failed before, and the runtime has not looked yet.
    this.#silence();
    options.signal?.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const tell = () => resolve(true);
    this.#onSettled(tell);
    const leave = this.#state === PENDING ? waitForPool(this.#core) : undefined;
    try {
      return await waitWithin(promise, options, () => false);
    } finally {
      leave?.();
      const at = this.#leaving?.indexOf(tell) ?? -1;
      if (at >= 0) this.#leaving!.splice(at, 1);
    }
  }

  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.awaited().then(onFulfilled, onRejected);
  }

  /** A promise of the result, whose wait cancels the call when the waiting task is cancelled. */
  awaited(): Promise<T> {
    if (this.#state === PENDING) {
      const scope = currentScope();
      if (scope !== undefined) {
        try {
          this.#onSettled(scope.enter((reason) => void this.cancel(reason)));
        } catch (reason) {
          this.#settled();
          this.#silence();
          this.cancel(reason);
          return Promise.reject(reason);
        }
        const leave = waitForPool(this.#core);
        if (leave !== undefined) this.#onSettled(leave);
      }
    }
    return this.#settled();
  }

  /** The state, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  toString(): string {
    const state = this.#state;
    const error = state.kind === "failed" && state.error instanceof Error
      ? ` with ${state.error.name}`
      : "";
    return `AsyncResult { ${state.kind}${error} }`;
  }

  #settle(outcome: Outcome): void {
    if (outcome.kind === "succeeded") {
      this.#end({ kind: "succeeded", value: this.#pick(outcome.value) });
    } else if (outcome.kind === "failed") this.reject(outcome.error);
    else this.#end(outcome);
  }

  #end(state: Exclude<State<T>, { kind: "pending" }>): void {
    const batch = this.#batch;
    // A result that is kept does not keep the items.
    this.#batch = this.#group = undefined;
    this.#state = state;
    const leaving = this.#leaving;
    this.#leaving = undefined;
    if (leaving !== undefined) { for (const leave of leaving) leave(); }
    const { callback, errorCallback } = this.#options;
    if (state.kind === "succeeded") {
      if (callback !== undefined) this.#callBack(batch, callback, state.value);
      this.#resolvers?.resolve(state.value);
      return;
    }
    if (errorCallback !== undefined) this.#callBack(batch, errorCallback, state.error);
    if (this.#resolvers !== undefined) this.#resolvers.reject(state.error);
    else if (state.kind === "failed" && !this.#isAsked && errorCallback === undefined) {
      // Nobody has asked for it: the runtime shall tell, unless somebody asks before it looks.
      this.#promise = Promise.reject(state.error);
    }
  }

  #callBack<V>(batch: FixedBatch | undefined, callback: (value: V) => unknown, value: V): void {
    if (batch !== undefined) batch.callBack(callback, value);
    // The call has not returned yet.
    else queueMicrotask(() => callback(value));
  }

  #settled(): Promise<T> {
    if (this.#promise !== undefined) return this.#promise;
    const state = this.#state;
    if (state.kind === "succeeded") return this.#promise = Promise.resolve(state.value);
    if (state.kind !== "pending") return this.#promise = Promise.reject(state.error);
    this.#resolvers = Promise.withResolvers<T>();
    return this.#promise = this.#resolvers.promise;
  }

  /** Once: the promise would keep a function of each time. */
  #silence(): void {
    if (this.#isQuiet || this.#promise === undefined) return;
    this.#isQuiet = true;
    this.#promise.catch(() => {});
  }

  #onSettled(leave: () => void): void {
    if (this.#state === PENDING) (this.#leaving ??= []).push(leave);
    else leave();
  }
}

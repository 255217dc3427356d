/**
 * What all pools have in common.
 *
 * @module
 */

import { currentScope } from "./_current_scope.ts";
import { callSettings, checkCount, checkFunction } from "./_call_settings.ts";
import { ItemSource } from "./_item_source.ts";
import { PendingResult } from "./_pending_result.ts";
import type { PoolCore } from "./_pool_core.ts";
import { poolInternals } from "./_pool_internals.ts";
import { ResultStream } from "./_result_stream.ts";
import { StreamBatch } from "./_stream_batch.ts";
import { ValueBatch } from "./_value_batch.ts";
import type { AsyncResult } from "./async_result.ts";
import { InvalidStateError } from "./errors.ts";
import type {
  ApplyAsyncOptions,
  ImapOptions,
  MapAsyncOptions,
  MapOptions,
  PoolCallOptions,
  PoolStreamOptions,
} from "./pool_call_options.ts";
import type { PoolStatistics } from "./pool_statistics.ts";
import type { ResultIterator } from "./result_iterator.ts";
import type { WaitOptions } from "./wait_options.ts";

/** How far an `imap` reads ahead for each runner, unless it is told. */
const LOOK_AHEAD = 16;
const LONGEST_LOOK_AHEAD = 1024;
/** How far a generator may go ahead of whoever takes its values, unless it is told. */
const STREAM_LOOK_AHEAD = 16;

const NO_OPTIONS = {};

/**
 * What a pool calls: a function, usually an `async` one.
 *
 * @typeParam A Its arguments.
 * @typeParam T What it returns, or what the promise that it returns is fulfilled with.
 */
export type PoolFunction<A extends unknown[], T> = (...args: A) => T | PromiseLike<T>;

/**
 * What a pool calls for a stream of values: a generator, or whatever returns something that can be
 * iterated.
 *
 * @typeParam A Its arguments.
 * @typeParam T A value.
 */
export type PoolGenerator<A extends unknown[], T> = (
  ...args: A
) => Iterable<T> | AsyncIterable<T> | PromiseLike<Iterable<T> | AsyncIterable<T>>;

/**
 * The arguments of a call, and its options. The arguments may be left out when the function needs none.
 *
 * @typeParam A The arguments of the function.
 * @typeParam O The options of the call.
 */
export type CallArguments<A extends unknown[], O> = [] extends A ? [args?: Readonly<A>, options?: O]
  : [args: Readonly<A>, options?: O];

/**
 * Hands that take calls of functions: what the pools of coroutines, threads, processes and machines have in
 * common.
 *
 * It is Python's {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.pool.Pool | multiprocessing.Pool},
 * with the limits, priorities and progress that one wishes it had. Its rules:
 *
 * - Calls start in the order in which they were made, higher `priority` first, and never within the call
 *   of the pool itself.
 * - Short calls of one function without options that are made in one turn may be handed to a runner some at
 *   a time, as the items of {@linkcode map} are. Each is settled, cancelled and counted for itself.
 * - Every call settles, whatever happens: a runner that dies rejects exactly what it held, or what it held
 *   is started again, as often as `retries` allows; {@linkcode terminate} rejects all that is left with
 *   a `CancelledError`.
 * - What is cancelled before it has started never starts, and its call settles at once. What runs is
 *   stopped, and its call settles when it has ended. What does not end is given up after the grace time of
 *   the pool and counted in {@linkcode statistics} as `abandoned`; the pool goes on without it.
 * - {@linkcode apply}, {@linkcode map} and {@linkcode starmap} that are awaited by a task are cancelled
 *   with the task.
 * - {@linkcode map} waits for all items, also when one has failed, and then rejects with the first error in
 *   the order of the items.
 * - {@linkcode close}: no more calls, and what was given is done. {@linkcode terminate}: everything stops.
 *   `await using` terminates. {@linkcode join} waits for the end.
 *
 * It cannot be created: use the pool of coroutines ({@linkcode Pool}), of threads or of processes.
 *
 * @example A function that works with any pool
 * ```ts
 * import { type BasePool, Pool } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * async function total(pool: BasePool, numbers: number[]): Promise<number> {
 *   const squares = await pool.map((n: number) => n * n, numbers);
 *   return squares.reduce((sum, square) => sum + square, 0);
 * }
 * await using pool = new Pool(4);
 * assertEquals(await total(pool, [1, 2, 3]), 14);
 * ```
 *
 * @typeParam Reference What may stand for a function beside functions.
 */
export abstract class BasePool<Reference = never> implements AsyncDisposable {
  #attached: PoolCore | undefined;

  /** The most runners that the pool may have. */
  get size(): number {
    return this.#core.size;
  }

  /**
   * Calls a function, and waits for its result.
   *
   * @param target The function.
   * @param rest The arguments as an array, and the options of the call.
   * @returns What the function returns, or a rejection with what it throws.
   * @throws {PoolClosedError} When the pool takes no more calls.
   * @typeParam A The arguments of the function.
   * @typeParam T The result.
   */
  apply<A extends unknown[], T>(
    target: PoolFunction<A, T> | Reference,
    ...rest: CallArguments<A, PoolCallOptions>
  ): Promise<T> {
    try {
      const [args = [], options] = rest;
      if (options !== undefined || currentScope() !== undefined) {
        return this.#submitOne<T>("apply", target, args, options).awaited();
      }
      const core = this.#core;
      core.checkOpen("apply");
      checkArguments("apply", args);
      const receiver = Promise.withResolvers<unknown>();
      core.call("apply", target, args, receiver);
      return receiver.promise as Promise<T>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Calls a function, and does not wait for its result.
   *
   * @param target The function.
   * @param rest The arguments as an array, and the options of the call.
   * @returns What will be the result.
   * @throws {PoolClosedError} When the pool takes no more calls.
   * @typeParam A The arguments of the function.
   * @typeParam T The result.
   */
  applyAsync<A extends unknown[], T>(
    target: PoolFunction<A, T> | Reference,
    ...rest: CallArguments<A, ApplyAsyncOptions<T>>
  ): AsyncResult<T> {
    const [args = [], options] = rest;
    return this.#submitOne("applyAsync", target, args, options as ApplyAsyncOptions<T>);
  }

  /**
   * Calls a function for each item, and waits for all results.
   *
   * @param target The function. It receives the item as its only argument.
   * @param items The items. All are taken at once; {@linkcode imap} takes them as they are needed.
   * @param options How to go about it.
   * @returns The results in the order of the items. When items failed, a rejection with the error of the
   * first one of them, after all have ended.
   * @throws {PoolClosedError} When the pool takes no more calls.
   * @typeParam A An item.
   * @typeParam T The result of one item.
   */
  async map<A, T>(
    target: PoolFunction<[item: A], T> | Reference,
    items: Iterable<A>,
    options: MapOptions = {},
  ): Promise<T[]> {
    return await this.#submitAll<T>("map", target, items, { spread: false }, options).awaited();
  }

  /**
   * Calls a function for each item, and does not wait for the results.
   *
   * @param target The function. It receives the item as its only argument.
   * @param items The items.
   * @param options How to go about it, and what to call with the list of results.
   * @returns What will be the list of results.
   * @throws {PoolClosedError} When the pool takes no more calls.
   * @typeParam A An item.
   * @typeParam T The result of one item.
   */
  mapAsync<A, T>(
    target: PoolFunction<[item: A], T> | Reference,
    items: Iterable<A>,
    options: MapAsyncOptions<T> = {},
  ): AsyncResult<T[]> {
    return this.#submitAll("mapAsync", target, items, { spread: false }, options);
  }

  /**
   * Calls a function for each array of arguments, and waits for all results. Otherwise as {@linkcode map}.
   *
   * @param target The function.
   * @param items Arrays of arguments.
   * @param options How to go about it.
   * @returns The results in the order of the items.
   * @throws {PoolClosedError} When the pool takes no more calls.
   * @typeParam A The arguments of the function.
   * @typeParam T The result of one item.
   */
  async starmap<A extends unknown[], T>(
    target: PoolFunction<A, T> | Reference,
    items: Iterable<Readonly<A>>,
    options: MapOptions = {},
  ): Promise<T[]> {
    return await this.#submitAll<T>("starmap", target, items, { spread: true }, options).awaited();
  }

  /**
   * Calls a function for each array of arguments, and does not wait for the results. Otherwise as
   * {@linkcode mapAsync}.
   *
   * @param target The function.
   * @param items Arrays of arguments.
   * @param options How to go about it, and what to call with the list of results.
   * @returns What will be the list of results.
   * @throws {PoolClosedError} When the pool takes no more calls.
   * @typeParam A The arguments of the function.
   * @typeParam T The result of one item.
   */
  starmapAsync<A extends unknown[], T>(
    target: PoolFunction<A, T> | Reference,
    items: Iterable<Readonly<A>>,
    options: MapAsyncOptions<T> = {},
  ): AsyncResult<T[]> {
    return this.#submitAll("starmapAsync", target, items, { spread: true }, options);
  }

  /**
   * Calls a function for each item, and gives the results one by one, in the order of the items. The input
   * is taken as the results are taken, `lookAhead` items ahead at most, so it may be without an end.
   *
   * The first items start at once, also when nobody takes results yet. When the input throws, the results
   * of the items before come first, then its error.
   *
   * @param target The function. It receives the item as its only argument.
   * @param items The input.
   * @param options How to go about it.
   * @returns The results.
   * @throws {PoolClosedError} When the pool takes no more calls.
   * @typeParam A An item.
   * @typeParam T The result of one item.
   */
  imap<A, T>(
    target: PoolFunction<[item: A], T> | Reference,
    items: Iterable<A> | AsyncIterable<A>,
    options: ImapOptions = {},
  ): ResultIterator<T> {
    return this.#stream<T>("imap", target, items, { order: "as given", spread: false }, options);
  }

  /**
   * Calls a function for each item, and gives the results one by one, in the order in which they come.
   * Otherwise as {@linkcode imap}.
   *
   * @param target The function. It receives the item as its only argument.
   * @param items The input.
   * @param options How to go about it.
   * @returns The results.
   * @throws {PoolClosedError} When the pool takes no more calls.
   * @typeParam A An item.
   * @typeParam T The result of one item.
   */
  imapUnordered<A, T>(
    target: PoolFunction<[item: A], T> | Reference,
    items: Iterable<A> | AsyncIterable<A>,
    options: ImapOptions = {},
  ): ResultIterator<T> {
    const how = { order: "as done", spread: false } as const;
    return this.#stream<T>("imapUnordered", target, items, how, options);
  }

  /**
   * Calls a generator, and gives its values one by one, as it makes them. It runs no further ahead of
   * whoever takes them than `lookAhead` values, then it waits; so it may be without an end.
   *
   * It begins at once, and occupies a runner until it ends, also while it waits. When it throws, the values
   * before come first, then its error. When the results are not wanted any more it is closed, as a `for`
   * loop that is left closes a generator, so that its `finally` runs. A generator that is lost with its
   * runner is not started again.
   *
   * @param target The generator, or a function that returns something to be iterated.
   * @param rest The arguments as an array, and the options of the call.
   * @returns The values.
   * @throws {PoolClosedError} When the pool takes no more calls.
   * @typeParam A The arguments of the generator.
   * @typeParam T A value.
   *
   * @example Values as they are made
   * ```ts
   * import { Pool } from "@manyhands/concurrency/coroutine";
   * import { assertEquals } from "@std/assert";
   *
   * function* count(from: number): Generator<number> {
   *   for (let n = from;; n++) yield n;
   * }
   * await using pool = new Pool(2);
   * const seen: number[] = [];
   * for await (const n of pool.stream(count, [40])) {
   *   seen.push(n);
   *   if (n === 42) break;
   * }
   * assertEquals(seen, [40, 41, 42]);
   * ```
   */
  stream<A extends unknown[], T>(
    target: PoolGenerator<A, T> | Reference,
    ...rest: CallArguments<A, PoolStreamOptions>
  ): ResultIterator<T> {
    const [args = [], options = {}] = rest;
    const core = this.#core;
    core.checkOpen("stream");
    checkArguments("stream", args);
    const settings = callSettings(core, "stream", target, { spread: true }, options);
    const { signal, lookAhead = STREAM_LOOK_AHEAD } = options;
    checkCount("stream", "lookAhead", lookAhead, 1);
    const batch = new ValueBatch(core, { ...settings, retries: 0 }, args, lookAhead);
    core.accept(batch, "stream");
    followSignal(batch, signal);
    if (!batch.isDone()) core.enqueue(batch);
    return new ResultStream<T>(core, batch);
  }

  /**
   * Waits until the runners that are being made can take calls. Nobody has to: calls wait for that by
   * themselves. It tells early that the runners cannot be made, and keeps their start out of a measurement.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns When none is being made.
   * @throws {PoolClosedError} When the pool is closed or terminated, or was meanwhile. When a runner cannot be
   * made, its error is thrown.
   * @throws {TimeoutError} When it was not ready after `timeoutMs`.
   */
  async ready(options: WaitOptions = {}): Promise<void> {
    await this.#core.ready(options);
  }

  /** Takes no more calls. What was given is done, then the runners end. A second call does no harm. */
  close(): void {
    this.#core.close();
  }

  /**
   * Stops everything: calls that have not ended reject with a `CancelledError` at once, what runs is
   * cancelled, the runners end. A second call waits for the same end.
   *
   * @returns When the runners have ended.
   * @throws {TimeoutError} When something that cannot be stopped had not ended after the grace time.
   */
  async terminate(): Promise<void> {
    await this.#core.terminate();
  }

  /**
   * Waits until everything is done and the runners have ended. An `imap` is done when its input was read
   * to the end, so somebody has to take its results.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns When the pool has ended.
   * @throws {InvalidStateError} When neither {@linkcode close} nor {@linkcode terminate} was called.
   * @throws {TimeoutError} When something went on after `timeoutMs`.
   */
  async join(options: WaitOptions = {}): Promise<void> {
    await this.#core.join(options);
  }

  /**
   * How much there is to do, and what was done.
   *
   * @returns The figures of this moment.
   */
  statistics(): PoolStatistics {
    return { ...this.#core.figures, runners: this.#core.runners };
  }

  /** Stops everything, as {@linkcode terminate} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#core.terminate();
  }

  get #core(): PoolCore {
    const core = this.#attached;
    if (core !== undefined) return core;
    throw new InvalidStateError("Cannot use a pool of this class: it has no runners");
  }

  #submitOne<T>(
    action: string,
    target: unknown,
    args: readonly unknown[],
    options: ApplyAsyncOptions<T> | undefined,
  ): PendingResult<T> {
    const core = this.#core;
    core.checkOpen(action);
    checkArguments(action, args);
    if (options === undefined) {
      const result = new PendingResult<T>(core, NO_OPTIONS, pickFirst<T>);
      result.submitCall(action, target, args);
      return result;
    }
    checkCallbacks(action, options);
    const settings = callSettings(core, action, target, { spread: true }, options);
    const result = new PendingResult<T>(core, options, pickFirst<T>);
    result.submit(settings, [args]);
    return result;
  }

  #submitAll<T>(
    action: string,
    target: unknown,
    items: Iterable<unknown>,
    spread: { spread: boolean },
    options: MapAsyncOptions<T>,
  ): PendingResult<T[]> {
    const core = this.#core;
    core.checkOpen(action);
    checkCallbacks(action, options);
    const settings = callSettings(core, action, target, spread, options);
    checkIterable(action, items, [Symbol.iterator]);
    const result = new PendingResult<T[]>(core, options, pickAll<T>);
    let list: unknown[];
    try {
      list = Array.isArray(items) ? items.slice() : Array.from(items);
    } catch (error) {
      result.failEarly(error);
      return result;
    }
    result.submit(settings, list);
    return result;
  }

  #stream<T>(
    action: string,
    target: unknown,
    items: Iterable<unknown> | AsyncIterable<unknown>,
    { order, spread }: { order: "as given" | "as done"; spread: boolean },
    options: ImapOptions,
  ): ResultIterator<T> {
    const core = this.#core;
    core.checkOpen(action);
    const settings = callSettings(core, action, target, { spread }, options);
    const { signal, lookAhead = Math.min(LOOK_AHEAD * core.size, LONGEST_LOOK_AHEAD) } = options;
    checkCount(action, "lookAhead", lookAhead, 1);
    checkIterable(action, items, [Symbol.asyncIterator, Symbol.iterator]);
    const source = new ItemSource(items);
    const batch = new StreamBatch(core, { ...settings, order, lookAhead }, source);
    core.accept(batch, "stream");
    followSignal(batch, signal);
    if (!batch.isDone()) batch.begin();
    return new ResultStream<T>(core, batch, source);
  }

  static {
    poolInternals.attach = (pool, core) => {
      (pool as BasePool).#attached = core;
    };
    poolInternals.imapSpread = (pool, action, target, items, options) =>
      (pool as BasePool).#stream(
        action,
        target,
        items,
        { order: "as given", spread: true },
        options,
      );
    poolInternals.coreOf = (pool) => (pool as BasePool).#core;
  }
}

function pickFirst<T>(results: readonly unknown[]): T {
  return results[0] as T;
}

function pickAll<T>(results: readonly unknown[]): T[] {
  return results as T[];
}

/** Stops a batch when a signal aborts. */
function followSignal(batch: StreamBatch | ValueBatch, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (signal.aborted) {
    batch.stop(signal.reason, "ask");
    return;
  }
  const onAbort = () => void batch.stop(signal.reason, "ask");
  signal.addEventListener("abort", onAbort, { once: true });
  void batch.finished.then(() => signal.removeEventListener("abort", onAbort));
}

function checkArguments(action: string, args: unknown): void {
  if (Array.isArray(args)) return;
  throw new TypeError(`Cannot ${action}: the arguments must be an array, got ${typeof args}`);
}

function checkCallbacks(action: string, options: ApplyAsyncOptions<never>): void {
  const { callback, errorCallback } = options;
  if (callback !== undefined) checkFunction(action, '"callback"', callback);
  if (errorCallback !== undefined) checkFunction(action, '"errorCallback"', errorCallback);
}

function checkIterable(action: string, items: unknown, symbols: symbol[]): void {
  const isIterable = items !== null && items !== undefined &&
    symbols.some((symbol) => typeof (items as Record<symbol, unknown>)[symbol] === "function");
  if (isIterable) return;
  const what = symbols.length > 1 ? "iterable or async iterable" : "iterable";
  throw new TypeError(`Cannot ${action}: the items must be ${what}, got ${typeof items}`);
}

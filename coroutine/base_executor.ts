/**
 * What all executors have in common.
 *
 * @module
 */

import { checkTimeout } from "./_check_timeout.ts";
import { checkCount } from "./_call_settings.ts";
import type { PendingResult } from "./_pending_result.ts";
import { PoolFuture } from "./_pool_future.ts";
import { poolInternals } from "./_pool_internals.ts";
import { TimedResults } from "./_timed_results.ts";
import { zip } from "./_zip.ts";
import type { BasePool, PoolFunction } from "./base_pool.ts";
import { CancelledError } from "./errors.ts";
import type { Future } from "./future.ts";
import type { ResultIterator } from "./result_iterator.ts";

/** Options for {@linkcode BaseExecutor.map}. */
export interface ExecutorMapOptions {
  /**
   * How long all results may take together, in milliseconds, counted from the call. When that is over the
   * next result that is not there throws a `TimeoutError`, and what has not started never starts.
   *
   * @default {Infinity}
   */
  timeoutMs?: number | undefined;
  /**
   * How many items a worker gets at a time.
   *
   * @default {chosen by the time that the items take}
   */
  chunkSize?: number | undefined;
  /**
   * How many items may be taken from the input beyond those whose results were taken.
   *
   * @default {Infinity}
   */
  bufferSize?: number | undefined;
  /**
   * Stops the work.
   *
   * @default {undefined}
   */
  signal?: AbortSignal | undefined;
}

/** Options for {@linkcode BaseExecutor.shutdown}. */
export interface ShutdownOptions {
  /**
   * Whether to wait until everything is done and the workers have ended.
   *
   * @default {true}
   */
  wait?: boolean | undefined;
  /**
   * Whether to cancel what has not started.
   *
   * @default {false}
   */
  cancelFutures?: boolean | undefined;
}

/**
 * Something that items can be taken from.
 *
 * @typeParam T An item.
 */
export type Items<T> = Iterable<T> | AsyncIterable<T>;

/**
 * Workers behind two calls, `submit` and `map`
 * (Python's {@link https://docs.python.org/3/library/concurrent.futures.html#executor-objects | Executor}).
 *
 * It is a pool with fewer and other words; the rules are those of {@linkcode BasePool}. The differences:
 *
 * - `await using`, as Python's `with`, waits until everything is done; a pool is terminated there.
 * - {@linkcode map} takes all its input at once, unless there is a `bufferSize`.
 * - A call that runs is not cancelled by its {@linkcode Future}.
 *
 * It cannot be created: use the executor of processes.
 *
 * @example A function that works with any executor
 * ```ts
 * import type { BaseExecutor } from "@manyhands/concurrency/coroutine";
 *
 * async function total(executor: BaseExecutor, square: (n: number) => number): Promise<number> {
 *   let sum = 0;
 *   for await (const result of executor.map(square, [1, 2, 3])) sum += result;
 *   return sum;
 * }
 * ```
 *
 * @typeParam Reference What may stand for a function beside functions.
 */
export abstract class BaseExecutor<Reference = never> implements AsyncDisposable {
  readonly #pool: BasePool<Reference>;

  /**
   * For those who extend it.
   *
   * @param pool What does the work.
   */
  protected constructor(pool: BasePool<Reference>) {
    this.#pool = pool;
  }

  /** The most workers that there may be. */
  get maxWorkers(): number {
    return this.#pool.size;
  }

  /**
   * Calls a function, and does not wait for its result.
   *
   * @param target The function.
   * @param args Its arguments.
   * @returns What will be the result.
   * @throws {PoolClosedError} After {@linkcode shutdown}.
   * @typeParam A The arguments of the function.
   * @typeParam T The result.
   */
  submit<A extends unknown[], T>(
    target: PoolFunction<A, T> | Reference,
    ...args: A
  ): Future<T> {
    const result = this.#pool.applyAsync<unknown[], T>(target as Reference, args);
    return new PoolFuture(result as PendingResult<T>);
  }

  /**
   * Calls a function for each item, and gives the results one by one, in the order of the items.
   *
   * @param target The function.
   * @param items The items.
   * @param options How to go about it.
   * @returns The results.
   * @throws {PoolClosedError} After {@linkcode shutdown}.
   * @typeParam A An item.
   * @typeParam T The result of one item.
   */
  map<A, T>(
    target: PoolFunction<[item: A], T> | Reference,
    items: Items<A>,
    options?: ExecutorMapOptions,
  ): ResultIterator<T>;
  /**
   * Calls a function of two arguments for the items of two inputs, as long as both have items.
   *
   * @param target The function.
   * @param first The first arguments.
   * @param second The second arguments.
   * @param options How to go about it.
   * @returns The results.
   * @throws {PoolClosedError} After {@linkcode shutdown}.
   * @typeParam A A first argument.
   * @typeParam B A second argument.
   * @typeParam T The result of one call.
   */
  map<A, B, T>(
    target: PoolFunction<[a: A, b: B], T> | Reference,
    first: Items<A>,
    second: Items<B>,
    options?: ExecutorMapOptions,
  ): ResultIterator<T>;
  /**
   * Calls a function of three arguments for the items of three inputs, as long as all have items.
   *
   * @param target The function.
   * @param first The first arguments.
   * @param second The second arguments.
   * @param third The third arguments.
   * @param options How to go about it.
   * @returns The results.
   * @throws {PoolClosedError} After {@linkcode shutdown}.
   * @typeParam A A first argument.
   * @typeParam B A second argument.
   * @typeParam C A third argument.
   * @typeParam T The result of one call.
   */
  map<A, B, C, T>(
    target: PoolFunction<[a: A, b: B, c: C], T> | Reference,
    first: Items<A>,
    second: Items<B>,
    third: Items<C>,
    options?: ExecutorMapOptions,
  ): ResultIterator<T>;
  map(target: unknown, ...rest: (Items<unknown> | ExecutorMapOptions | undefined)[]): unknown {
    const inputs = rest.filter(isIterable);
    const options = rest.find((one) => one !== undefined && !isIterable(one)) ?? {};
    const { timeoutMs, chunkSize, bufferSize, signal } = options as ExecutorMapOptions;
    if (inputs.length === 0) {
      throw new TypeError(`Cannot map: the items must be iterable, got ${typeof rest[0]}`);
    }
    if (typeof options !== "object") {
      throw new TypeError(
        `Cannot map: behind the target come iterable items, then options, got ${typeof options}`,
      );
    }
    if (bufferSize !== undefined && bufferSize !== Infinity) {
      checkCount("map", "bufferSize", bufferSize, 1);
    }
    const end = performance.now() + checkTimeout(timeoutMs);
    const results = poolInternals.imapSpread(this.#pool, "map", target, zip(inputs), {
      signal,
      chunkSize,
      lookAhead: Math.min(bufferSize ?? Infinity, Number.MAX_SAFE_INTEGER),
    });
    return end === Infinity ? results : new TimedResults(results, end, timeoutMs!);
  }

  /**
   * Takes no more calls. What was given is done, then the workers end.
   *
   * @param options Whether to wait, and what becomes of what has not started.
   * @returns When everything is done, or at once.
   */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    const { wait = true, cancelFutures = false } = options;
    const core = poolInternals.coreOf(this.#pool);
    this.#pool.close();
    if (cancelFutures) {
      core.cancelWaiting(new CancelledError("The call was cancelled: its executor was shut down"));
    }
    if (wait) await this.#pool.join();
  }

  /** Waits until everything is done and the workers have ended, as {@linkcode shutdown} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}

function isIterable(value: unknown): value is Items<unknown> {
  return value !== null && value !== undefined &&
    (typeof (value as Iterable<unknown>)[Symbol.iterator] === "function" ||
      typeof (value as AsyncIterable<unknown>)[Symbol.asyncIterator] === "function");
}

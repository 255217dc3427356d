/**
 * Pools of workers in the process of a manager.
 *
 * @module
 */

import type { AsyncResult } from "../coroutine/async_result.ts";
import type { PoolStatistics } from "../coroutine/pool_statistics.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { fromWire, setPortable, toWire, type WireForm } from "../ipc/_portable.ts";
import { callTarget, isProxy, targetOf } from "../ipc/_proxy.ts";
import { ConnectionClosedError, ConnectionLostError } from "../ipc/errors.ts";
import { RemoteResult } from "./_remote_result.ts";
import { PyGlobal } from "./python_types.ts";

/**
 * A function of the manager's module: itself, for its types, or its name. Only the name is sent.
 *
 * For a manager in Python it is a function there, with its module: `"math.sqrt"`, or a {@linkcode PyGlobal}.
 *
 * @typeParam A Its arguments.
 * @typeParam T What it returns.
 */
export type ManagedPoolFunction<A extends unknown[], T> =
  | ((...args: A) => T | Promise<T>)
  | string
  | PyGlobal;

/** Options for the methods of {@linkcode PoolProxy} that call a function for each item. */
export interface PoolProxyMapOptions extends WaitOptions {
  /**
   * How many items go to a worker together.
   *
   * @default {undefined}
   */
  chunkSize?: number | undefined;
}

/**
 * A pool of processes that a `SyncManager` has made: its workers are children of the manager, and all clients of
 * the manager can share it. It is passed to processes as an argument, and is the same pool there.
 *
 * - Only functions that the module of the manager exports can be called, the one of its option `module`. A client
 *   sends their names and data, never code.
 * - In a manager in Python they are functions of any module there: `"math.sqrt"`, which its workers import. A call
 *   that is given up goes on there; `timeoutMs` limits the wait for a result, there is no
 *   `statistics()`, and an `imap` that is left early is not stopped.
 * - It lasts until it is terminated, or the manager ends; when nobody has a proxy of it any more, it is terminated at
 *   some time. `await using` terminates it.
 *
 * A child to which it is passed must import this class, not only its type. It is what
 * `multiprocessing.Manager().Pool()` gives in Python; Python clients name functions by a text as well. The manager's
 * process needs the permissions of `Pool` of `@manyhands/concurrency/process`.
 *
 * @example Workers of a manager
 * ```ts
 * import { Manager } from "@manyhands/concurrency/distributed";
 *
 * export function square(n: number): number {
 *   return n * n;
 * }
 *
 * if (import.meta.main) {
 *   await using manager = await Manager({
 *     module: import.meta.url,
 *     permissions: { run: ["deno"], net: ["127.0.0.1"] },
 *   });
 *   await using pool = await manager.pool(2);
 *   console.log(await pool.map(square, [1, 2, 3])); // [ 1, 4, 9 ]
 * }
 * ```
 */
export class PoolProxy implements AsyncDisposable {
  static {
    setPortable(PoolProxy, "distributed.PoolProxy", (pool) => toWire(pool.#proxy), (data) => {
      const object = fromWire(data as WireForm);
      // Where it lives, it is the pool itself.
      return isProxy(object) ? new PoolProxy(object) : object as PoolProxy;
    });
  }

  readonly #proxy: object;

  /**
   * Use `SyncManager.pool()`.
   *
   * @param proxy The proxy of a pool.
   */
  constructor(proxy: object) {
    targetOf(proxy);
    this.#proxy = proxy;
  }

  /**
   * Calls a function in a worker.
   *
   * @typeParam A The arguments of the function.
   * @typeParam T The result.
   * @param target The function, or its name.
   * @param args Its arguments.
   * @param options How long to wait, and what stops the wait and the function.
   * @returns What the function returns, or a rejection with what it throws.
   * @throws {TypeError} When the module of the manager does not export it.
   * @throws {TimeoutError} When it took longer than `timeoutMs`.
   */
  async apply<A extends unknown[], T>(
    target: ManagedPoolFunction<A, T>,
    args: A,
    options: WaitOptions = {},
  ): Promise<T> {
    return await this.#call("apply", [nameOf(target), args, options]) as T;
  }

  /**
   * Calls a function in a worker, and does not wait for it.
   *
   * @typeParam A The arguments of the function.
   * @typeParam T The result.
   * @param target The function, or its name.
   * @param args Its arguments.
   * @param options What stops the function, and how long it may take.
   * @returns What will be the result.
   */
  applyAsync<A extends unknown[], T>(
    target: ManagedPoolFunction<A, T>,
    args: A,
    options: WaitOptions = {},
  ): AsyncResult<T> {
    return this.#begin((signal) => this.apply(target, args, { ...options, signal }), options);
  }

  /**
   * Calls a function for each item.
   *
   * @typeParam A An item.
   * @typeParam T The result of one item.
   * @param target The function, or its name.
   * @param items The items.
   * @param options How to go about it.
   * @returns The results in the order of the items, or a rejection with the error of the first item that failed.
   * @throws {TypeError} When the module of the manager does not export the function.
   */
  async map<A, T>(
    target: ManagedPoolFunction<[item: A], T>,
    items: Iterable<A>,
    options: PoolProxyMapOptions = {},
  ): Promise<T[]> {
    return await this.#call("map", [nameOf(target), [...items], options]) as T[];
  }

  /**
   * Calls a function for each item, and does not wait for the results. Otherwise as {@linkcode map}.
   *
   * @typeParam A An item.
   * @typeParam T The result of one item.
   * @param target The function, or its name.
   * @param items The items.
   * @param options How to go about it.
   * @returns What will be the list of results.
   */
  mapAsync<A, T>(
    target: ManagedPoolFunction<[item: A], T>,
    items: Iterable<A>,
    options: PoolProxyMapOptions = {},
  ): AsyncResult<T[]> {
    return this.#begin((signal) => this.map(target, items, { ...options, signal }), options);
  }

  /**
   * Calls a function for each array of arguments.
   *
   * @typeParam A The arguments of one call.
   * @typeParam T The result of one call.
   * @param target The function, or its name.
   * @param items The arguments of each call.
   * @param options How to go about it.
   * @returns The results in the order of the items, or a rejection with the error of the first item that failed.
   * @throws {TypeError} When the module of the manager does not export the function.
   */
  async starmap<A extends unknown[], T>(
    target: ManagedPoolFunction<A, T>,
    items: Iterable<A>,
    options: PoolProxyMapOptions = {},
  ): Promise<T[]> {
    return await this.#call("starmap", [nameOf(target), [...items], options]) as T[];
  }

  /**
   * Calls a function for each array of arguments, and does not wait for the results. Otherwise as
   * {@linkcode starmap}.
   *
   * @typeParam A The arguments of one call.
   * @typeParam T The result of one call.
   * @param target The function, or its name.
   * @param items The arguments of each call.
   * @param options How to go about it.
   * @returns What will be the list of results.
   */
  starmapAsync<A extends unknown[], T>(
    target: ManagedPoolFunction<A, T>,
    items: Iterable<A>,
    options: PoolProxyMapOptions = {},
  ): AsyncResult<T[]> {
    return this.#begin((signal) => this.starmap(target, items, { ...options, signal }), options);
  }

  /**
   * Calls a function for each item, and gives the results one by one, in the order of the items, as they are there.
   * The items are sent at once. To stop early stops what has not run.
   *
   * @typeParam A An item.
   * @typeParam T The result of one item.
   * @param target The function, or its name.
   * @param items The items.
   * @param options How to go about it.
   * @returns The results. One that failed throws its error.
   */
  imap<A, T>(
    target: ManagedPoolFunction<[item: A], T>,
    items: Iterable<A>,
    options: PoolProxyMapOptions = {},
  ): AsyncGenerator<T, void, undefined> {
    return this.#iterate<T>("imap", [nameOf(target), [...items], options]);
  }

  /**
   * Calls a function for each item, and gives the results one by one, in the order in which they come.
   *
   * @typeParam A An item.
   * @typeParam T The result of one item.
   * @param target The function, or its name.
   * @param items The items.
   * @param options How to go about it.
   * @returns The results. One that failed throws its error.
   */
  imapUnordered<A, T>(
    target: ManagedPoolFunction<[item: A], T>,
    items: Iterable<A>,
    options: PoolProxyMapOptions = {},
  ): AsyncGenerator<T, void, undefined> {
    return this.#iterate<T>("imapUnordered", [nameOf(target), [...items], options]);
  }

  /**
   * Takes no more calls. What was accepted goes on.
   *
   * @returns When the pool has been told.
   */
  async close(): Promise<void> {
    await this.#call("close", []);
  }

  /**
   * Ends the pool at once, whatever runs.
   *
   * @returns When its workers have ended.
   */
  async terminate(): Promise<void> {
    await this.#call("terminate", []);
  }

  /**
   * Waits until everything has ended, after {@linkcode close} or {@linkcode terminate}.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns When its workers have ended.
   * @throws {TimeoutError} When they had not after `timeoutMs`.
   */
  async join(options: WaitOptions = {}): Promise<void> {
    await this.#call("join", [options]);
  }

  /**
   * How many workers there are, and what they do.
   *
   * @returns The figures of the moment in which the manager was asked.
   */
  async statistics(): Promise<PoolStatistics> {
    return await this.#call("statistics", []) as PoolStatistics;
  }

  /** Ends the pool, as {@linkcode terminate} does. That its manager has ended is no error. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.terminate();
    } catch (error) {
      if (error instanceof ConnectionClosedError || error instanceof ConnectionLostError) return;
      throw error;
    }
  }

  #begin<T>(
    call: (signal: AbortSignal) => Promise<T>,
    options: Pick<WaitOptions, "signal">,
  ): AsyncResult<T> {
    return new RemoteResult(call, options);
  }

  async *#iterate<T>(method: string, args: unknown[]): AsyncGenerator<T, void, undefined> {
    const results = targetOf(await this.#call(method, args) as object);
    try {
      for (;;) {
        const values = await callTarget(results, "take", []) as T[];
        if (values.length === 0) return;
        yield* values;
      }
    } finally {
      await callTarget(results, "stop", []);
      results.session.release(results.object);
    }
  }

  async #call(method: string, args: unknown[]): Promise<unknown> {
    return await callTarget(targetOf(this.#proxy), method, args);
  }
}

function nameOf(target: unknown): string | PyGlobal {
  if (target instanceof PyGlobal) return target;
  const name = typeof target === "function" ? target.name : target;
  if (typeof name === "string" && name !== "") return name;
  throw new TypeError(
    `Cannot call a function of the pool: it must be a function that the module of the manager exports, or its name, got ${
      typeof target === "function" ? "a function without a name" : typeof target
    }`,
  );
}

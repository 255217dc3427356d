/**
 * A pool of coroutines.
 *
 * @module
 */

import { MOST_CALLS } from "./_call_group.ts";
import { checkCount } from "./_call_settings.ts";
import { checkTimeout } from "./_check_timeout.ts";
import { CoroutineRunner } from "./_coroutine_runner.ts";
import { enlistCall } from "./_pool_calls.ts";
import { DEFAULT_GRACE_MS, PoolCore } from "./_pool_core.ts";
import { poolInternals } from "./_pool_internals.ts";
import { BasePool } from "./base_pool.ts";

/** Options for {@linkcode Pool}. */
export interface PoolOptions {
  /**
   * How long a function that was cancelled, or that exceeded its time, may take to end, in milliseconds.
   * One that has not ended then is given up: its call settles, and another function takes its place.
   *
   * @default {1000}
   */
  graceMs?: number | undefined;
}

/**
 * A pool of coroutines: some functions at a time, on this event loop
 * (gevent's {@link https://www.gevent.org/api/gevent.pool.html | Pool}).
 *
 * It limits how much goes on at once: requests, open files, anything that mostly waits. What computes
 * blocks the event loop whatever pool it is in; the pools of `process` and `thread` are for that. All their
 * methods are the same, and so are their rules: see {@linkcode BasePool}. What is special here:
 *
 * - Functions may be closures, and nothing is copied: arguments and results are the objects themselves.
 * - A function runs in a task of its own: `currentTask()` is that task, its signal aborts when the call is
 *   cancelled or exceeds its time, and waits of this library that go on in it fail then. Context variables
 *   have the values that they had where the pool was called.
 * - A function that waits for something else than this library, and does not look at its signal, cannot be
 *   stopped. See `graceMs`.
 * - A function may call its own pool and wait for the result: another one runs in its place meanwhile. A call
 *   of `apply`, `map` or `starmap` counts as such a wait from its beginning to its end. One that waits by way
 *   of a task that it has spawned counts as running, so a pool can come to a stand that way.
 * - Functions that do not wait are run in chunks by `map`; one that waits never holds up the others of its
 *   chunk, also with a `chunkSize`: they are handed to whoever is free.
 *
 * @example Three at a time
 * ```ts
 * import { Pool, sleep } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * let now = 0;
 * let most = 0;
 * async function fetchPage(n: number): Promise<string> {
 *   most = Math.max(most, ++now);
 *   await sleep(1);
 *   now--;
 *   return `page ${n}`;
 * }
 * await using pool = new Pool(3);
 * const pages = await pool.map(fetchPage, [1, 2, 3, 4, 5, 6, 7]);
 * assertEquals(pages[6], "page 7");
 * assertEquals(most, 3);
 * ```
 */
export class Pool extends BasePool {
  /**
   * Creates a pool.
   *
   * @param size How many functions may run at a time; `Infinity` sets no limit.
   * @param options How long it waits for what it stops.
   * @throws {TypeError} When `size` is not a number.
   * @throws {RangeError} When `size` is not a whole number of 1 or more, or `graceMs` is below 0.
   */
  constructor(size: number, options: PoolOptions = {}) {
    super();
    if (size !== Infinity) checkCount("create a pool", "size", size, 1);
    const { graceMs = DEFAULT_GRACE_MS } = options;
    checkTimeout(graceMs, "graceMs");
    const core: PoolCore = new PoolCore({
      size,
      graceMs,
      mostCalls: MOST_CALLS,
      create: () => new CoroutineRunner((task) => enlistCall(task, core)),
    });
    poolInternals.attach(this, core);
  }
}

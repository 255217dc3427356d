/**
 * What a call of a pool may be told.
 *
 * @module
 */

/** Options for every call of a pool. */
export interface PoolCallOptions {
  /**
   * Stops the work: what has not started never starts, what runs is cancelled. The call rejects with the
   * signal's reason when what ran has ended.
   *
   * @default {undefined}
   */
  signal?: AbortSignal | undefined;
  /**
   * How long each item may run, in milliseconds, counted from its start. It is stopped then, and rejects
   * with a `TimeoutError`; the pool goes on. The time in the queue does not count.
   *
   * @default {Infinity, unless the pool has a limit of its own}
   */
  timeoutMs?: number | undefined;
  /**
   * Calls of higher priority start before those of lower priority; among equals the first call is the first.
   * What runs is not interrupted. Meant for a handful of different values.
   *
   * @default {0}
   */
  priority?: number | undefined;
  /**
   * How often an item is started again when it is lost because its runner died. Such an item may then have
   * run more than once. An error that the function throws is a result, and not retried.
   *
   * @default {0, unless the pool has a number of its own}
   */
  retries?: number | undefined;
  /**
   * Receives what the function passes to `reportProgress`, in order, and before its result.
   *
   * @param value What was reported.
   * @param index Which item it is about; 0 when there is only one.
   * @default {undefined}
   */
  onProgress?: ((value: unknown, index: number) => void) | undefined;
}

/**
 * Options for `applyAsync`.
 *
 * @typeParam T The result.
 */
export interface ApplyAsyncOptions<T> extends PoolCallOptions {
  /**
   * Is called with the result, before those who wait for it go on. What it throws is reported as an
   * uncaught error and does not change the result.
   *
   * @param result The result.
   * @default {undefined}
   */
  callback?: ((result: T) => void) | undefined;
  /**
   * Is called with the error. A failure is then not reported as unhandled, when nobody awaits it.
   *
   * @param error What the function threw, or why it could not end.
   * @default {undefined}
   */
  errorCallback?: ((error: unknown) => void) | undefined;
}

/** Options for `map` and `starmap`. */
export interface MapOptions extends PoolCallOptions {
  /**
   * How many items a runner gets at a time; it runs them one after the other.
   *
   * By default the pool begins with one and goes on with more as long as the items turn out to be so short
   * that a chunk lasts a few milliseconds, never with so many that the other runners would be idle at the
   * end. With `timeoutMs` or `onProgress` it stays with one.
   *
   * @default {chosen by the time that the items take}
   */
  chunkSize?: number | undefined;
}

/**
 * Options for `mapAsync` and `starmapAsync`.
 *
 * @typeParam T The result of one item. The callback receives the whole list.
 */
export interface MapAsyncOptions<T> extends MapOptions, ApplyAsyncOptions<T[]> {}

/** Options for `imap` and `imapUnordered`. */
export interface ImapOptions extends MapOptions {
  /**
   * How many items may be taken from the input beyond those whose results were taken.
   *
   * @default {16 for each runner that the pool may have}
   */
  lookAhead?: number | undefined;
}

/** Options for `stream`. */
export interface PoolStreamOptions extends Omit<PoolCallOptions, "retries"> {
  /**
   * How many values the generator may make beyond those that were taken.
   *
   * @default {16}
   */
  lookAhead?: number | undefined;
}

import type { PoolCore } from "./_pool_core.ts";
import type { ImapOptions } from "./pool_call_options.ts";
import type { ResultIterator } from "./result_iterator.ts";

/** What the rooms above do with pools and users cannot. */
export interface PoolInternals {
  /** Gives a new pool its core. */
  attach(pool: object, core: PoolCore): void;
  /** Calls a function for each array of arguments, as `imap` does for each item. */
  imapSpread(
    pool: object,
    action: string,
    target: unknown,
    items: Iterable<unknown> | AsyncIterable<unknown>,
    options: ImapOptions,
  ): ResultIterator<unknown>;
  /** The core of a pool. */
  coreOf(pool: object): PoolCore;
}

/** Set by `base_pool.ts`. */
export const poolInternals = {} as PoolInternals;

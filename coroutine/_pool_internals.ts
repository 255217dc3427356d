import type { PoolCore } from "./_pool_core.ts";

/** What the rooms above do with pools and users cannot. */
export interface PoolInternals {
  /** Gives a new pool its core. */
  attach(pool: object, core: PoolCore): void;
  /** The core of a pool. */
  coreOf(pool: object): PoolCore;
}

/** Set by `base_pool.ts`. */
export const poolInternals = {} as PoolInternals;

/**
 * What a pool tells of itself.
 *
 * @module
 */

/** The figures of a pool; those of what has happened count from its beginning. */
export interface PoolStatistics {
  /** Items that wait for their start. */
  queued: number;
  /** Items that run. */
  running: number;
  /** Items that have given a result. */
  done: number;
  /** Items that threw, exceeded their time, or died with their runner. */
  failed: number;
  /** Items that were cancelled. */
  cancelled: number;
  /** Items that were to be stopped, had not ended after the grace time, and were given up; they may still run. */
  abandoned: number;
  /** How many runners there are. */
  runners: number;
  /**
   * How long items have waited for their start, all together, in milliseconds. The items of a chunk are
   * taken as if each ran for the same time.
   */
  waitingMs: number;
  /** How long items have run, all together, in milliseconds; those that still run do not count. */
  runningMs: number;
}

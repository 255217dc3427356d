/** What a pool counts as it goes. */
export interface PoolFigures {
  /** Items that were given to the pool and have not started. */
  queued: number;
  /** Items that have started and not ended. */
  running: number;
  /** Items that have given a result. */
  done: number;
  /** Items that have thrown, timed out, or were lost with their runner. */
  failed: number;
  /** Items that were cancelled. */
  cancelled: number;
  /** Items that were asked to end, did not within the grace time, and were given up. */
  abandoned: number;
  /** From the submission to the start, over all items that have started. */
  waitingMs: number;
  /** From the start to the end, over all items that have ended. */
  runningMs: number;
}

/** Nothing has happened yet. */
export function createFigures(): PoolFigures {
  return {
    queued: 0,
    running: 0,
    done: 0,
    failed: 0,
    cancelled: 0,
    abandoned: 0,
    waitingMs: 0,
    runningMs: 0,
  };
}

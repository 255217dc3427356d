/** What the threads of the benchmarks of locks and queues run. */

import type { Lock, Queue } from "../../thread/mod.ts";

/** Takes one lock that the other thread gives back, and gives the other lock back, until it is told to stop. */
export function answerLocks(mine: Lock, other: Lock, stop: Int32Array<SharedArrayBuffer>): void {
  for (;;) {
    mine.acquireSync();
    if (Atomics.load(stop, 0) === 1) return;
    other.release();
  }
}

/** Adds numbers up, and answers the sum at each `-1`. */
export function addUp(numbers: Queue<number>, sums: Queue<number>): void {
  let sum = 0;
  for (const n of numbers) {
    if (n >= 0) sum += n;
    else {
      sums.putSync(sum);
      sum = 0;
    }
  }
}

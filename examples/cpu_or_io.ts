// deno run --allow-read=. examples/cpu_or_io.ts

// What computes is faster with threads, as many as there are processors. What waits is as fast without any:
// one thread can wait for everything at once.

import { Pool, sleep } from "@manyhands/concurrency/coroutine";
import { ThreadPool } from "@manyhands/concurrency/thread";

/** Keeps a processor busy. */
export function compute(seed: number): number {
  let state = seed;
  for (let turn = 0; turn < 20_000_000; turn++) state = (Math.imul(state, 69_069) + 1) | 0;
  return state;
}

/** Waits, as for an answer from elsewhere. */
export async function ask(n: number): Promise<number> {
  await sleep(50);
  return n;
}

const TASKS = [1, 2, 3, 4, 5, 6, 7, 8];

async function time(what: string, run: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await run();
  const ms = performance.now() - begun;
  console.log(`${what.padEnd(28)} ${ms.toFixed(0).padStart(5)} ms`);
  return ms;
}

if (import.meta.main) {
  await using coroutines = new Pool(TASKS.length);
  await using threads = new ThreadPool(2, { module: import.meta.url });
  await threads.ready();

  const alone = await time("computing, no threads", () => coroutines.map(compute, TASKS));
  const both = await time("computing, two threads", () => threads.map(compute, TASKS));
  const together = await time("waiting, no threads", () => coroutines.map(ask, TASKS));
  const inTurn = await time("waiting, two threads", () => threads.map(ask, TASKS));

  const computing = both < alone ? "two threads" : "no threads";
  const waiting = together < inTurn ? "no threads" : "two threads";
  console.log(`Computing: ${computing} won. Waiting: ${waiting} won.`);
}

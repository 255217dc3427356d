/**
 * Starts of threads, ours and bare ones, timed up to the first statement of the function in the thread.
 *
 * @module
 */

import { Worker as NodeWorker } from "node:worker_threads";
import { Thread } from "../thread/thread.ts";
import type { Round } from "./harness.ts";
import { noteTime } from "./subjects/thread_start.ts";

const STARTS = 10;

/** Starts `Thread`s one after another. */
export function startThreads(options: { killable: boolean }): Promise<Round> {
  const module = new URL("./subjects/thread_start.ts", import.meta.url);
  return timeStarts(async (times) => {
    const thread = new Thread({ module, target: noteTime, args: [times], ...options });
    await thread.start();
    await thread.join();
  });
}

/** Starts bare Workers one after another. */
export function startBareWorkers(): Promise<Round> {
  const module = new URL("./peers/bare_worker.ts", import.meta.url);
  return timeStarts(async (times) => {
    const worker = new Worker(module, { type: "module" });
    worker.postMessage(times);
    await new Promise((resolve) => worker.onmessage = resolve);
    worker.terminate();
  });
}

/** Starts bare Workers of `node:worker_threads` one after another. */
export function startBareNodeWorkers(): Promise<Round> {
  const module = new URL("./peers/bare_node_worker.ts", import.meta.url);
  return timeStarts(async (times) => {
    const worker = new NodeWorker(module, { workerData: times });
    await new Promise((resolve) => worker.once("message", resolve));
    await worker.terminate();
  });
}

async function timeStarts(
  start: (times: Float64Array<SharedArrayBuffer>) => Promise<void>,
): Promise<Round> {
  let seconds = 0;
  for (let started = 0; started < STARTS; started++) {
    const times = new Float64Array(new SharedArrayBuffer(8));
    const begin = performance.timeOrigin + performance.now();
    await start(times);
    const took = (times[0]! - begin) / 1000;
    if (!(took > 0)) throw new Error(`Expected a thread to run after its start, got ${took} s`);
    seconds += took;
  }
  return { seconds, operations: STARTS };
}

/** The main module of a thread that can be stopped in the midst of synchronous code. */

import { parentPort, workerData } from "node:worker_threads";
import { runThread } from "./_run_thread.ts";

// A Worker of Node.js has no such name; the user's module may use it, as in the other kind of thread.
(globalThis as { self?: unknown }).self ??= globalThis;

void runThread(
  workerData,
  (...sent) => parentPort!.postMessage(...sent as [unknown]),
);

/** A Worker of `node:worker_threads` without any library: it runs what the benchmark of threads runs. */

import { parentPort, workerData } from "node:worker_threads";
import { noteTime } from "../subjects/thread_start.ts";

noteTime(workerData);
parentPort!.postMessage("done");

/**
 * What the scenarios of Python workers share: a contestant whose manager is ours and whose worker is a Python
 * program.
 *
 * @module
 */

import type { Contestant } from "./harness.ts";
import { PeerProcess } from "./peer_process.ts";
import { TaskManager } from "./subjects/task_queues.ts";

/**
 * Makes the contestant: the manager is in a process of its own.
 *
 * @param what What an operation of the worker is.
 * @returns The contestant.
 */
export function pythonWorker(what: "task" | "connect"): Contestant {
  let manager: InstanceType<typeof TaskManager> | undefined;
  let worker: PeerProcess | undefined;
  return {
    name: "Python worker, our manager",
    async setup(): Promise<void> {
      manager = new TaskManager({
        address: "127.0.0.1:0",
        authkey: "bench",
        module: new URL("./subjects/task_queues.ts", import.meta.url),
      });
      await manager.start();
      const { pathname } = new URL("./peers/manager_worker.py", import.meta.url);
      worker = await PeerProcess.start({
        program: "python3",
        // Without -B it would write its byte code beside the programs.
        args: ["-B", decodeURIComponent(pathname), what, String(manager.address.port)],
      });
    },
    run() {
      if (worker === undefined) throw new Error("Cannot run the Python worker: it was not set up");
      return worker.round();
    },
    async teardown(): Promise<void> {
      await worker?.end();
      worker = undefined;
      await manager?.[Symbol.asyncDispose]();
      manager = undefined;
    },
    versions: () => worker?.versions ?? {},
  };
}

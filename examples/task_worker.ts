// deno run --allow-net examples/task_worker.ts

// A worker: connects to the master (see task_master.ts), takes numbers from its queue of tasks, and puts
// their squares into its queue of results, until there is nothing left to do.

import { Queue, QueueEmptyError } from "@manyhands/concurrency/coroutine";
import { BaseManager } from "@manyhands/concurrency/distributed";
import { ConnectionLostError, exposedMethods } from "@manyhands/concurrency/ipc";
import { delay } from "@std/async/delay";
import { parseArgs } from "@std/cli/parse-args";

const HELP = `Takes tasks from a master, and gives it the results.

  deno run --allow-net examples/task_worker.ts [OPTIONS]

  --host HOST     where the master is (127.0.0.1)
  --port PORT     its port (5000)
  --authkey KEY   the key that it asks for (abc)
  --work-ms MS    how long each task is made to take, in milliseconds (100)`;

/** How long to wait for a task before asking whether there will be any. */
const PATIENCE_MS = 1000;

const QueueManager = BaseManager
  .register("getTaskQueue", { proxyType: Queue<number> })
  .register("getResultQueue", { proxyType: Queue<string> });

const options = parseArgs(Deno.args, {
  string: ["host", "port", "authkey", "work-ms"],
  boolean: ["help"],
  default: { host: "127.0.0.1", port: "5000", authkey: "abc", "work-ms": "100" },
  unknown: (option) => {
    console.error(`Unknown option: ${option}\n\n${HELP}`);
    Deno.exit(2);
  },
});
if (options.help) {
  console.log(HELP);
  Deno.exit(0);
}
const workMs = Number(options["work-ms"]);
if (!(workMs >= 0)) {
  console.error(`--work-ms must be a number\n\n${HELP}`);
  Deno.exit(2);
}

await using manager = new QueueManager({
  address: [options.host, Number(options.port)],
  authkey: options.authkey,
});
console.log(`Connect to server ${options.host}...`);
await manager.connect();
const task = await manager.getTaskQueue();
const result = await manager.getResultQueue();
console.log(`READY ${Deno.pid}`);

let done = 0;
try {
  for (;;) {
    let n: number;
    try {
      n = await task.get({ timeoutMs: PATIENCE_MS });
    } catch (error) {
      if (!(error instanceof QueueEmptyError)) throw error;
      // Another worker may die with its task, which comes back then.
      if (!exposedMethods(task).includes("statistics")) break;
      if ((await task.statistics()).unfinished === 0) break;
      continue;
    }
    console.log(`run task ${n} * ${n}...`);
    await delay(workMs);
    await result.put(`${n} * ${n} = ${n * n}`);
    await task.taskDone();
    done++;
  }
  console.log("task queue is empty.");
} catch (error) {
  // The master has all its results, and is gone.
  if (!(error instanceof ConnectionLostError)) throw error;
  console.log("the master is gone.");
}
console.log(`worker exit: ${done} tasks`);

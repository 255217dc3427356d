// deno run --allow-run=deno --allow-net examples/task_master.ts

// The master: serves a queue of tasks and a queue of results to workers on any machine (see
// task_worker.ts), puts random numbers into the first, and collects their squares from the second.

import { Queue, QueueEmptyError } from "@manyhands/concurrency/coroutine";
import { BaseManager } from "@manyhands/concurrency/distributed";
import { parseArgs } from "@std/cli/parse-args";

const HELP = `Serves tasks to workers on any machine, and collects their results.

  deno run --allow-run=deno --allow-net examples/task_master.ts [OPTIONS]

  --host HOST     where to listen (127.0.0.1; 0.0.0.0 for every interface)
  --port PORT     the port (5000)
  --authkey KEY   the key that workers must have (abc)
  --count N       how many tasks (10)
  --timeout S     how long to wait for the next result, in seconds (10)`;

// They live in the manager's process. An item that a worker took and did not report as done goes back
// when the worker is gone.
const taskQueue = new Queue<number>(0, { returnUnfinished: true });
const resultQueue = new Queue<string>();

export function getTaskQueue(): Queue<number> {
  return taskQueue;
}

export function getResultQueue(): Queue<string> {
  return resultQueue;
}

export const QueueManager = BaseManager
  .register("getTaskQueue", { callable: getTaskQueue })
  .register("getResultQueue", { callable: getResultQueue });

if (import.meta.main) {
  const options = parseArgs(Deno.args, {
    string: ["host", "authkey", "port", "count", "timeout"],
    boolean: ["help"],
    default: { host: "127.0.0.1", port: "5000", authkey: "abc", count: "10", timeout: "10" },
    unknown: (option) => {
      console.error(`Unknown option: ${option}\n\n${HELP}`);
      Deno.exit(2);
    },
  });
  if (options.help) {
    console.log(HELP);
    Deno.exit(0);
  }
  const count = Number(options.count);
  const timeoutMs = Number(options.timeout) * 1000;
  if (!Number.isInteger(count) || count < 0 || !(timeoutMs > 0)) {
    console.error(`--count and --timeout must be numbers\n\n${HELP}`);
    Deno.exit(2);
  }

  await using manager = new QueueManager({
    address: [options.host, Number(options.port)],
    authkey: options.authkey,
    module: import.meta.url,
  });
  await manager.start();
  const { hostname, port } = manager.address;
  console.log(`READY ${hostname}:${port}`);
  const task = await manager.getTaskQueue();
  const result = await manager.getResultQueue();

  // A task whose worker died after it had put the result is done twice: what is missing is counted by
  // the result, so that one answer cannot stand for another.
  const missing = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const n = Math.floor(Math.random() * 10_000);
    const answer = `${n} * ${n} = ${n * n}`;
    missing.set(answer, (missing.get(answer) ?? 0) + 1);
    console.log(`Put task ${n}...`);
    await task.put(n);
  }

  console.log("Try get results...");
  let found = 0;
  while (found < count) {
    let answer: string;
    try {
      answer = await result.get({ timeoutMs });
    } catch (error) {
      if (!(error instanceof QueueEmptyError)) throw error;
      console.error(`No result within ${timeoutMs / 1000} seconds: ${count - found} are missing`);
      Deno.exitCode = 1;
      break;
    }
    const left = missing.get(answer) ?? 0;
    if (left === 0) continue;
    missing.set(answer, left - 1);
    found++;
    console.log(`Result: ${answer}`);
  }
  await manager.shutdown();
  console.log(`master exit: ${found} of ${count} results`);
}

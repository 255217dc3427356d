// deno run --allow-run=deno --allow-net=127.0.0.1 examples/engine.ts

// One program, two engines: by default this process keeps the tasks, and a manager lends them to the workers. With
// --engine NATS keeps them. Neither the code that puts tasks nor the code that works knows the difference.

import { BaseManager, TaskQueue } from "@manyhands/concurrency/distributed";
import { type Address, formatAddress } from "@manyhands/concurrency/ipc";
import { Process } from "@manyhands/concurrency/process";
import { parseArgs } from "@std/cli/parse-args";

const HELP = `Counts the letters of words, with workers in processes.

  deno run --allow-run=deno --allow-net=127.0.0.1 examples/engine.ts [OPTIONS]

  --engine URL    keep the tasks on NATS, such as nats://127.0.0.1:4222 (default: in this process)
  --workers N     how many worker processes (2)`;

const WORDS = ["many", "hands", "make", "light", "work"];

/** Where the tasks are. */
type Place = { address: Address; authkey: string } | { engine: string; queue: string };

type Words = TaskQueue<string, number>;

/** The queue, as everybody but its owner opens it. */
async function openQueue(place: Place): Promise<Words> {
  if ("engine" in place) return new TaskQueue({ engine: await openEngine(place) });
  const Client = BaseManager.register("getWords", { proxyType: TaskQueue<string, number> });
  const manager = new Client(place);
  await manager.connect();
  return await TaskQueue.over(await manager.getWords());
}

/** Only a program that uses NATS loads its client. */
async function openEngine({ engine, queue }: { engine: string; queue: string }) {
  const { natsEngine } = await import("@manyhands/concurrency/distributed/nats");
  return natsEngine({ servers: engine }, { queue });
}

/** A worker process: works until the queue is shut down. */
export async function work(place: Place): Promise<void> {
  await using queue = await openQueue(place);
  await queue.work((word) => word.length);
}

/** The master: puts words, and prints how long they are. */
async function count(queue: Words): Promise<void> {
  const tasks = await Promise.all(WORDS.map((word) => queue.put(word, { retries: 3 })));
  const lengths = await Promise.all(tasks.map((task) => task.result()));
  WORDS.forEach((word, n) => console.log(`${word} has ${lengths[n]} letters`));
  await queue.shutdown();
}

async function withWorkers(queue: Words, place: Place, workerCount: number): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const net = "engine" in place
    ? place.engine.replace(/^\w+:\/\//, "")
    : formatAddress(place.address);
  const workers = Array.from({ length: workerCount }, () => {
    const options = { module: import.meta.url, target: work, args: [place] as [Place] };
    return stack.use(new Process({ ...options, permissions: { net: [net] } }));
  });
  await Promise.all(workers.map((worker) => worker.start()));
  await count(queue);
  await Promise.all(workers.map((worker) => worker.join()));
}

if (import.meta.main) {
  const options = parseArgs(Deno.args, {
    string: ["engine", "workers"],
    boolean: ["help"],
    default: { workers: "2" },
    unknown: (option) => {
      console.error(`Unknown option: ${option}\n\n${HELP}`);
      Deno.exit(2);
    },
  });
  if (options.help) {
    console.log(HELP);
    Deno.exit(0);
  }
  const workerCount = Number(options.workers);
  if (!Number.isInteger(workerCount) || workerCount < 1) {
    console.error(`--workers must be 1 or more\n\n${HELP}`);
    Deno.exit(2);
  }
  if (options.engine === undefined) {
    await using queue = new TaskQueue<string, number>();
    const Master = BaseManager.register("getWords", { callable: () => queue });
    const authkey = crypto.randomUUID();
    await using server = new Master({ authkey }).getServer();
    await withWorkers(queue, { address: server.address, authkey }, workerCount);
  } else {
    // A queue on NATS stays when its programs end: this one is taken away at the end.
    const place = { engine: options.engine, queue: `words-${crypto.randomUUID()}` };
    const engine = await openEngine(place);
    await using queue = new TaskQueue<string, number>({ engine });
    await withWorkers(queue, place, workerCount);
    await engine.destroy();
  }
}

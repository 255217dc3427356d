/**
 * The programs of `bench/task_queue_growth.ts`: the master, and those in which the workers are.
 *
 * @module
 */

import { BaseManager, type TaskHandle, TaskQueue } from "../../distributed/mod.ts";

/** What the master writes when something is done. */
export type Step =
  | { readonly step: "serves"; readonly port: number }
  | { readonly step: "connected"; readonly memory: Memory }
  | { readonly step: "done"; readonly memory: Memory; readonly seconds: number };

/** The memory of the master, in bytes, beyond what it had before anybody was connected. */
export interface Memory {
  /** What the system has given to it. */
  readonly resident: number;
  /** What its objects and buffers take, after a garbage collection. */
  readonly used: number;
}

/** The key of its managers. */
export const AUTHKEY = "the key of the bench";
/** Where they listen. */
export const HOST = "127.0.0.1";
const LOOK_MS = 20;

/** So many connect at once: a server has no more than 256 in the handshake. */
const AT_ONCE = 50;

/** Handles are put and awaited so many at a time, as a producer does that has no list of everything. */
const IN_FLIGHT = 10_000;

function say(step: Step): void {
  console.log(JSON.stringify(step));
}

/** The memory of this program, in bytes. */
export function measureMemory(): Memory {
  (globalThis as { gc?: () => void }).gc?.();
  const { rss, heapUsed, external } = Deno.memoryUsage();
  return { resident: rss, used: heapUsed + external };
}

async function serve(workers: number, tasks: number): Promise<void> {
  await using queue = new TaskQueue<number, number>();
  const Master = BaseManager.register("getTasks", { callable: () => queue });
  await using server = new Master({ address: [HOST, 0], authkey: AUTHKEY }).getServer();
  const before = measureMemory();
  const more = (): Memory => {
    const now = measureMemory();
    return { resident: now.resident - before.resident, used: now.used - before.used };
  };
  say({ step: "serves", port: server.address.port });
  // Each of them waits for its first task.
  while ((await queue.statistics()).getting < workers) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  say({ step: "connected", memory: more() });

  const begun = performance.now();
  let sum = 0;
  for (let n = 0; n < tasks;) {
    const handles: Promise<TaskHandle<number>>[] = [];
    for (; handles.length < IN_FLIGHT && n < tasks; n++) handles.push(queue.put(n, { retries: 3 }));
    for (const handle of await Promise.all(handles)) sum += await handle.result();
  }
  const seconds = (performance.now() - begun) / 1000;
  const expected = tasks * (tasks + 1) / 2;
  if (sum !== expected) throw new Error(`The sum of the results is ${sum}, not ${expected}`);
  say({ step: "done", memory: more(), seconds });
  await queue.shutdown();
}

async function work(port: number, workers: number): Promise<void> {
  const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<number, number> });
  await using stack = new AsyncDisposableStack();
  const working: Promise<void>[] = [];
  const begin = async (): Promise<void> => {
    const manager = stack.use(new Client({ address: [HOST, port], authkey: AUTHKEY }));
    await manager.connect();
    const queue = stack.use(await TaskQueue.over(await manager.getTasks()));
    working.push(queue.work((n) => n + 1));
  };
  while (working.length < workers) {
    const count = Math.min(AT_ONCE, workers - working.length);
    await Promise.all(Array.from({ length: count }, begin));
  }
  await Promise.all(working);
}

if (import.meta.main) {
  const [role, ...numbers] = Deno.args;
  const [first, second] = numbers.map(Number);
  if (role === "serve") await serve(first!, second!);
  else await work(first!, second!);
}

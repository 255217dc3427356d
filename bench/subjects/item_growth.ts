/**
 * The programs of `bench/item_growth.ts`.
 *
 * @module
 */

import { Queue } from "../../coroutine/mod.ts";
import { BaseManager, TaskQueue } from "../../distributed/mod.ts";
import { Queue as SharedQueue } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { AUTHKEY, HOST, measureMemory } from "./task_queue_growth.ts";

/** What a program has measured. */
export interface Growth {
  /** How long it took to put all items. */
  readonly putSeconds: number;
  /** How long it took to take all of them, or to do all tasks. */
  readonly takeSeconds: number;
  /** The memory of all items that wait, where they wait. */
  readonly bytes: number;
}

/** Puts and takes are awaited so many at a time. */
const IN_FLIGHT = 10_000;
const WORKERS = 10;

async function secondsOf(work: () => void | Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
}

/** Calls a function for each number below `count`, many at a time. */
async function forAll(count: number, call: (n: number) => Promise<unknown>): Promise<void> {
  for (let n = 0; n < count;) {
    const calls: Promise<unknown>[] = [];
    for (; calls.length < IN_FLIGHT && n < count; n++) calls.push(call(n));
    await Promise.all(calls);
  }
}

function checkSum(sum: number, items: number): void {
  const expected = items * (items - 1) / 2;
  if (sum !== expected) throw new Error(`The sum of the items is ${sum}, not ${expected}`);
}

async function growLoop(items: number): Promise<Growth> {
  const queue = new Queue<number>();
  const before = measureMemory().used;
  const putSeconds = await secondsOf(() => {
    for (let n = 0; n < items; n++) queue.putNowait(n);
  });
  const bytes = measureMemory().used - before;
  let sum = 0;
  const takeSeconds = await secondsOf(() => {
    for (let n = 0; n < items; n++) sum += queue.getNowait();
  });
  checkSum(sum, items);
  return { putSeconds, takeSeconds, bytes };
}

/** What the child does: it puts all items, and takes them when it is told to. */
export async function putAndTake(
  queue: SharedQueue<number>,
  steps: SharedQueue<string>,
  told: SharedQueue<number>,
  items: number,
): Promise<void> {
  await steps.get();
  await told.put(await secondsOf(() => forAll(items, (n) => queue.put(n))));
  await steps.get();
  let sum = 0;
  const seconds = await secondsOf(() =>
    forAll(items, async () => {
      const item = await queue.get();
      sum += item;
    })
  );
  checkSum(sum, items);
  await told.put(seconds);
}

async function growProcess(items: number): Promise<Growth> {
  await using queue = new SharedQueue<number>();
  await using steps = new SharedQueue<string>();
  await using told = new SharedQueue<number>();
  await using child = new Process({
    module: import.meta.url,
    target: putAndTake,
    args: [queue, steps, told, items],
  });
  await child.start();
  const before = measureMemory().used;
  await steps.put("put");
  const putSeconds = await told.get();
  const bytes = measureMemory().used - before;
  await steps.put("take");
  const takeSeconds = await told.get();
  await child.join();
  return { putSeconds, takeSeconds, bytes };
}

async function growTasks(items: number): Promise<Growth> {
  await using queue = new TaskQueue<number, number>();
  // Workers that are connected wait here until all tasks have been put.
  const gate = Promise.withResolvers<void>();
  const allConnected = Promise.withResolvers<void>();
  let connected = 0;
  const Master = BaseManager.register("getTasks", {
    callable: async () => {
      if (++connected === WORKERS) allConnected.resolve();
      await gate.promise;
      return queue;
    },
  });
  await using server = new Master({ address: [HOST, 0], authkey: AUTHKEY }).getServer();
  const program = new URL("task_queue_growth.ts", import.meta.url).href;
  const workers = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", program, "work", String(server.address.port), String(WORKERS)],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  await allConnected.promise;
  const before = measureMemory().used;
  const putSeconds = await secondsOf(() =>
    forAll(items, async (n) => {
      await queue.put(n, { retries: 3 });
    })
  );
  const bytes = measureMemory().used - before;
  const takeSeconds = await secondsOf(async () => {
    gate.resolve();
    await queue.join();
  });
  const { done } = await queue.statistics();
  if (done !== items) throw new Error(`${done} tasks were done, not ${items}`);
  await queue.shutdown();
  await workers.status;
  return { putSeconds, takeSeconds, bytes };
}

if (import.meta.main) {
  const [kind, items] = Deno.args;
  const grow = { loop: growLoop, process: growProcess, tasks: growTasks }[kind!];
  console.log(JSON.stringify(await grow!(Number(items))));
}

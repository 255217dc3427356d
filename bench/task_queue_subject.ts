/**
 * What the task queue scenarios share: contestants with four worker processes.
 *
 * @module
 */

import { BaseManager, TaskQueue, WorkerPool } from "../distributed/mod.ts";
import { Process } from "../process/mod.ts";
import { type Contestant, measure } from "./harness.ts";

const WORKERS = 4;
const SUBJECT = import.meta.resolve("./subjects/task_worker.ts");

function startWorkers(target: string, args: unknown[]): Promise<Process[]> {
  return Promise.all(Array.from({ length: WORKERS }, async () => {
    const worker = new Process({ module: SUBJECT, target, args, permissions: "inherit" });
    await worker.start();
    return worker;
  }));
}

/**
 * Makes a contestant: a queue in this process, which workers in four others take from.
 *
 * @param pass Does one pass with the queue, and answers how many operations it was.
 * @returns The contestant.
 */
export function queueContestant(
  pass: (queue: TaskQueue<number, number>) => Promise<number>,
): Contestant {
  let stack = new AsyncDisposableStack();
  let queue: TaskQueue<number, number> | undefined;
  return {
    name: "distributed.TaskQueue",
    async setup(): Promise<void> {
      const tasks = stack.use(new TaskQueue<number, number>());
      queue = tasks;
      const Master = BaseManager.register("getTasks", { callable: () => tasks });
      const server = stack.use(new Master().getServer());
      for (const worker of await startWorkers("addOneToEach", [server.address])) stack.use(worker);
      for (;;) {
        const { workers } = await tasks.statistics();
        if (workers.filter(({ concurrency }) => concurrency > 0).length === WORKERS) break;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    run() {
      const tasks = queue;
      if (tasks === undefined) throw new Error("Cannot put tasks: the queue was not set up");
      return measure(() => pass(tasks));
    },
    async teardown(): Promise<void> {
      await queue?.shutdown();
      queue = undefined;
      await stack.disposeAsync();
      stack = new AsyncDisposableStack();
    },
  };
}

/**
 * Makes a contestant: a pool in this process, with workers in four others.
 *
 * @param module Whose functions are called.
 * @param pass Does one pass with the pool, and answers how many operations it was.
 * @returns The contestant.
 */
export function workerPoolContestant(
  module: URL,
  pass: (pool: WorkerPool) => Promise<number>,
): Contestant {
  let stack = new AsyncDisposableStack();
  let pool: WorkerPool | undefined;
  return {
    name: "distributed.WorkerPool",
    async setup(): Promise<void> {
      pool = stack.use(new WorkerPool({ size: 2 * WORKERS }));
      const workers = await startWorkers("workForPool", [pool.address, module.href]);
      for (const worker of workers) stack.use(worker);
      await pool.waitForWorkers(WORKERS);
    },
    run() {
      const target = pool;
      if (target === undefined) throw new Error("Cannot call the pool: it was not set up");
      return measure(() => pass(target));
    },
    async teardown(): Promise<void> {
      await pool?.terminate();
      pool = undefined;
      await stack.disposeAsync();
      stack = new AsyncDisposableStack();
    },
  };
}

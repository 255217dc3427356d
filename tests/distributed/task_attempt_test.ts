import { assertEquals, assertRejects } from "@std/assert";
import { Pool } from "../../coroutine/mod.ts";
import {
  EmbeddedEngine,
  serveTasks,
  type ServeTasksOptions,
  taskAttempt,
  type TaskCall,
  TaskQueue,
  WorkerPool,
} from "../../distributed/mod.ts";
import { Pool as ProcessPool } from "../../process/mod.ts";
import { ThreadPool } from "../../thread/mod.ts";
import { Relay } from "../faults/relay.ts";
import { leakTest } from "../support/leaks.ts";
import * as targets from "./attempt_targets.ts";

const MODULE = import.meta.resolve("./attempt_targets.ts");
const KEY = "key";

const KINDS = ["coroutines", "threads", "processes"] as const;

/** A queue and its worker, which ends with it. */
class Fixture implements AsyncDisposable {
  readonly #queue: TaskQueue<TaskCall, unknown>;
  readonly #worker: Promise<void>;

  constructor(options: Pick<ServeTasksOptions, "inside" | "permissions">) {
    const engine = new EmbeddedEngine();
    this.#queue = new TaskQueue<TaskCall, unknown>({ engine });
    this.#worker = serveTasks({ engine, module: MODULE, concurrency: 1, ...options });
  }

  /** Has a function called, again when it has thrown. */
  async call(name: string, ...args: unknown[]): Promise<unknown> {
    const task = await this.#queue.put({ name, args }, { retries: 5 });
    return await task.result();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.shutdown();
    await this.#worker;
    await this.#queue[Symbol.asyncDispose]();
  }
}

for (const inside of KINDS) {
  leakTest(`taskAttempt() is 1 in all calls of a WorkerPool that run in ${inside}`, async () => {
    await using pool = new WorkerPool({ authkey: KEY });
    const { address } = pool;
    const worker = serveTasks({ address, authkey: KEY, module: MODULE, concurrency: 2, inside });
    assertEquals(await pool.apply(targets.attempt), 1);
    assertEquals(await pool.apply(targets.attemptsAround, []), [1, 1]);
    assertEquals(await pool.map(targets.attemptAfter, Array(9).fill(0)), Array(9).fill(1));
    for (const target of [targets.attemptsOf, targets.attemptsAtOnce]) {
      const values: number[] = [];
      for await (const value of pool.stream({ name: target.name }, [40])) {
        values.push(value as number);
      }
      assertEquals(values, Array(40).fill(1));
    }
    await pool.terminate();
    await worker;
  });

  leakTest(`taskAttempt() counts how often a task has failed that runs in ${inside}`, async () => {
    await using fixture = new Fixture({ inside });
    assertEquals(await fixture.call("failUntil", 3), 3);
    assertEquals(await fixture.call("attemptsAround"), [1, 1]);
    assertEquals(await fixture.call("failUntil", 2), 2);
    assertEquals(await fixture.call("attempt"), 1);
  });

  leakTest(
    `taskAttempt() is 2 for what ran in ${inside} of a worker that was cut off`,
    async () => {
      await using pool = new WorkerPool({ authkey: KEY, retries: 1 });
      await using relay = new Relay(pool.address.port);
      const { address } = relay;
      const worker = serveTasks({ address, authkey: KEY, module: MODULE, concurrency: 1, inside });
      const result = pool.apply(targets.stayOnce, [], { onProgress: () => relay.cut() });
      assertEquals(await result, 2);
      assertEquals(await pool.apply(targets.attempt), 1);
      await pool.terminate();
      await worker;
    },
  );

  leakTest(`taskAttempt() goes along to pools of a task that runs in ${inside}`, async () => {
    // A process that starts threads or processes itself needs more.
    await using fixture = new Fixture({ inside, permissions: "inherit" });
    for (const nested of KINDS) {
      assertEquals(await fixture.call("nestedAttempts", nested, 2), Array(7).fill(2), nested);
    }
  });
}

for (const inside of ["threads", "processes"] as const) {
  leakTest(`taskAttempt() is 2 for what was lost with one of the ${inside}, only`, async () => {
    await using pool = new WorkerPool({ authkey: KEY, retries: 1, size: 1 });
    const { address } = pool;
    const worker = serveTasks({ address, authkey: KEY, module: MODULE, concurrency: 1, inside });
    // Made in one turn, and so handed over together.
    const calls = [1, 2, 3].map((n) => pool.apply(targets.dieOnceOfOne, [n]));
    assertEquals(await Promise.all(calls), [2, 1, 1]);
    const items = [0, 0, 1, 0, 1, 0];
    const mapped = await pool.map(targets.dieOnceOfOne, items, { chunkSize: 6 });
    assertEquals(mapped, [1, 1, 2, 1, 2, 1]);
    await assertRejects(() => pool.apply(targets.dieOnceOfOne, [1], { retries: 0 }));
    assertEquals(await pool.apply(targets.attempt), 1);
    await pool.terminate();
    await worker;
  });
}

leakTest("taskAttempt() is 0 in functions of pools that no task calls", async () => {
  assertEquals(taskAttempt(), 0);
  const threads = new ThreadPool(1, { module: MODULE });
  const processes = new ProcessPool(1, { module: MODULE });
  const pools = [new Pool(1), threads, processes];
  try {
    for (const pool of pools) {
      assertEquals(await pool.apply(targets.attempt), 0);
      assertEquals(await pool.map(targets.attemptAfter, [0, 0, 0]), [0, 0, 0]);
    }
    // What a task has called in between leaves nothing behind.
    const jobs = {
      ask: async (): Promise<number[]> =>
        await Promise.all(pools.map((pool) => pool.apply(targets.attempt))),
    };
    await using pool = new WorkerPool({ authkey: KEY });
    const worker = serveTasks({ address: pool.address, authkey: KEY, module: jobs });
    assertEquals(await pool.apply(jobs.ask), [1, 1, 1]);
    await pool.terminate();
    await worker;
    for (const pool of pools) assertEquals(await pool.apply(targets.attempt), 0);
  } finally {
    for (const pool of pools) await pool.terminate();
  }
});

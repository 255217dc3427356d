import { assert, assertEquals, assertRejects } from "@std/assert";
import { CancelledError, TimeoutError } from "../../coroutine/mod.ts";
import {
  serveTasks,
  taskAttempt,
  type TaskCall,
  TaskQueue,
  WorkerLostError,
  WorkerPool,
} from "../../distributed/mod.ts";
import { natsEngine, type NatsEngineOptions } from "../../distributed/engines/nats_engine.ts";
import { Queue } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { poolContract } from "../contracts/pool_contract.ts";
import { hasNatsServer, natsTest, startNatsServer } from "../support/nats_server.ts";
import { openServer, QUEUE } from "./_nats_queues.ts";

const FUNCTIONS = import.meta.resolve("../contracts/pool_functions.ts");
const TARGETS = import.meta.resolve("./nats_pool_targets.ts");
/** Those of the rules. */
const PRIORITIES = [7, 5, 0, -1];

const LEASE_MS = 1_000;
const READY_MS = 30_000;

// The rules of every pool

const server = await hasNatsServer() ? await startNatsServer() : undefined;
Deno.test.afterAll(async () => await server?.[Symbol.asyncDispose]());

let pools = 0;
const queues: Queue<number>[] = [];

/** A pool that has a worker process for each call that it runs at a time. */
class StaffedPool extends WorkerPool {
  readonly #workers: Process[] = [];

  constructor(size: number) {
    const servers = server!.url;
    const options: NatsEngineOptions = { queue: `pool-${++pools}`, priorities: PRIORITIES };
    super({ size, engine: natsEngine({ servers, name: "pool" }, options) });
    for (let n = 0; n < size; n++) {
      const worker = new Process({
        module: TARGETS,
        target: "work",
        args: [servers, options, { module: FUNCTIONS }],
        permissions: "inherit",
      });
      this.#workers.push(worker);
      worker.start().catch(() => {});
    }
  }

  override async terminate(): Promise<void> {
    try {
      await super.terminate();
    } finally {
      for (const worker of this.#workers) await worker[Symbol.asyncDispose]();
    }
  }
}

if (server !== undefined) {
  poolContract("WorkerPool on NATS", {
    createPool: (size) => new StaffedPool(size),
    createQueue: () => {
      const queue = new Queue<number>();
      queues.push(queue);
      return queue;
    },
    cleanUp: async () => {
      for (const queue of queues.splice(0)) await queue.close();
    },
    errors: "copies",
  });
}

// What is special

const jobs = {
  square: (n: number): number => n * n,
  attempt: (): number => taskAttempt(),
};

natsTest("WorkerPool on NATS: workers come and go, and tell that they are there", async () => {
  await using opened = await openServer();
  await using pool = new WorkerPool({ engine: opened.engine("pool") });
  await assertRejects(() => pool.waitForWorkers(1, { timeoutMs: 0 }), TimeoutError, "0 of 1");
  const leave = new AbortController();
  const worker = serveTasks({
    engine: opened.engine("worker"),
    module: jobs,
    name: "miller",
    concurrency: 3,
    signal: leave.signal,
  });
  await pool.waitForWorkers(1, { timeoutMs: READY_MS });
  assertEquals(await pool.map(jobs.square, [1, 2, 3]), [1, 4, 9]);
  assertEquals(await pool.apply(jobs.attempt), 1);
  const [miller] = await pool.workers();
  assertEquals([miller!.name, miller!.concurrency, miller!.held], ["miller", 3, 0]);
  leave.abort();
  await worker;
  assertEquals(await pool.workers(), []);
});

natsTest("WorkerPool on NATS starts a call anew whose worker was killed", async () => {
  await using opened = await openServer({ leaseMs: LEASE_MS });
  await using held = new Queue<number>();
  await using pool = new WorkerPool({ engine: opened.engine("pool"), retries: 2 });
  await using stack = new AsyncDisposableStack();
  const hire = async (): Promise<void> => {
    const worker = stack.use(
      new Process({
        module: TARGETS,
        target: "work",
        args: [opened.server.url, { queue: QUEUE }, { module: TARGETS }],
        permissions: "inherit",
      }),
    );
    await worker.start();
  };
  await hire();
  const call = pool.apply({ name: "holdFirst" }, [7, held]);
  const pid = await held.get({ timeoutMs: READY_MS });
  Deno.kill(pid, "SIGKILL");
  await hire();
  assertEquals(await call, 49);
  assert(await held.get({ timeoutMs: 0 }) !== pid);
});

natsTest(
  "WorkerPool on NATS tells of a worker that was killed, when there are no retries",
  async () => {
    await using opened = await openServer({ leaseMs: LEASE_MS });
    await using held = new Queue<number>();
    await using pool = new WorkerPool({ engine: opened.engine("pool") });
    await using worker = new Process({
      module: TARGETS,
      target: "work",
      args: [opened.server.url, { queue: QUEUE }, { module: TARGETS, name: "miller" }],
      permissions: "inherit",
    });
    await worker.start();
    const call = pool.apply({ name: "holdFirst" }, [7, held]);
    Deno.kill(await held.get({ timeoutMs: READY_MS }), "SIGKILL");
    await assertRejects(() => call, WorkerLostError, "miller");
  },
);

natsTest("WorkerPool on NATS stops a call that was cancelled, and its worker goes on", async () => {
  await using opened = await openServer();
  await using held = new Queue<number>();
  await using pool = new WorkerPool({ engine: opened.engine("pool") });
  await using worker = new Process({
    module: TARGETS,
    target: "work",
    args: [opened.server.url, { queue: QUEUE }, {
      module: TARGETS,
      inside: "processes",
      concurrency: 1,
    }],
    permissions: "inherit",
  });
  await worker.start();
  const call = pool.applyAsync({ name: "spin" }, [held]);
  await held.get({ timeoutMs: READY_MS });
  call.cancel();
  await assertRejects(() => call.get(), CancelledError);
  assertEquals(await pool.apply({ name: "square" }, [5]), 25);
});

natsTest("serveTasks() runs calls of a queue on NATS", async () => {
  await using opened = await openServer();
  const queue = new TaskQueue<TaskCall, unknown>({ engine: opened.engine("producer") });
  const worker = serveTasks({ engine: opened.engine("worker"), module: jobs });
  const task = await queue.put({ name: "square", args: [7] }, { retries: 3 });
  assertEquals(await task.result(), 49);
  const bad = await queue.put({ name: "nothing", args: [] });
  await assertRejects(() => bad.result(), TypeError, "does not export");
  await queue.shutdown();
  await worker;
});

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  CancelledError,
  Queue as LocalQueue,
  reportProgress,
  spawn,
  TimeoutError,
} from "../../coroutine/mod.ts";
import {
  BaseManager,
  embeddedEngine,
  EngineUnavailableError,
  serveTasks,
  taskAttempt,
  TaskQueue,
  WorkerPool,
} from "../../distributed/mod.ts";
import { AuthenticationError, Queue } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { poolContract } from "../contracts/pool_contract.ts";
import { freePort } from "../support/free_port.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";

const FUNCTIONS = import.meta.resolve("../contracts/pool_functions.ts");
const TARGETS = import.meta.resolve("./worker_targets.ts");
const queues: Queue<number>[] = [];

/** A pool that has a worker process for each call that it runs at a time, of its own family and so with its key. */
class StaffedPool extends WorkerPool {
  readonly #workers: Process[] = [];

  constructor(size: number) {
    super({ size });
    for (let n = 0; n < size; n++) {
      const worker = new Process({
        module: TARGETS,
        target: "work",
        args: [this.address, { module: FUNCTIONS, reconnectMs: 0 }],
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

poolContract("WorkerPool", {
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

// Workers in this process

const KEY = "key";

const jobs = {
  square: (n: number): number => n * n,
  attempt: (): number => taskAttempt(),
  unsendable: (): unknown => () => 1,
};

Deno.test("WorkerPool calls only what the worker's module exports", async () => {
  await using pool = new WorkerPool({ authkey: KEY });
  const worker = serveTasks({ address: pool.address, authkey: KEY, module: jobs });
  function elsewhere(): number {
    return 1;
  }
  await assertRejects(
    () => pool.apply(elsewhere),
    TypeError,
    'Cannot call "elsewhere": the worker\'s module does not export a function of that name. ' +
      "It exports square, attempt, unsendable",
  );
  await assertRejects(() => pool.apply({ name: "toString" }), TypeError, "does not export");
  await assertRejects(() => pool.map(elsewhere, [1, 2]), TypeError, "does not export");
  await assertRejects(() => pool.apply((() => () => 1)()), TypeError, "has no name");
  await assertRejects(() => pool.apply({ name: "" }), TypeError, "reference { name }");
  assertEquals(await pool.apply({ name: "square" }, [3]), 9);
  await pool.terminate();
  await worker;
});

Deno.test("WorkerPool goes on when arguments or results cannot be sent", async () => {
  await using pool = new WorkerPool({ authkey: KEY });
  const worker = serveTasks({ address: pool.address, authkey: KEY, module: jobs });
  await assertRejects(() => pool.apply(jobs.unsendable), TypeError, "Cannot carry");
  await assertRejects(
    () => pool.map(jobs.square, [1, (() => 2) as unknown as number, 3], { chunkSize: 3 }),
    TypeError,
    "Cannot carry",
  );
  assertEquals(await pool.map(jobs.square, [1, 2, 3]), [1, 4, 9]);
  await pool.terminate();
  await worker;
});

Deno.test("WorkerPool has calls wait for workers, and tells who is there", async () => {
  await using pool = new WorkerPool({ authkey: KEY });
  const result = pool.apply(jobs.square, [4]);
  assertEquals(await pool.workers(), []);
  await assertRejects(() => pool.waitForWorkers(1, { timeoutMs: 5 }), TimeoutError, "0 of 1");
  const worker = serveTasks({
    address: pool.address,
    authkey: KEY,
    module: jobs,
    concurrency: 2,
    name: "miller",
  });
  await pool.waitForWorkers(1);
  assertEquals(await result, 16);
  const [{ name, concurrency, done } = { name: "", concurrency: 0, done: 0 }] = await pool
    .workers();
  assertEquals([name, concurrency, done], ["miller", 2, 1]);
  await pool.terminate();
  await worker;
});

Deno.test("WorkerPool hands the items of a chunk out one by one when each has a time of its own", async () => {
  const engine = embeddedEngine();
  await using pool = new WorkerPool({ engine });
  const worker = serveTasks({ engine, module: jobs });
  const handedOut = async (run: () => Promise<unknown>): Promise<number> => {
    const { put } = await engine.statistics();
    await run();
    return (await engine.statistics()).put - put;
  };
  const items = [1, 2, 3, 4, 5, 6];
  for (const [timeoutMs, count] of [[undefined, 2], [60_000, 6]]) {
    const options = { chunkSize: 3, timeoutMs };
    const tasks = await handedOut(async () => {
      assertEquals(await pool.map(jobs.square, items, options), items.map((n) => n * n));
    });
    assertEquals(tasks, count);
    // One that cannot be sent fails by itself.
    const wrong = [1, (() => 2) as unknown as number, 3];
    await assertRejects(() => pool.map(jobs.square, wrong, options), TypeError, "Cannot carry");
  }
  await pool.terminate();
  await worker;
});

Deno.test("WorkerPool fails a task that reports what cannot be sent as its progress", async () => {
  const module = {
    tell: (_n: number): number => {
      reportProgress(() => {});
      reportProgress(1);
      return 5;
    },
  };
  await using pool = new WorkerPool({ authkey: KEY });
  const worker = serveTasks({ address: pool.address, authkey: KEY, module });
  const reported: unknown[] = [];
  const telling = pool.apply({ name: "tell" }, [1], {
    onProgress: (value) => reported.push(value),
  });
  await assertRejects(async () => await telling, TypeError, "Cannot carry");
  await pool.terminate();
  await worker;
});

Deno.test("WorkerPool refuses options that make no sense", () => {
  assertThrows(() => new WorkerPool({ size: 0 }), RangeError, '"size"');
  assertThrows(() => new WorkerPool({ retries: -1 }), RangeError, '"retries"');
  assertThrows(() => new WorkerPool({ taskTimeoutMs: 0 }), RangeError, '"taskTimeoutMs"');
  assertThrows(() => new WorkerPool({ leaseMs: 0 }), RangeError, '"leaseMs"');
});

Deno.test("serveTasks() leaves in order: it finishes what it holds, and takes no more", async () => {
  await using pool = new WorkerPool({ authkey: KEY });
  const started = new LocalQueue<number>();
  const permits = new LocalQueue<number>();
  const module = {
    wait: async (n: number): Promise<number> => {
      await started.put(n);
      return n + await permits.get();
    },
  };
  const leave = new AbortController();
  const { address } = pool;
  const first = serveTasks({ address, authkey: KEY, module, signal: leave.signal });
  const results = [1, 2].map((n) => pool.apply(module.wait, [n]));
  assertEquals(await started.get(), 1);
  leave.abort();
  await permits.put(10);
  await first;
  assertEquals(await results[0], 11);
  assertEquals(started.qsize(), 0);
  const second = serveTasks({ address, authkey: KEY, module });
  assertEquals(await started.get(), 2);
  await permits.put(20);
  assertEquals(await results[1], 22);
  await pool.terminate();
  await second;
});

Deno.test("serveTasks() rejects when the keys differ, or nobody is there", async () => {
  await using pool = new WorkerPool({ authkey: KEY });
  await assertRejects(
    () => serveTasks({ address: pool.address, authkey: "other", module: jobs }),
    AuthenticationError,
  );
  const address = { hostname: "127.0.0.1", port: freePort() };
  await assertRejects(
    () => serveTasks({ address, authkey: KEY, module: jobs, reconnectMs: 0 }),
    EngineUnavailableError,
    "could not be reached for 0 ms",
  );
  const leave = new AbortController();
  const trying = serveTasks({ address, authkey: KEY, module: jobs, signal: leave.signal });
  leave.abort();
  await trying;
});

Deno.test("serveTasks() refuses options that make no sense", async () => {
  const address = "127.0.0.1:1";
  const bad = (options: object): Promise<void> =>
    serveTasks({ address, module: jobs, ...options } as Parameters<typeof serveTasks>[0]);
  await assertRejects(() => bad({ concurrency: 0 }), RangeError, '"concurrency"');
  await assertRejects(() => bad({ inside: "rockets" }), TypeError, '"inside"');
  await assertRejects(() => bad({ address: undefined }), TypeError, '"address" or an "engine"');
  await assertRejects(() => bad({ inside: "threads" }), TypeError, "must be a URL");
});

// Threads and processes inside

for (const inside of ["threads", "processes"] as const) {
  leakTest(`serveTasks() runs tasks in ${inside}`, async () => {
    await using pool = new WorkerPool({ authkey: KEY, retries: 0 });
    const options = { address: pool.address, authkey: KEY, module: FUNCTIONS, concurrency: 2 };
    const worker = serveTasks({ ...options, inside });
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    assertEquals(await pool.map({ name: "square" }, numbers), numbers.map((n) => n * n));
    await assertRejects(() => pool.apply({ name: "failIfOdd" }, [3]), RangeError, "3 is odd");
    await assertRejects(() => pool.apply({ name: "missing" }), TypeError, "does not export");
    const values: unknown[] = [];
    for await (const value of pool.stream({ name: "countLater" }, [5])) values.push(value);
    assertEquals(values, [0, 1, 2, 3, 4]);
    await pool.terminate();
    await worker;
  });
}

leakTest("serveTasks() stops what computes for ever, where it runs in processes", async () => {
  await using pool = new WorkerPool({ authkey: KEY, graceMs: 20_000 });
  const worker = serveTasks({
    address: pool.address,
    authkey: KEY,
    module: FUNCTIONS,
    concurrency: 1,
    inside: "processes",
  });
  assertEquals(await pool.apply({ name: "square" }, [1]), 1);
  const spinning = pool.apply({ name: "spinFor" }, [1e9], { timeoutMs: 100 });
  await assertRejects(() => spinning, TimeoutError, "ran longer than 100 ms");
  assertEquals(await pool.apply({ name: "square" }, [2]), 4);
  const { abandoned } = pool.statistics();
  assertEquals(abandoned, 0);
  await pool.terminate();
  await worker;
});

Deno.test("WorkerPool.terminate() reaches what runs", async () => {
  await using pool = new WorkerPool({ authkey: KEY });
  const started = new LocalQueue<number>();
  const module = {
    stay: async (): Promise<void> => {
      await started.put(1);
      await new LocalQueue<number>().get();
    },
  };
  const worker = serveTasks({ address: pool.address, authkey: KEY, module });
  const staying = assertRejects(() => pool.apply(module.stay), CancelledError);
  await started.get();
  await pool.terminate();
  await staying;
  await worker;
  assert(pool.statistics().cancelled === 1);
});

Deno.test("WorkerPool.close() in a task that ends before the pool does is no error", async () => {
  await using pool = new WorkerPool({ authkey: "key" });
  const result = pool.applyAsync({ name: "never" }, []);
  const closing = spawn(async () => {
    pool.close();
    await result.wait();
  });
  await settle();
  closing.cancel();
  await assertRejects(async () => await closing, CancelledError);
  await settle();
  await pool.terminate();
  await assertRejects(() => result.get(), CancelledError);
});

Deno.test("WorkerPool.terminate() in a task that is cancelled ends the pool all the same", async () => {
  const pool = new WorkerPool({ authkey: "key" });
  const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<unknown> });
  // While somebody is connected, the pool waits for his farewell.
  await using client = new Client({ address: pool.address, authkey: "key" });
  await client.connect();
  const ending = spawn(() => pool.terminate());
  await settle();
  ending.cancel();
  await Promise.allSettled([ending]);
  await pool.terminate();
  Deno.listen({ ...pool.address }).close();
});

Deno.test("WorkerPool.waitForWorkers() refuses a number that can never be there", async () => {
  await using pool = new WorkerPool({ authkey: "key" });
  const wait = (count: unknown) => pool.waitForWorkers(count as number, { timeoutMs: 20 });
  await assertRejects(() => wait(NaN), RangeError, '"count"');
  await assertRejects(() => wait("2"), TypeError, '"count"');
  await pool.waitForWorkers(0);
  const signal = AbortSignal.abort(new Error("stopped"));
  await assertRejects(() => pool.waitForWorkers(0, { signal }), Error, "stopped");
});

Deno.test("WorkerPool.waitForWorkers() ends in its time when the engine does not answer", async () => {
  const engine = embeddedEngine();
  engine.statistics = () => Promise.withResolvers<never>().promise;
  await using pool = new WorkerPool({ engine });
  await assertRejects(
    () => pool.waitForWorkers(1, { timeoutMs: 10 }),
    TimeoutError,
    "0 of 1 workers after 10 ms",
  );
});

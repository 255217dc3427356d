import { assert, assertEquals, assertRejects } from "@std/assert";
import { Queue } from "../../coroutine/mod.ts";
import { serveTasks, taskAttempt, WorkerLostError, WorkerPool } from "../../distributed/mod.ts";
import type { Address } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { createRandom } from "../coroutine/_random.ts";
import { leakTest } from "../support/leaks.ts";
import { Relay } from "./relay.ts";

const TARGETS = import.meta.resolve("./task_targets.ts");
const FUNCTIONS = import.meta.resolve("./worker_functions.ts");
const READY_MS = 30_000;

/** Twenty were run when this was written; a few in every run keep it so. */
const SEEDS = 2;
const TASKS = 10_000;
const KILLS = 12;
const WORKERS = 4;

/** Workers of a pool, each a process. */
class Crew implements AsyncDisposable {
  readonly alive: Process[] = [];
  readonly #all: Process[] = [];
  readonly #address: Address;
  readonly #concurrency: number;

  constructor(address: Address, { concurrency = 1 } = {}) {
    this.#address = address;
    this.#concurrency = concurrency;
  }

  hire(): void {
    const worker = new Process({
      module: TARGETS,
      target: "workFor",
      args: [this.#address, { module: FUNCTIONS, concurrency: this.#concurrency, reconnectMs: 0 }],
      permissions: "inherit",
    });
    this.#all.push(worker);
    this.alive.push(worker);
    worker.start().catch(() => {});
  }

  kill(at: number): number | undefined {
    const [victim] = this.alive.splice(at, 1);
    victim?.kill();
    return victim?.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#all) await worker[Symbol.asyncDispose]();
  }
}

for (let seed = 1; seed <= SEEDS; seed++) {
  leakTest(
    `WorkerPool: workers are killed at random, and nothing is lost (seed ${seed})`,
    async () => {
      const random = createRandom(seed);
      const values: (number | undefined)[] = [];
      const endings: number[] = [];
      const errors: unknown[] = [];
      const moments = new Set(
        Array.from({ length: KILLS }, () => Math.floor(random() * TASKS * 0.9)),
      );
      let ended = 0;
      let killed = 0;
      await using pool = new WorkerPool({ retries: Infinity });
      await using crew = new Crew(pool.address, { concurrency: seed % 2 === 0 ? 1 : 3 });
      for (let n = 0; n < WORKERS; n++) crew.hire();
      await pool.waitForWorkers(WORKERS, { timeoutMs: READY_MS });
      const note = (n: number): void => {
        endings[n] = (endings[n] ?? 0) + 1;
        if (!moments.has(ended++)) return;
        if (crew.kill(Math.floor(random() * crew.alive.length)) !== undefined) killed++;
        crew.hire();
      };
      const calls = Array.from(
        { length: TASKS },
        (_, n) =>
          pool.applyAsync({ name: "doubleSomehow" }, [n], {
            callback: (value) => {
              values[n] = value as number;
              note(n);
            },
            errorCallback: (error) => {
              errors.push(error);
              note(n);
            },
          }),
      );
      await Promise.allSettled(calls);
      assertEquals(errors, []);
      for (let n = 0; n < TASKS; n++) {
        if (values[n] !== 2 * n || endings[n] !== 1) {
          assertEquals([n, values[n], endings[n]], [n, 2 * n, 1]);
        }
      }
      assert(killed >= KILLS / 2, `${killed} were killed`);
      const { queued, running, done, failed } = pool.statistics();
      assertEquals({ queued, running, done, failed }, {
        queued: 0,
        running: 0,
        done: TASKS,
        failed: 0,
      });
    },
  );
}

leakTest(
  "WorkerPool: without retries a lost worker rejects what it held, and the pool goes on",
  async () => {
    await using pool = new WorkerPool();
    await using crew = new Crew(pool.address);
    crew.hire();
    await assertRejects(() => pool.apply({ name: "die" }), WorkerLostError, "connection is closed");
    crew.hire();
    assertEquals(await pool.apply({ name: "double" }, [4]), 8);
  },
);

leakTest("WorkerPool: a task learns which attempt it is", async () => {
  await using pool = new WorkerPool();
  await using crew = new Crew(pool.address);
  for (let n = 0; n < 3; n++) crew.hire();
  assertEquals(await pool.apply({ name: "dieUntil" }, [3], { retries: 2 }), 3);
});

leakTest("WorkerPool: of a map only the task that kills its workers fails", async () => {
  await using pool = new WorkerPool({ retries: 2 });
  await using crew = new Crew(pool.address);
  for (let n = 0; n < 4; n++) crew.hire();
  await pool.waitForWorkers(4, { timeoutMs: READY_MS });
  const results = pool.imap({ name: "dieOfSeven" }, Array.from({ length: 20 }, (_, n) => n));
  const outcomes: unknown[] = [];
  for (let n = 0; n < 20; n++) {
    try {
      outcomes.push((await results.next()).value);
    } catch (error) {
      outcomes.push((error as Error).name);
    }
  }
  const expected = Array.from({ length: 20 }, (_, n) => n === 7 ? "WorkerLostError" : n);
  assertEquals(outcomes, expected);
});

leakTest("WorkerPool: workers go home when the pool is closed, and when it is gone", async () => {
  await using pool = new WorkerPool();
  await using crew = new Crew(pool.address);
  crew.hire();
  crew.hire();
  await pool.waitForWorkers(2, { timeoutMs: READY_MS });
  assertEquals(await pool.map({ name: "double" }, [1, 2, 3]), [2, 4, 6]);
  pool.close();
  await pool.join();
  for (const worker of crew.alive) {
    await worker.join();
    assertEquals(worker.exitCode, 0);
  }
});

leakTest(
  "serveTasks() connects anew when the connection is cut, and what it held runs again",
  async () => {
    await using pool = new WorkerPool({ authkey: "key", retries: 1 });
    await using relay = new Relay(pool.address.port);
    const started = new Queue<number>();
    const module = {
      stayOnce: async (): Promise<number> => {
        await started.put(taskAttempt());
        if (taskAttempt() === 1) await new Queue<number>().get();
        return taskAttempt();
      },
    };
    const worker = serveTasks({ address: relay.address, authkey: "key", module });
    const result = pool.apply(module.stayOnce);
    assertEquals(await started.get(), 1);
    relay.cut();
    assertEquals(await result, 2);
    await pool.terminate();
    await worker;
  },
);

leakTest("WorkerPool: what a silent worker held runs elsewhere within the lease", async () => {
  const leaseMs = 300;
  await using pool = new WorkerPool({ authkey: "key", retries: 1, leaseMs });
  await using relay = new Relay(pool.address.port);
  const started = new Queue<string>();
  const far = {
    where: async (): Promise<string> => {
      await started.put("far");
      await new Queue<number>().get();
      return "far";
    },
  };
  const near = { where: (): string => "near" };
  const leave = new AbortController();
  const { signal } = leave;
  const first = serveTasks({ address: relay.address, authkey: "key", module: far, signal });
  const result = pool.apply(far.where);
  assertEquals(await started.get(), "far");
  relay.fallSilent();
  const since = performance.now();
  const second = serveTasks({ address: pool.address, authkey: "key", module: near });
  assertEquals(await result, "near");
  const tookMs = performance.now() - since;
  assert(tookMs <= leaseMs + 2_000, `it took ${tookMs} ms`);
  leave.abort();
  relay.speak();
  await first;
  await pool.terminate();
  await second;
});

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { Queue } from "../../ipc/mod.ts";
import { activeChildren, Pool, WorkerDiedError } from "../../process/mod.ts";
import { createRandom } from "../coroutine/_random.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { assertEnd, until } from "./alive.ts";
import {
  closeChannel,
  dieAtZero,
  doubleSomehow,
  exitWithZero,
  fillHeap,
  getPid,
  lie,
  resist,
  spin,
  writeGarbage,
} from "./pool_targets.ts";

const MODULE = import.meta.resolve("./pool_targets.ts");
const GUARD_MS = 20_000;

/** Twenty were run when this was written; a few in every run keep it so. */
const SEEDS = 3;
const TASKS = 10_000;
const KILLS = 10;
const WORKERS = 3;
/** The most tasks that a worker holds at a time. */
const MOST_HELD = 128;

interface Outcome {
  values: (number | undefined)[];
  errors: unknown[];
  /** How often each task has ended. */
  endings: number[];
  killed: Set<number>;
}

/** Has tasks run while workers are killed at random moments. */
async function runWithKills(seed: number, retries: number): Promise<Outcome> {
  const random = createRandom(seed);
  const outcome: Outcome = { values: [], errors: [], endings: [], killed: new Set() };
  const moments = new Set(
    Array.from({ length: KILLS }, () => Math.floor(random() * TASKS * 0.9)),
  );
  let ended = 0;
  const note = (n: number) => {
    outcome.endings[n] = (outcome.endings[n] ?? 0) + 1;
    if (!moments.has(ended++)) return;
    const workers = activeChildren();
    const victim = workers[Math.floor(random() * workers.length)];
    if (victim?.pid === undefined) return;
    outcome.killed.add(victim.pid);
    victim.kill();
  };
  await using pool = new Pool(WORKERS, { module: MODULE, retries });
  const calls = Array.from({ length: TASKS }, (_, n) =>
    pool.applyAsync(doubleSomehow, [n], {
      callback: (value) => {
        outcome.values[n] = value;
        note(n);
      },
      errorCallback: (error) => {
        outcome.errors.push(error);
        note(n);
      },
    }));
  await Promise.allSettled(calls);
  const { queued, running, done, failed } = pool.statistics();
  assertEquals([queued, running, done + failed], [0, 0, TASKS]);
  return outcome;
}

for (let seed = 1; seed <= SEEDS; seed++) {
  leakTest(
    `process.Pool: workers are killed at random, and retries give every result once (seed ${seed})`,
    async () => {
      const { values, errors, endings, killed } = await runWithKills(seed, Infinity);
      assertEquals(errors, []);
      for (let n = 0; n < TASKS; n++) {
        if (values[n] !== 2 * n || endings[n] !== 1) {
          assertEquals([n, values[n], endings[n]], [n, 2 * n, 1]);
        }
      }
      assert(killed.size > 0);
    },
  );

  leakTest(
    `process.Pool: workers are killed at random, and what they held is rejected (seed ${seed})`,
    async () => {
      const { values, errors, endings, killed } = await runWithKills(seed, 0);
      const held = new Map<number, number>();
      for (const error of errors) {
        assertInstanceOf(error, WorkerDiedError);
        assertEquals([error.exitCode, error.signal], [-9, "SIGKILL"]);
        assert(killed.has(error.pid));
        held.set(error.pid, (held.get(error.pid) ?? 0) + 1);
      }
      assert(Math.max(0, ...held.values()) <= MOST_HELD);
      let right = 0;
      for (let n = 0; n < TASKS; n++) {
        assertEquals(endings[n], 1);
        if (values[n] === 2 * n) right++;
      }
      assertEquals(right, TASKS - errors.length);
    },
  );
}

leakTest("process.Pool: a map over workers that are killed gives every result", async () => {
  const random = createRandom(7);
  await using pool = new Pool(WORKERS, { module: MODULE, retries: Infinity });
  const numbers = Array.from({ length: TASKS }, (_, n) => n);
  const results: number[] = [];
  for await (const value of pool.imap(doubleSomehow, numbers, { lookAhead: 500 })) {
    results.push(value);
    if (random() > 5 / TASKS) continue;
    const workers = activeChildren();
    workers[Math.floor(random() * workers.length)]?.kill();
  }
  assertEquals(results, numbers.map((n) => 2 * n));
});

leakTest(
  "process.Pool: a worker that computes for ever is ended, whatever ends the call",
  async () => {
    await using running = new Queue<number>();
    await using pool = new Pool(1, { module: MODULE });
    const timed = pool.applyAsync(spin, [running], { timeoutMs: 50 });
    const failed = assertRejects(() => timed.get(), Error, "longer than 50 ms");
    const first = await running.get();
    await failed;
    const cancelled = pool.applyAsync(spin, [running]);
    const second = await running.get();
    cancelled.cancel();
    await assertRejects(() => cancelled.get(), Error, "was cancelled");
    const last = assertRejects(() => pool.apply(spin, [running]), Error, "terminated");
    const third = await running.get();
    await pool.terminate();
    await last;
    assertEquals(new Set([first, second, third]).size, 3);
    assertEquals(activeChildren(), []);
  },
);

leakTest("process.Pool: a task that ends its process is rejected", async () => {
  await using pool = new Pool(1, { module: MODULE });
  const error = await assertRejects(() => pool.apply(exitWithZero), WorkerDiedError);
  assertEquals([error.exitCode, error.task], [0, { name: "exitWithZero", index: 0 }]);
});

leakTest("process.Pool: a worker that closes its channel is replaced", async () => {
  await using pool = new Pool(1, { module: MODULE });
  const pid = await pool.apply(getPid);
  const error = await assertRejects(() => pool.apply(closeChannel), WorkerDiedError);
  assertEquals(error.pid, pid);
  assert(await pool.apply(getPid) !== pid);
});

leakTest("process.Pool: a worker that writes garbage to its channel is replaced", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const accepted = listener.accept();
  await using pool = new Pool(1, { module: MODULE, permissions: { net: [`127.0.0.1:${port}`] } });
  const error = await assertRejects(() => pool.apply(writeGarbage, [port]), WorkerDiedError);
  assert(await pool.apply(getPid) !== error.pid);
  (await accepted).close();
});

leakTest("process.Pool: a worker that tells what makes no sense is replaced", async () => {
  await using pool = new Pool(1, { module: MODULE });
  for (const how of ["kind", "job", "index", "list"] as const) {
    await assertRejects(() => pool.apply(lie, [how]), WorkerDiedError);
  }
  assert(await pool.apply(getPid) > 0);
});

leakTest(
  "process.Pool: a worker that runs out of memory is replaced, and the error says so",
  async () => {
    await using pool = new Pool(1, { module: MODULE, memoryLimitMb: 40, stderr: "null" });
    const error = await assertRejects(() => pool.apply(fillHeap), WorkerDiedError);
    assert(/out of memory \(heap, whose limit was 40 MB\)/.test(error.message), error.message);
    assert(await pool.apply(getPid) > 0);
  },
);

leakTest("process.Pool: 60 workers, one after the other, do one task each", async () => {
  await using pool = new Pool(2, { module: MODULE, maxTasksPerChild: 1 });
  const pids = await pool.map(getPid, Array.from({ length: 60 }, (_, n) => n));
  assertEquals(new Set(pids).size, 60);
  await until(() => activeChildren().length <= 4, "those that are done have ended", GUARD_MS);
});

leakTest(
  "Pool: of a worker that was killed from outside nobody knows what it had begun",
  async () => {
    await using pool = new Pool(1, { module: MODULE });
    const list = pool.mapAsync(dieAtZero, [0, 1, 2], { chunkSize: 3 });
    await assertRejects(() => list.get(), WorkerDiedError, "was ended by SIGKILL");
    // All that it held counts as begun, and none of it has retries.
    const { done, failed, queued } = pool.statistics();
    assertEquals([done, failed, queued], [0, 3, 0]);
    const again = pool.mapAsync(dieAtZero, [3, 4, 5], { chunkSize: 3 });
    assertEquals(await again, [3, 4, 5]);
  },
  { ignore: Deno.build.os === "windows" },
);

leakTest("Pool: a worker whose task takes no notice of SIGTERM is killed", async () => {
  await using running = new Queue<number>();
  await using pool = new Pool(1, { module: MODULE, graceMs: GUARD_MS });
  const call = pool.applyAsync(resist, [running]);
  const pid = await running.get();
  assert(call.cancel());
  // Long before the pool gives it up.
  await guard(assertRejects(() => call.get()), () => "the end of the task", GUARD_MS / 2);
  await assertEnd([pid]);
  assert(await pool.apply(getPid) !== pid);
}, { ignore: Deno.build.os === "windows" });

import { assert, assertEquals, assertInstanceOf, assertLess, assertRejects } from "@std/assert";
import { CancelledError, PoolClosedError, TimeoutError } from "../../coroutine/mod.ts";
import { activeCount, ThreadPool, WorkerDiedError } from "../../thread/mod.ts";
import { leakTest } from "../support/leaks.ts";
import * as targets from "../thread/fixtures/pool_targets.ts";

const MODULE = import.meta.resolve("../thread/fixtures/pool_targets.ts");

/** Whether the long forms run: `THREAD_POOL_SEEDS=20`. */
const SEEDS = Number(Deno.env.get("THREAD_POOL_SEEDS") ?? 3);

leakTest(
  "ThreadPool: what tasks throw and reject with comes back, and nothing else is hurt",
  async () => {
    await using pool = new ThreadPool(2, { module: MODULE });
    const calls: Promise<unknown>[] = [];
    for (let n = 0; n < 100; n++) {
      calls.push(
        assertRejects(() => pool.apply(targets.throwIt, [new RangeError(`${n}`)]), RangeError),
      );
      calls.push(assertRejects(() => pool.apply(targets.rejectLater), RangeError, "later"));
      calls.push(pool.apply(targets.square, [n]).then((result) => assertEquals(result, n * n)));
    }
    await Promise.all(calls);
    for (const thrown of [undefined, null, 5, "text", { a: 1 }]) {
      const caught = await pool.apply(targets.throwIt, [thrown]).then(
        () => "no error",
        (error) => [error],
      );
      assertEquals(caught, [thrown]);
    }
    assertEquals(pool.statistics().failed, 205);
  },
);

leakTest(
  "ThreadPool: a module that throws at its import fails the pool with that error",
  async () => {
    const module = import.meta.resolve("../thread/fixtures/throws_at_import.ts");
    await using pool = new ThreadPool(2, { module });
    const call = () => pool.apply({ module, name: "square" }, [1]);
    await assertRejects(call, RangeError, "not to be imported");
    await assertRejects(call, RangeError, "not to be imported");
  },
);

leakTest("ThreadPool: a module that closes its thread at its import fails the pool", async () => {
  const module = import.meta.resolve("../thread/fixtures/closes_at_import.ts");
  await using pool = new ThreadPool(2, { module });
  const call = () => pool.apply({ module, name: "square" }, [1]);
  const error = await assertRejects(call, WorkerDiedError, "before it could take tasks");
  assertEquals(error.task, undefined);
});

leakTest("ThreadPool: threads that close themselves all the time hold nobody up", async () => {
  await using pool = new ThreadPool(2, { module: MODULE });
  const dying = Array.from({ length: 6 }, () => assertRejects(() => pool.apply(targets.closeSelf)));
  const others = Array.from({ length: 200 }, (_, n) => pool.apply(targets.square, [n]));
  assertEquals((await Promise.all(others))[10], 100);
  await Promise.all(dying);
});

leakTest(
  "ThreadPool: a task that allocates without end is stopped, and its memory comes back",
  async () => {
    await using pool = new ThreadPool(1, { module: MODULE });
    const before = Deno.memoryUsage().rss;
    for (let n = 0; n < 2; n++) {
      const call = () => pool.apply(targets.allocate, [], { timeoutMs: 100 });
      await assertRejects(call, TimeoutError);
    }
    assertEquals(await pool.apply(targets.square, [3]), 9);
    assertLess(Deno.memoryUsage().rss - before, 1_500_000_000);
  },
);

for (let seed = 1; seed <= SEEDS; seed++) {
  leakTest(
    `ThreadPool: 10,000 tasks all settle, whenever it is terminated: seed ${seed}`,
    async () => {
      const random = randomOf(seed);
      const pool = new ThreadPool(2, { module: MODULE, taskTimeoutMs: 400, retries: seed % 2 });
      let settled = 0;
      const stopAt = 500 + Math.floor(random() * 9_000);
      const ended = Promise.withResolvers<void>();
      const settle = (error?: unknown) => {
        if (error !== undefined) assertExpected(error);
        if (++settled === stopAt) ended.resolve(pool.terminate());
      };
      const calls: Promise<void>[] = [];
      for (let n = 0; n < 10_000; n++) {
        const kind = random();
        const call = kind < 0.0005
          ? pool.apply(targets.spin)
          : kind < 0.001
          ? pool.apply(targets.park)
          : kind < 0.0015
          ? pool.apply(targets.closeSelf)
          : kind < 0.01
          ? pool.apply(targets.throwIt, ["thrown"])
          : kind < 0.1
          ? pool.apply(targets.echo, [new Date(n)])
          : pool.apply(targets.square, [n]).then((result) => assertEquals(result, n * n));
        calls.push(call.then(() => settle(), settle));
      }
      await Promise.all(calls);
      await ended.promise;
      assertEquals(settled, 10_000);
      assertEquals(activeCount(), 1);
    },
  );
}

function assertExpected(error: unknown): void {
  if (error === "thrown") return;
  assertInstanceOf(error, Error);
  const kinds = [CancelledError, TimeoutError, WorkerDiedError, PoolClosedError];
  assert(kinds.some((kind) => error instanceof kind), String(error));
}

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

leakTest(
  "ThreadPool: pools that start and end one after another leave nothing behind",
  async () => {
    for (let n = 0; n < 10; n++) {
      const pool = new ThreadPool(2, { module: MODULE });
      const result = pool.apply(targets.square, [n]);
      if (n % 2 === 0) assertEquals(await result, n * n);
      else result.catch(() => {});
      await pool.terminate();
    }
    assertEquals(activeCount(), 1);
  },
);

leakTest("ThreadPool: the event loop goes on while much is done", async () => {
  await using pool = new ThreadPool(2, { module: MODULE });
  await pool.ready();
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setTimeout(turn, 0);
  };
  turn();
  const calls = Array.from({ length: 50_000 }, (_, n) => pool.apply(targets.square, [n]));
  await Promise.all(calls);
  isOver = true;
  assert(turns > 10, `${turns} turns`);
});

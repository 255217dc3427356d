import { assert, assertEquals } from "@std/assert";
import { type AsyncResult, CancelledError } from "../../coroutine/mod.ts";
import { FakePool, type FakeRunner, same } from "./_fake_runners.ts";
import { createRandom } from "./_random.ts";

const SEEDS = 60;
const STEPS = 400;
const CAPACITY = 2;
const SIZE = 3;
const DEATH = new Error("the runner died");
const FAILURE = new Error("the function threw");

interface Call {
  readonly result: AsyncResult<unknown>;
  readonly expected: unknown;
  settlements: number;
}

/** A runner's oldest item takes one step: it starts, or it ends. */
function step(runner: FakeRunner, running: Map<FakeRunner, number>, random: () => number): void {
  const job = runner.jobs[0];
  if (job === undefined) return;
  const index = running.get(runner) ?? -1;
  if (index < 0 || random() < 0.3) {
    const next = Math.max(index, 0);
    running.set(runner, next);
    job.started(next);
    return;
  }
  if (random() < 0.1) {
    job.fail(index, FAILURE);
  } else {
    job.succeed(index, job.spread ? (job.items[index] as unknown[])[0] : job.items[index]);
  }
  if (index + 1 < job.items.length) {
    running.set(runner, index + 1);
    job.started(index + 1);
    return;
  }
  running.delete(runner);
  runner.jobs.splice(runner.jobs.indexOf(job), 1);
}

async function microtasks(): Promise<void> {
  for (let hop = 0; hop < 20; hop++) await 0;
}

async function runSeed(seed: number): Promise<void> {
  const random = createRandom(seed);
  const pick = (most: number) => Math.floor(random() * most);
  const running = new Map<FakeRunner, number>();
  const dead = new Set<FakeRunner>();
  const calls: Call[] = [];
  const streamed: Promise<void>[] = [];
  let items = 0;
  const pool = new FakePool(
    { size: SIZE, maxItemsPerRunner: seed % 2 === 0 ? 7 : Infinity },
    (runner) => {
      runner.capacity = 1 + (seed % CAPACITY);
      // An item that is cancelled ends at once, if it runs or not; or its runner is killed for it.
      runner.onCancel = (job, index) => {
        if (random() < 0.5) return job.fail(index, new CancelledError("stopped"));
        dead.add(runner);
        runner.port.lost(DEATH, "starts known");
      };
      return runner;
    },
  );

  function track(expected: unknown, submit: (settled: () => void) => AsyncResult<unknown>): void {
    const call: Call = { expected, settlements: 0, result: submit(() => call.settlements++) };
    calls.push(call);
  }

  const options = (settled: () => void) => ({
    callback: settled,
    errorCallback: settled,
    retries: pick(3),
    priority: pick(3) - 1,
  });

  async function consume(count: number, take: number): Promise<void> {
    const results = pool.imap(same, Array.from({ length: count }, (_, n) => n), {
      lookAhead: 1 + pick(6),
      retries: 1,
    });
    for (let n = 0; n < take; n++) {
      try {
        const { done, value } = await results.next();
        if (done !== true) assertEquals(value, n);
      } catch (error) {
        assert(error === FAILURE || error === DEATH || error instanceof CancelledError);
      }
    }
    await results.return();
  }

  const living = () =>
    pool.runners.filter((runner) => !dead.has(runner) && runner.stops.length === 0);

  for (let at = 0; at < STEPS; at++) {
    const chance = random();
    if (chance < 0.15) {
      items++;
      track(at, (settled) => pool.applyAsync(same<number>, [at], options(settled)));
    } else if (chance < 0.17) {
      // Without options, and in one turn: they go together.
      for (let left = 1 + pick(20); left > 0; left--) {
        items++;
        track(at, (settled) => {
          const result = pool.applyAsync(same<number>, [at]);
          void result.wait().then(settled);
          return result;
        });
        if (random() < 0.1) calls.at(-1 - pick(3))?.result.cancel();
      }
    } else if (chance < 0.2) {
      const list = Array.from({ length: pick(12) }, (_, n) => at * 100 + n);
      items += list.length;
      const chunkSize = random() < 0.5 ? undefined : 1 + pick(5);
      track(
        list,
        (settled) => pool.mapAsync(same<number>, list, { ...options(settled), chunkSize }),
      );
    } else if (chance < 0.22) {
      streamed.push(consume(pick(10), pick(12)));
    } else if (chance < 0.27 && calls.length > 0) {
      calls[pick(calls.length)]!.result.cancel();
    } else if (chance < 0.3) {
      const runner = living()[pick(SIZE)];
      if (runner !== undefined) {
        dead.add(runner);
        runner.port.lost(DEATH);
      }
    } else if (chance < 0.33) {
      const runner = living()[pick(SIZE)];
      const job = runner?.jobs.at(-1);
      if (runner !== undefined && job !== undefined && job !== runner.jobs[0]) {
        runner.jobs.pop();
        job.giveBack(0);
      }
    } else {
      const runner = living()[pick(SIZE)];
      if (runner !== undefined) step(runner, running, random);
    }
    if (random() < 0.3) await microtasks();
    const { runners, running: runningNow } = pool.statistics();
    assert(runners <= SIZE && runningNow <= SIZE);
  }

  // Half of the seeds finish in peace, the others are terminated in the midst of it.
  if (seed % 3 === 0) {
    await pool.terminate();
  } else {
    pool.close();
    for (let rounds = 0; pool.statistics().runners > 0; rounds++) {
      assert(rounds < 5000, `seed ${seed} does not end: ${JSON.stringify(pool.statistics())}`);
      for (const runner of living()) step(runner, running, random);
      await microtasks();
    }
  }
  await Promise.all(streamed);
  await pool.join();
  for (const call of calls) {
    assert(call.result.ready());
    if (call.result.successful()) assertEquals(await call.result, call.expected);
    else await call.result.get().catch(() => {});
    await microtasks();
    assertEquals(call.settlements, 1);
  }
  const { queued, running: runningNow, done, failed, cancelled, abandoned } = pool.statistics();
  assertEquals([queued, runningNow, abandoned], [0, 0, 0]);
  assert(done + failed + cancelled >= items);
}

Deno.test(`PoolCore settles every call once whatever happens (${SEEDS} seeds)`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      await runSeed(seed);
    } catch (error) {
      throw new Error(`Seed ${seed}`, { cause: error });
    }
  }
});

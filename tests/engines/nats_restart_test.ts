import { assert, assertEquals, assertRejects } from "@std/assert";
import { EngineUnavailableError, serveTasks, TaskQueue } from "../../distributed/mod.ts";
import { natsEngine } from "../../distributed/engines/nats_engine.ts";
import { natsTest, startNatsServer } from "../support/nats_server.ts";
import { assertPending } from "../support/settle.ts";
import { openServer } from "./_nats_queues.ts";

const TASKS = 300;
const LANES = 8;
const PATIENCE_MS = 30_000;

natsTest("NatsEngine goes on where it was when its server is killed and starts again", async () => {
  await using opened = await openServer({ leaseMs: 2_000, patienceMs: PATIENCE_MS });
  const { server } = opened;
  const producer = opened.queue("producer");
  const worker = opened.queue("worker");
  const runs: unknown[] = [];
  const { promise: midRun, resolve: atMidRun } = Promise.withResolvers<void>();
  const leave = new AbortController();
  const working = worker.work((n) => {
    runs.push(n);
    if (runs.length === TASKS / 3) atMidRun();
    return Number(n) ** 2;
  }, { concurrency: LANES, signal: leave.signal });
  const restarting = midRun.then(() => server.restart());
  let next = 0;
  const results: unknown[] = [];
  working.catch(() => {});
  await Promise.all(Array.from({ length: LANES }, async () => {
    while (next < TASKS) {
      const n = next++;
      const task = await producer.put(n, { retries: 5 });
      results[n] = await task.result({ timeoutMs: PATIENCE_MS });
    }
  }));
  await restarting;
  assertEquals(results, Array.from({ length: TASKS }, (_, n) => n ** 2));
  await producer.join({ timeoutMs: PATIENCE_MS });
  assert(runs.length >= TASKS && runs.length <= TASKS + 2 * LANES, `${runs.length} runs`);
  leave.abort();
  await working;
});

natsTest(
  "NatsEngine keeps tasks, their order, their delays and their ends while nobody is there",
  async () => {
    await using opened = await openServer({ leaseMs: 1_000 });
    const { server } = opened;
    const producer = opened.queue("producer");
    for (let n = 0; n < 5; n++) await producer.put(n, { id: `task ${n}` });
    await producer.put("later", { delayMs: 300 });
    const first = await producer.get();
    await first.complete("done before");
    await (await producer.get()).fail(new RangeError("no"));
    await producer[Symbol.asyncDispose]();
    await server.restart();

    const later = opened.queue("later");
    assertEquals(await (await later.put("again", { id: "task 0" })).result(), "done before");
    assertEquals((await later.deadLetters.list()).map(({ value }) => value), [1]);
    const values: unknown[] = [];
    for (let n = 0; n < 4; n++) {
      const lease = await later.get({ timeoutMs: PATIENCE_MS });
      values.push(lease.value);
      await lease.complete(null);
    }
    assertEquals(values.toSorted(), [2, 3, 4, "later"]);
    assertEquals(values.filter((value) => typeof value === "number"), [2, 3, 4]);
    await later.join({ timeoutMs: PATIENCE_MS });
    const { done, failed, unfinished } = await later.statistics();
    assertEquals({ done, failed, unfinished }, { done: 5, failed: 1, unfinished: 0 });
  },
);

natsTest(
  "NatsEngine: a worker whose server is away for a while still gives its result",
  async () => {
    await using opened = await openServer({ leaseMs: 60_000 });
    const [producer, worker] = [opened.queue("producer"), opened.queue("worker")];
    const task = await producer.put(1);
    const lease = await worker.get();
    await opened.server.kill();
    const completing = lease.complete("kept");
    await opened.server.restart();
    assertEquals([await completing, await task.result({ timeoutMs: PATIENCE_MS })], [true, "kept"]);
  },
);

natsTest(
  "serveTasks() on NATS waits for its server, at the start and later, and leaves without it",
  async () => {
    await using server = await startNatsServer();
    const { url: servers } = server;
    const jobs = { square: (n: number) => n * n };
    const call = (n: number) => ({ name: "square", args: [n] });
    await server.kill();
    // Whoever goes tells of what it has done for as long as its lease lasts.
    const settings = { leaseMs: 1_000 };
    const leave = new AbortController();
    const working = serveTasks({
      engine: natsEngine({ servers, name: "worker" }, settings),
      module: jobs,
      concurrency: 2,
      signal: leave.signal,
    });
    await assertPending(working);
    await server.restart();
    await using queue = new TaskQueue({
      engine: natsEngine({ servers, name: "producer" }, settings),
    });
    const options = { timeoutMs: PATIENCE_MS };
    assertEquals(await (await queue.put(call(3), { retries: 9 })).result(options), 9);
    await server.restart();
    assertEquals(await (await queue.put(call(4), { retries: 9 })).result(options), 16);
    await server.kill();
    leave.abort();
    const begin = performance.now();
    await working;
    assert(performance.now() - begin < 5_000, "it waits for a server that is away");
  },
);

natsTest("serveTasks() on NATS ends when there was no server for too long", async () => {
  await using server = await startNatsServer();
  await server.kill();
  const engine = natsEngine({ servers: server.url });
  const working = serveTasks({ engine, module: {}, reconnectMs: 100 });
  await assertRejects(() => working, EngineUnavailableError, "could not be reached for 100 ms");
});

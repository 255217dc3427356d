import { assert, assertEquals } from "@std/assert";
import { TaskQueue } from "../../distributed/mod.ts";
import { NatsApi } from "../../distributed/engines/_nats_api.ts";
import { NatsSource } from "../../distributed/engines/_nats_owner.ts";
import { natsEngine } from "../../distributed/engines/nats_engine.ts";
import { type NatsCluster, natsTest, startNatsCluster } from "../support/nats_server.ts";

const QUEUE = "chaos";
const TASKS = 1_000;
const LANES = 8;

/** A put or a result that takes longer fails the test: a cluster needs up to ten seconds for a new leader. */
const PATIENCE_MS = 25_000;

/** Redelivered tasks in all of the runs that were looked at were fewer by far. */
const MOST_AGAIN = TASKS / 10;

/** Who leads a stream. */
async function leaderOf(cluster: NatsCluster, stream: string): Promise<string> {
  const source = new NatsSource({ servers: cluster.urls, name: "observer" });
  try {
    const client = await source.open("find the leader");
    const api = new NatsApi(client, { patienceMs: PATIENCE_MS, tryMs: 1_000 });
    const info = await api.call<{ cluster: { leader: string } }>(
      "Cannot find the leader",
      `STREAM.INFO.${stream}`,
    );
    return info.cluster.leader;
  } finally {
    await source.close();
  }
}

natsTest(
  "NatsEngine on three nodes loses nothing when the leader is killed in mid-run",
  async () => {
    await using cluster = await startNatsCluster();
    await using stack = new AsyncDisposableStack();
    const open = (name: string): TaskQueue<number, number> =>
      stack.use(
        new TaskQueue<number, number>({
          engine: natsEngine({ servers: cluster.urls, name }, {
            queue: QUEUE,
            replicas: 3,
            leaseMs: 3_000,
            patienceMs: PATIENCE_MS,
          }),
        }),
      );
    const producer = open("producer");
    await producer.qsize();

    const runs: number[] = [];
    const afterKill = [0, 0];
    let isKilled = false;
    const leave = new AbortController();
    const { promise: midRun, resolve: atMidRun } = Promise.withResolvers<void>();
    const working = [0, 1].map((n) =>
      open(`worker ${n}`).work((value) => {
        runs.push(value);
        if (isKilled) afterKill[n]!++;
        if (runs.length === TASKS / 4) atMidRun();
        return value * value;
      }, { concurrency: LANES, signal: leave.signal })
    );
    // When the test fails before, it is told why it did.
    for (const work of working) work.catch(() => {});

    const killing = midRun.then(async () => {
      const name = await leaderOf(cluster, `MH_${QUEUE}_tasks`);
      await cluster.node(name).kill();
      isKilled = true;
      return name;
    });
    let next = 0;
    let longestMs = 0;
    const results: number[] = [];
    const lanes = Array.from({ length: LANES }, async () => {
      while (next < TASKS) {
        const n = next++;
        const beganMs = performance.now();
        const task = await producer.put(n, { retries: 5, timeoutMs: PATIENCE_MS });
        longestMs = Math.max(longestMs, performance.now() - beganMs);
        results[n] = await task.result({ timeoutMs: 2 * PATIENCE_MS });
      }
    });
    await Promise.all(lanes);
    const killed = await killing;

    // What was confirmed is done, each once as far as its producer sees.
    assertEquals(results, Array.from({ length: TASKS }, (_, n) => n * n));
    await producer.join({ timeoutMs: PATIENCE_MS });
    const { unfinished, failed, done } = await producer.statistics();
    assertEquals({ unfinished, failed, done }, { unfinished: 0, failed: 0, done: TASKS });
    const again = runs.length - TASKS;
    assert(again >= 0 && again <= MOST_AGAIN, `${again} tasks ran again`);
    // Both workers go on: one of them may have been asking for a task while the others did all that was left.
    const endMs = performance.now() + PATIENCE_MS;
    while (afterKill.includes(0)) {
      assert(performance.now() < endMs, `after the kill of ${killed}: ${afterKill}`);
      const more = await Promise.all(Array.from({ length: 2 * LANES }, (_, n) => producer.put(n)));
      await Promise.all(more.map((task) => task.result({ timeoutMs: PATIENCE_MS })));
    }
    console.log(
      `    leader ${killed} killed: ${TASKS} confirmed, 0 lost, ${again} ran again, ` +
        `longest put ${longestMs.toFixed(0)} ms`,
    );
    leave.abort();
    await Promise.all(working);
  },
);

import { assert, assertEquals, assertGreater, assertInstanceOf, assertRejects } from "@std/assert";
import { Queue, type QueueOptions } from "../../coroutine/mod.ts";
import { BaseManager } from "../../distributed/mod.ts";
import { ConnectionLostError, Queue as FamilyQueue } from "../../ipc/mod.ts";
import { activeChildren, Process, ProcessDiedError } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { until } from "./alive.ts";
import { hold, OwnManager, spin, waitForever, waitForItem, work } from "./targets.ts";

const MODULE = new URL("targets.ts", import.meta.url);
const GUARD_MS = 20_000;
const SEED = 20_261;

// Children

leakTest(
  "Process.result() rejects when a child is killed by SIGKILL, whatever it does",
  async () => {
    await using running = new FamilyQueue<string>();
    await using idle = new Process({ module: MODULE, target: waitForever });
    await using busy = new Process({ module: MODULE, target: spin, args: [running] });
    await using waiting = new Process({ module: MODULE, target: waitForItem, args: [running] });
    await Promise.all([idle.start(), busy.start()]);
    assertEquals(await running.get(), "running");
    await waiting.start();
    await until(
      async () => (await running.statistics()).getting === 1,
      "the child waits in the queue",
      GUARD_MS,
    );
    for (const child of [idle, busy, waiting]) {
      const result = assertRejects(() => child.result(), ProcessDiedError);
      Deno.kill(child.pid!, "SIGKILL");
      const { pid, exitCode, signal } = await result;
      assertEquals([pid, exitCode, signal], [child.pid, -9, "SIGKILL"]);
      assertEquals(await child.join(), true);
    }
    // The get of the dead child takes nothing.
    await running.put("left");
    assertEquals(await running.get({ timeoutMs: GUARD_MS }), "left");
    assertEquals((await running.statistics()).getting, 0);
  },
);

// A manager's process

leakTest(
  "BaseManager: every call in flight rejects when the manager's process is killed",
  async () => {
    await using manager = new OwnManager({ module: MODULE });
    await manager.start();
    const [process] = activeChildren();
    await using client = new OwnManager({ address: manager.address });
    await client.connect();
    const queues = await Promise.all([manager.getQueue(), client.getQueue()]);
    const calls = queues.flatMap((queue) => [
      ...Array.from({ length: 20 }, () => queue.get()),
      queue.get({ timeoutMs: 1e9 }),
      queue.get({ signal: new AbortController().signal }),
    ]);
    const outcomes = Promise.allSettled(calls);
    await until(
      async () => (await queues[0]!.statistics()).getting === calls.length,
      "all calls wait",
      GUARD_MS,
    );
    Deno.kill(process!.pid!, "SIGKILL");
    for (const outcome of await outcomes) {
      assert(outcome.status === "rejected");
      assertInstanceOf(outcome.reason, ConnectionLostError);
    }
    await process!.join();
    assertEquals(process!.exitCode, -9);
    for (const queue of queues) await assertRejects(() => queue.qsize(), ConnectionLostError);
    await assertRejects(() => client.getQueue(), ConnectionLostError);
  },
);

leakTest("BaseManager: calls reject when a manager that hears nothing is killed", async () => {
  await using manager = new OwnManager({ module: MODULE, shutdownTimeoutMs: 100 });
  await manager.start();
  const [process] = activeChildren();
  const spinner = await manager.makeSpinner();
  const calls = [spinner.spin(), manager.getQueue()]
    .map((call) => assertRejects(() => call as Promise<unknown>, ConnectionLostError));
  Deno.kill(process!.pid!, "SIGKILL");
  await Promise.all(calls);
});

// Workers

function serve(options: QueueOptions = {}) {
  const tasks = new Queue<number>(0, options);
  const reports = new Queue<[worker: number, task: number]>();
  const Manager = BaseManager
    .register("getTasks", { callable: () => tasks })
    .register("getReports", { callable: () => reports });
  const server = new Manager({ address: "127.0.0.1:0" }).getServer();
  const start = async (target: typeof hold | typeof work, worker: number) => {
    const process = new Process<typeof hold | typeof work>({
      module: MODULE,
      target,
      args: [server.address, worker],
      permissions: { net: ["127.0.0.1"] },
    });
    await process.start();
    return process;
  };
  const awaitGone = () =>
    until(() => server.statistics().connections === 0, "the worker is gone", GUARD_MS);
  return { tasks, reports, server, start, awaitGone };
}

leakTest("Queue with returnUnfinished: a killed worker's item goes to another one", async () => {
  const { tasks, reports, server, start } = serve({ returnUnfinished: true });
  await using _server = server;
  await tasks.put(7);
  await using first = await start(hold, 1);
  assertEquals(await reports.get({ timeoutMs: GUARD_MS }), [1, 7]);
  await using second = await start(hold, 2);
  await until(() => tasks.statistics().getting === 1, "the second worker waits", GUARD_MS);
  first.kill();
  assertEquals(await reports.get({ timeoutMs: GUARD_MS }), [2, 7]);
  second.kill();
  await Promise.all([first.join(), second.join()]);
  assertEquals(await tasks.get({ timeoutMs: GUARD_MS }), 7);
  assertEquals(tasks.statistics().unfinished, 1);
});

leakTest("Queue with returnUnfinished: the item is at the head again", async () => {
  const { tasks, reports, server, start, awaitGone } = serve({ returnUnfinished: true });
  await using _server = server;
  for (const task of [1, 2, 3]) await tasks.put(task);
  await using worker = await start(hold, 1);
  assertEquals(await reports.get({ timeoutMs: GUARD_MS }), [1, 1]);
  assertEquals(tasks.qsize(), 2);
  worker.kill();
  await awaitGone();
  assertEquals([tasks.getNowait(), tasks.getNowait(), tasks.getNowait()], [1, 2, 3]);
});

leakTest("Queue without returnUnfinished: an item that was delivered is not repeated", async () => {
  const { tasks, reports, server, start, awaitGone } = serve();
  await using _server = server;
  for (const task of [1, 2]) await tasks.put(task);
  await using worker = await start(hold, 1);
  assertEquals(await reports.get({ timeoutMs: GUARD_MS }), [1, 1]);
  worker.kill();
  await awaitGone();
  assertEquals([tasks.getNowait(), tasks.empty()], [2, true]);
});

leakTest("Queue: a worker that is killed while it waits takes nothing", async () => {
  for (const options of [{}, { returnUnfinished: true }]) {
    const { tasks, reports, server, start } = serve(options);
    await using _server = server;
    await using first = await start(hold, 1);
    await until(() => tasks.statistics().getting === 1, "the first worker waits", GUARD_MS);
    await using second = await start(hold, 2);
    await until(() => tasks.statistics().getting === 2, "the second worker waits", GUARD_MS);
    first.kill();
    // Whether or not the server knows already: the item does not go to the dead.
    await tasks.put(5);
    assertEquals(await reports.get({ timeoutMs: GUARD_MS }), [2, 5]);
    second.kill();
    await Promise.all([first.join(), second.join()]);
  }
});

/** Numbers from 0 to 1 that are the same in every run. */
function* randomNumbers(seed: number): Generator<number, never> {
  for (let state = seed;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

leakTest(
  "Queue with returnUnfinished: 8 workers, 2,000 tasks, 3 kills, and nothing is lost",
  async () => {
    const [count, workers, kills] = [2_000, 8, 3];
    const random = randomNumbers(SEED);
    const { tasks, reports, server, start } = serve({ returnUnfinished: true });
    await using _server = server;
    await using stack = new AsyncDisposableStack();
    const children = await Promise.all(
      Array.from({ length: workers }, async (_, i) => stack.use(await start(work, i))),
    );
    const victims = children.slice(0, kills);
    const moments = new Map(
      victims.map((victim) => [Math.floor(random.next().value * count * 0.9), victim]),
    );
    const rejections = victims.map((victim) =>
      assertRejects(() => victim.result(), ProcessDiedError, "SIGKILL")
    );
    for (let task = 0; task < count; task++) tasks.putNowait(task);

    const done = new Map<number, number>();
    let reported = 0;
    const collecting = (async () => {
      for await (const [, task] of reports) {
        done.set(task, (done.get(task) ?? 0) + 1);
        moments.get(reported++)?.kill();
      }
    })();
    await tasks.join({ timeoutMs: GUARD_MS });
    tasks.shutdown();
    reports.shutdown();
    await collecting;

    const survivors = await Promise.all(children.slice(kills).map((child) => child.result()));
    await Promise.all(rejections);
    assertEquals(done.size, count);
    assertEquals(
      [...done.keys()].sort((a, b) => a - b),
      Array.from({ length: count }, (_, i) => i),
    );
    assertGreater(reported, count - 1);
    // At most the one task that a victim held is done twice.
    assert(reported <= count + kills, `${reported} reports`);
    const bySurvivors = survivors.reduce<number>((sum, n) => sum + (n as number), 0);
    assertGreater(bySurvivors, 0);
    assertEquals(tasks.statistics(), {
      size: 0,
      maxSize: 0,
      unfinished: 0,
      getting: 0,
      putting: 0,
      joining: 0,
    });
  },
);

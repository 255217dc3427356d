import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  BaseManager,
  EngineUnavailableError,
  TaskQueue,
  WorkerLostError,
} from "../../distributed/mod.ts";
import { Queue } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { Relay } from "./relay.ts";

const TARGETS = import.meta.resolve("./task_targets.ts");
const LEASE_MS = 300;

const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<number, string> });

/** A queue, a server that lends it, and clients of it. */
async function open(options: { leaseMs?: number } = {}): Promise<
  & AsyncDisposable
  & { queue: TaskQueue<number, string>; port: number; connect: Connect }
> {
  const stack = new AsyncDisposableStack();
  const queue = stack.use(new TaskQueue<number, string>(options));
  const Master = BaseManager.register("getTasks", { callable: () => queue });
  const server = stack.use(new Master({ authkey: "key" }).getServer());
  const connect: Connect = async (port) => {
    const manager = stack.use(
      new Client({ address: { hostname: "127.0.0.1", port }, authkey: "key" }),
    );
    await manager.connect();
    return stack.use(await TaskQueue.over(await manager.getTasks()));
  };
  const { port } = server.address;
  return await Promise.resolve({
    queue,
    port,
    connect,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  });
}

type Connect = (port: number) => Promise<TaskQueue<number, string>>;

leakTest(
  "TaskQueue: a worker whose network is silent loses its task within the lease",
  async () => {
    await using opened = await open({ leaseMs: LEASE_MS });
    const { queue, port, connect } = opened;
    await using relay = new Relay(port);
    const far = await connect(relay.address.port);
    const near = await connect(port);
    const task = await queue.put(1, { retries: 1 });
    const lease = await far.get();
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    lease.signal.addEventListener("abort", () => resolve());

    relay.fallSilent();
    const since = performance.now();
    const again = await near.get({ timeoutMs: 20_000 });
    const tookMs = performance.now() - since;
    assert(tookMs <= LEASE_MS + 2_000, `given back after ${tookMs} ms`);
    assertEquals(again.attempt, 2);
    // The other side of the silence learns of it as well.
    await stopped;
    assert(lease.signal.reason instanceof WorkerLostError);
    assertEquals(lease.isHeld, false);
    assertEquals(await again.complete("near"), true);
    assertEquals(await task.result(), "near");
    assertEquals(await lease.complete("far"), false);

    // What was held back arrives, and changes nothing; the worker goes on.
    relay.speak();
    const next = await queue.put(2);
    const late = await far.get({ timeoutMs: 20_000 });
    assertEquals(await late.complete("far"), true);
    assertEquals(await next.result(), "far");
    const { done, lost } = await queue.statistics();
    assertEquals([done, lost], [2, 1]);
  },
);

leakTest("TaskQueue: a lease outlives a silence that is shorter", async () => {
  await using opened = await open({ leaseMs: 20_000 });
  const { queue, port, connect } = opened;
  await using relay = new Relay(port);
  const far = await connect(relay.address.port);
  const task = await queue.put(1);
  const lease = await far.get();
  relay.fallSilent();
  const completing = lease.complete("kept");
  await assertRejects(() => task.result({ timeoutMs: 50 }), Error, "is running");
  relay.speak();
  assertEquals([await completing, await task.result()], [true, "kept"]);
});

leakTest("TaskQueue: a worker that is killed gives its tasks back at once", async () => {
  await using opened = await open({ leaseMs: 600_000 });
  const { queue, port, connect } = opened;
  await using held = new Queue<number>();
  await using worker = new Process({
    module: TARGETS,
    target: "holdTasks",
    args: [port, 3, held],
    permissions: "inherit",
  });
  const tasks = await Promise.all([1, 2, 3].map((n) => queue.put(n, { retries: 1 })));
  await worker.start();
  for (let n = 0; n < 3; n++) await held.get();
  assertEquals((await queue.statistics()).held, 3);
  worker.kill();
  const near = await connect(port);
  const since = performance.now();
  for (let n = 1; n <= 3; n++) {
    const lease = await near.get({ timeoutMs: 20_000 });
    assertEquals([lease.value, lease.attempt], [n, 2]);
    await lease.complete(`task ${n}`);
  }
  assert(performance.now() - since < 10_000);
  assertEquals(await Promise.all(tasks.map((task) => task.result())), [
    "task 1",
    "task 2",
    "task 3",
  ]);
});

leakTest("TaskQueue: a task that kills its workers fails with its last one", async () => {
  await using opened = await open();
  const { queue, port } = opened;
  const task = await queue.put(0, { retries: 2 });
  for (let n = 0; n < 3; n++) {
    await using worker = new Process({
      module: TARGETS,
      target: "dieOfTask",
      args: [port],
      permissions: "inherit",
    });
    await worker.start();
    await worker.join();
  }
  const error = await assertRejects(() => task.result(), WorkerLostError, "connection is closed");
  assertEquals([error.attempt, error.worker], [3, "victim"]);
  assertEquals((await queue.deadLetters.list()).map(({ attempts }) => attempts), [3]);
});

leakTest("TaskQueue: workers hear at once that the producer is gone", async () => {
  const opened = await open();
  const { queue, port, connect } = opened;
  const far = await connect(port);
  await queue.put(1);
  const lease = await far.get();
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  lease.signal.addEventListener("abort", () => resolve());
  const getting = assertRejects(() => far.get(), Error);
  await opened[Symbol.asyncDispose]();
  await stopped;
  await getting;
  assertEquals([lease.isHeld, await lease.complete("late")], [false, false]);
});

leakTest("TaskQueue: a producer that repeats a put whose answer was lost puts once", async () => {
  await using opened = await open();
  const { queue, port, connect } = opened;
  await using relay = new Relay(port);
  const far = await connect(relay.address.port);
  const lost = far.put(1, { id: "order" });
  lost.catch(() => {});
  await queue.get();
  await relay[Symbol.asyncDispose]();
  await lost.then((task) => assertRejects(() => task.result(), EngineUnavailableError), () => {});
  const near = await connect(port);
  const task = await near.put(1, { id: "order" });
  assertEquals([task.id, (await queue.statistics()).unfinished], ["order", 1]);
});

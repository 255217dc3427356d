import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CancelledError, InvalidStateError, Queue, spawn } from "../../coroutine/mod.ts";
import {
  BaseManager,
  embeddedEngine,
  EngineUnavailableError,
  TaskQueue,
  WorkerLostError,
} from "../../distributed/mod.ts";
import { TaskHeap } from "../../distributed/_task_heap.ts";
import { taskQueueContract } from "../contracts/task_queue_contract.ts";
import { createRandom } from "../coroutine/_random.ts";
import { FakeTime } from "../support/fake_time.ts";
import { Gate } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { assertPending, settle } from "../support/settle.ts";

const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<unknown, unknown> });

/** Serves a queue, and opens it as so many clients see it. */
async function serve(
  queue: TaskQueue<unknown, unknown>,
  clients: number,
  options: { prefetch?: number } = {},
): Promise<AsyncDisposable & { queues: TaskQueue<unknown, unknown>[]; managers: BaseManager[] }> {
  const stack = new AsyncDisposableStack();
  stack.use(queue);
  const Master = BaseManager.register("getTasks", { callable: () => queue });
  const server = stack.use(new Master({ authkey: "key" }).getServer());
  const queues: TaskQueue<unknown, unknown>[] = [];
  const managers: BaseManager[] = [];
  for (let n = 0; n < clients; n++) {
    const manager = stack.use(new Client({ address: server.address, authkey: "key" }));
    await manager.connect();
    queues.push(stack.use(await TaskQueue.over(await manager.getTasks(), options)));
    managers.push(manager);
  }
  return { queues, managers, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

taskQueueContract("embedded", (options) => {
  const queue = new TaskQueue<unknown, unknown>(options);
  return Promise.resolve({
    producer: queue,
    workers: [queue, queue],
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  });
});

taskQueueContract("embedded, seen through a manager", async (options) => {
  const served = await serve(new TaskQueue<unknown, unknown>(options), 3);
  const [producer, worker, other] = served.queues;
  return {
    producer: producer!,
    workers: [worker!, other!],
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  };
});

taskQueueContract("embedded, with its workers at a manager", async (options) => {
  const queue = new TaskQueue<unknown, unknown>(options);
  const served = await serve(queue, 2);
  const [worker, other] = served.queues;
  return {
    producer: queue,
    workers: [worker!, other!],
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  };
});

taskQueueContract("embedded, with workers that fetch ahead", async (options) => {
  const queue = new TaskQueue<unknown, unknown>(options);
  const served = await serve(queue, 2, { prefetch: 8 });
  const [worker, other] = served.queues;
  return {
    producer: queue,
    workers: [worker!, other!],
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  };
}, { fetchesAhead: true });

Deno.test("TaskQueue.work() gives results and failures, and finishes what it holds", async () => {
  for (const prefetch of [1, 8]) {
    const queue = new TaskQueue<unknown, unknown>();
    await using served = await serve(queue, 1, { prefetch });
    const leave = new AbortController();
    const { promise: permit, resolve } = Promise.withResolvers<void>();
    const working = served.queues[0]!.work(async (value, lease) => {
      if (value === "wait") await permit;
      if (value === "fail" && lease.attempt < 3) throw new RangeError(`no ${lease.attempt}`);
      return value === "function" ? () => 1 : [value, lease.attempt];
    }, { concurrency: 3, signal: leave.signal });
    const tasks = await Promise.all(
      ["a", "fail", "function", "wait"].map((value) => queue.put(value, { retries: 2 })),
    );
    assertEquals(await tasks[0]!.result(), ["a", 1]);
    assertEquals(await tasks[1]!.result(), ["fail", 3]);
    await assertRejects(() => tasks[2]!.result(), TypeError, "Cannot carry");
    leave.abort();
    const left = await queue.put("left");
    await assertPending(working);
    resolve();
    await working;
    assertEquals([await tasks[3]!.result(), left.state], [["wait", 1], "waiting"]);
  }
});

Deno.test("TaskQueue gives back what was fetched ahead while a task takes long", async () => {
  const queue = new TaskQueue<unknown, unknown>();
  await using served = await serve(queue, 2, { prefetch: 8 });
  for (let n = 0; n < 4; n++) await queue.put(n);
  const first = await served.queues[0]!.get();
  // The other one waits until the first one has given the rest back.
  const rest = [await served.queues[1]!.get()];
  while (rest.length < 3) rest.push(await served.queues[1]!.get());
  assertEquals(rest.map(({ value, attempt }) => [value, attempt]), [[1, 1], [2, 1], [3, 1]]);
  for (const lease of [first, ...rest]) assertEquals(await lease.complete(null), true);
  await queue.join();
});

// Leases and time

const task = { id: "a", ownId: false, value: 1, priority: 0, delayMs: 0, retries: 1 };

Deno.test("EmbeddedEngine gives a task back when its lease expires, and a late answer does not count", async () => {
  using time = new FakeTime();
  const engine = embeddedEngine({ leaseMs: 1_000 });
  const states: string[] = [];
  await engine.put(task, {
    started: (attempt) => states.push(`started ${attempt}`),
    waiting: () => states.push("waiting"),
    progress: (value) => void states.push(`progress ${value}`),
    ended: ({ state }) => states.push(state),
  }, {});
  const lease = await engine.get({});
  const reasons: unknown[] = [];
  lease.onStop = (reason) => reasons.push(reason);
  await time.tick(999);
  assertEquals(states, ["started 1"]);
  await time.tick(1);
  assertEquals(states, ["started 1", "waiting"]);
  assert(reasons[0] instanceof WorkerLostError);
  assertEquals([await lease.touch(), await lease.complete("late")], [false, false]);
  await lease.progress("late");
  const again = await engine.get({});
  assertEquals(again.attempt, 2);
  assertEquals([await lease.fail("late", { retry: false, delayMs: 0 })], [false]);
  assertEquals(await again.complete("in time"), true);
  assertEquals(states, ["started 1", "waiting", "started 2", "done"]);
  assertEquals(time.timers, 0);
});

Deno.test("EmbeddedEngine fails a task whose lease has expired too often", async () => {
  using time = new FakeTime();
  const engine = embeddedEngine({ leaseMs: 1_000 });
  const queue = new TaskQueue<number>({ engine });
  const put = await queue.put(1, { retries: 1 });
  for (const _ of [1, 2]) {
    await engine.get({});
    await time.tick(1_000);
  }
  const error = await assertRejects(() => put.result(), WorkerLostError, "for 1000 ms");
  assertEquals([error.attempt, put.attempt], [2, 2]);
  assertEquals((await queue.statistics()).lost, 2);
  assertEquals((await queue.deadLetters.list()).length, 1);
});

Deno.test("TaskLease is renewed while it is held", async () => {
  using time = new FakeTime();
  const queue = new TaskQueue<number>({ leaseMs: 900 });
  await queue.put(1);
  const lease = await queue.get();
  await time.tick(10_000);
  assertEquals([lease.isHeld, await lease.complete(2)], [true, true]);
  assertEquals(time.timers, 0);
});

Deno.test("TaskLease aborts when its lease could not be renewed", async () => {
  using time = new FakeTime();
  const engine = embeddedEngine({ leaseMs: 900 });
  const queue = new TaskQueue<number>({ engine });
  const put = await queue.put(1, { retries: 1 });
  const lease = await queue.get();
  // The loop is blocked for longer than the lease: others have the task by then.
  time.skip(5_000);
  time.fireDue();
  await settle();
  assertEquals(lease.isHeld, false);
  assert(lease.signal.aborted && lease.signal.reason instanceof WorkerLostError);
  assertEquals(await lease.complete("late"), false);
  const again = await queue.get();
  assertEquals([again.attempt, await again.complete("in time")], [2, true]);
  assertEquals(await put.result(), "in time");
});

Deno.test("TaskQueue hands out delayed tasks in the order of their time", async () => {
  using time = new FakeTime();
  const queue = new TaskQueue<string>();
  await queue.put("third", { delayMs: 300 });
  await queue.put("first", { delayMs: 100 });
  await queue.put("second", { delayMs: 200 });
  const order: string[] = [];
  const getting = (async () => {
    for await (const lease of queue) {
      order.push(lease.value);
      await lease.complete(null);
    }
  })();
  await time.tick(150);
  assertEquals(order, ["first"]);
  await time.tick(150);
  assertEquals(order, ["first", "second", "third"]);
  await queue.shutdown();
  await getting;
  assertEquals(time.timers, 0);
});

Deno.test("TaskQueue forgets an id some time after its task has ended", async () => {
  using time = new FakeTime();
  const queue = new TaskQueue<number, string>({ rememberMs: 1_000 });
  await queue.put(1, { id: "a" });
  await (await queue.get()).complete("first");
  await time.tick(999);
  assertEquals(await (await queue.put(2, { id: "a" })).result(), "first");
  await time.tick(1);
  await queue.put(3, { id: "a" });
  assertEquals((await queue.get()).value, 3);
});

Deno.test("TaskLease tells of a cancellation that came while the lease was on its way", async () => {
  const engine = embeddedEngine();
  const queue = new TaskQueue<unknown, unknown>({ engine });
  const served = await serve(queue, 1);
  for (const worker of [queue, served.queues[0]!]) {
    // From its first task on a client is told of what happens.
    await queue.put("first");
    await (await worker.get()).complete(null);
    const getting = worker.get();
    while ((await queue.statistics()).getting === 0) await settle();
    // In one turn: the worker has had no time to look at what it was given.
    void engine.put(task, undefined, {});
    void engine.cancel(task.id);
    const lease = await getting;
    const { signal } = lease;
    if (!signal.aborted) {
      const { promise: told, resolve } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => resolve());
      await guard(told, () => "the lease to tell");
    }
    assert(signal.reason instanceof CancelledError);
    await lease.release();
    await queue.join();
  }
  await served[Symbol.asyncDispose]();
});

Deno.test("TaskQueue keeps no more dead letters than it may", async () => {
  await using queue = new TaskQueue<number>({ maxDeadLetters: 2 });
  for (let n = 0; n < 4; n++) {
    await queue.put(n);
    await (await queue.get()).fail(new Error("no"));
  }
  assertEquals((await queue.deadLetters.list()).map(({ value }) => value), [2, 3]);
});

Deno.test("TaskQueue puts no dead letter again beside a task of the same name", async () => {
  await using queue = new TaskQueue<number>({ rememberMs: 0 });
  await queue.put(1, { id: "a" });
  await (await queue.get()).fail(new Error("no"));
  await queue.put(2, { id: "a" });
  await assertRejects(() => queue.deadLetters.requeue("a"), InvalidStateError, "is unfinished");
  await (await queue.get()).complete(null);
  assertEquals((await queue.deadLetters.requeue("a"))?.state, "waiting");
  assertEquals((await queue.get()).value, 1);
});

Deno.test("TaskQueue refuses options that make no sense", () => {
  assertThrows(() => new TaskQueue({ maxSize: -1 }), RangeError, '"maxSize"');
  assertThrows(() => new TaskQueue({ maxSize: "1" as unknown as number }), TypeError, '"maxSize"');
  assertThrows(() => new TaskQueue({ leaseMs: 0 }), RangeError, '"leaseMs"');
  assertThrows(() => new TaskQueue({ rememberMs: -1 }), RangeError);
});

Deno.test("TaskQueue is given up with all that it has", async () => {
  const queue = new TaskQueue<number>();
  const tasks = [await queue.put(1), await queue.put(2), await queue.put(3, { delayMs: 10_000 })];
  const lease = await queue.get();
  await queue[Symbol.asyncDispose]();
  await queue[Symbol.asyncDispose]();
  for (const put of tasks) await assertRejects(() => put.result(), CancelledError);
  assert(lease.signal.aborted);
  assertEquals(await lease.complete(1), false);
});

// Clients

Deno.test("TaskQueue: what a client held is given to others when it disconnects", async () => {
  const queue = new TaskQueue<unknown, unknown>();
  await using served = await serve(queue, 2);
  const put = await queue.put(1, { retries: 1 });
  const lease = await served.queues[0]!.get();
  await served.managers[0]!.close();
  const again = await served.queues[1]!.get();
  assertEquals(again.attempt, 2);
  assertEquals(lease.isHeld, false);
  assert(lease.signal.aborted && lease.signal.reason instanceof EngineUnavailableError);
  await again.complete("second");
  assertEquals(await put.result(), "second");
});

Deno.test("TaskQueue: a client that gives the queue back loses what it held, and calls fail", async () => {
  const queue = new TaskQueue<unknown, unknown>();
  await using served = await serve(queue, 1);
  const [client] = served.queues;
  await queue.put(1, { retries: 1 });
  await client!.get();
  const getting = assertRejects(() => client!.get(), Error, "was closed here");
  await client![Symbol.asyncDispose]();
  await getting;
  const lease = await queue.get();
  assertEquals(lease.attempt, 2);
  await lease.complete(null);
});

Deno.test("TaskQueue: a producer hears that the manager is gone", async () => {
  const queue = new TaskQueue<unknown, unknown>();
  const served = await serve(queue, 1);
  const [client] = served.queues;
  const put = await client!.put(1);
  const waiting = assertRejects(() => put.result(), EngineUnavailableError);
  await served[Symbol.asyncDispose]();
  await waiting;
  await assertRejects(() => client!.put(2), Error);
});

Deno.test("TaskQueue: what cannot be sent fails its task, and no other", async () => {
  const queue = new TaskQueue<unknown, unknown>();
  await using served = await serve(queue, 2);
  const [producer, worker] = served.queues;
  const bad = await queue.put(() => 1);
  const good = await queue.put(2);
  const lease = await worker!.get();
  assertEquals(lease.value, 2);
  await assertRejects(() => lease.complete(() => 3), TypeError, "Cannot carry");
  assertEquals([lease.isHeld, await lease.complete(3)], [true, true]);
  assertEquals(await good.result(), 3);
  await assertRejects(() => bad.result(), TypeError, "Cannot carry");
  await assertRejects(() => producer!.put(() => 1), TypeError, "Cannot carry");
  // A result that is given here, and is wanted there.
  const remote = await producer!.put(4);
  await (await queue.get()).complete(() => 5);
  await assertRejects(() => remote.result(), TypeError, "Cannot carry");
});

Deno.test("TaskQueue.over() refuses what is no task queue", async () => {
  const Master = BaseManager.register("getTasks", { callable: () => new Queue<number>() });
  await using server = new Master({ authkey: "key" }).getServer();
  await using manager = new Client({ address: server.address, authkey: "key" });
  await manager.connect();
  const proxy = await manager.getTasks();
  await assertRejects(() => TaskQueue.over(proxy), TypeError, "something else");
});

Deno.test("TaskQueue tells which workers are there", async () => {
  const queue = new TaskQueue<unknown, unknown>();
  await using served = await serve(queue, 2);
  await served.queues[0]!.introduce("miller", 3);
  await queue.put(1);
  const lease = await served.queues[0]!.get();
  const held = (await queue.statistics()).workers.find(({ name }) => name === "miller");
  assertEquals(held, { name: "miller", concurrency: 3, held: 1, done: 0, failed: 0, lost: 0 });
  await lease.complete(null);
  await served.managers[0]!.close();
  let names: string[];
  do {
    await settle();
    names = (await queue.statistics()).workers.map(({ name }) => name);
  } while (names.includes("miller"));
});

Deno.test("TaskQueue: a producer that waits for a result is not answered before the end", async () => {
  const queue = new TaskQueue<unknown, unknown>();
  await using served = await serve(queue, 1);
  const put = await served.queues[0]!.put(1, { retries: 1 });
  const lease = await queue.get();
  await lease.fail(new Error("again"));
  await assertPending(put.result());
  await (await queue.get()).complete(2);
  assertEquals(await put.result(), 2);
});

// The heap

Deno.test("TaskHeap gives its entries in order, whatever is taken out", () => {
  const random = createRandom(7);
  for (let round = 0; round < 50; round++) {
    const heap = new TaskHeap<{ at: number; key: number }>((a, b) => a.key < b.key);
    let twin: { at: number; key: number }[] = [];
    for (let step = 0; step < 200; step++) {
      const dice = random();
      if (dice < 0.5 || twin.length === 0) {
        const entry = { at: -1, key: Math.floor(random() * 1000) };
        heap.add(entry);
        twin.push(entry);
      } else if (dice < 0.7) {
        const entry = twin[Math.floor(random() * twin.length)]!;
        heap.remove(entry);
        heap.remove(entry);
        twin = twin.filter((other) => other !== entry);
      } else if (dice < 0.85) {
        const entry = twin[Math.floor(random() * twin.length)]!;
        entry.key = Math.floor(random() * 1000);
        heap.moved(entry);
      } else {
        const entry = heap.take()!;
        assertEquals(entry.key, Math.min(...twin.map(({ key }) => key)));
        twin = twin.filter((other) => other !== entry);
      }
      assertEquals(heap.size, twin.length);
    }
  }
});

Deno.test("TaskQueue.over() gives back at its end what it has fetched and nobody has begun", async () => {
  await using served = await serve(new TaskQueue(), 2, { prefetch: 2 });
  const [worker, other] = served.queues as [TaskQueue<unknown>, TaskQueue<unknown>];
  const tasks = await Promise.all(["a", "b"].map((value) => other.put(value)));
  const lease = await worker.get();
  await lease.complete(1);
  await worker[Symbol.asyncDispose]();
  const again = await guard(other.get(), () => "what was given back");
  assertEquals([again.value, again.attempt], ["b", 1]);
  await again.complete(2);
  assertEquals(await Promise.all(tasks.map((task) => task.result())), [1, 2]);
});

Deno.test("TaskQueue tells of a task that was not there when it was to be put again", async () => {
  await using served = await serve(new TaskQueue(), 1);
  const [queue] = served.queues as [TaskQueue<unknown>];
  assertEquals(await queue.deadLetters.requeue("x"), undefined);
  const task = await queue.put(1, { id: "x" });
  await (await queue.get()).complete(7);
  assertEquals(await guard(task.result(), () => "the result"), 7);
});

Deno.test("TaskQueue.introduce() says who this process is, of a queue that is kept in it", async () => {
  await using queue = new TaskQueue<number>();
  await queue.introduce("me", 2);
  await queue.put(1);
  const lease = await queue.get();
  const { workers } = await queue.statistics();
  assertEquals(workers.map(({ name, concurrency, held }) => [name, concurrency, held]), [
    ["me", 2, 1],
  ]);
  await lease.release();
});

Deno.test("TaskQueue.work() without a signal ends with the task that calls it", async () => {
  await using queue = new TaskQueue<number, number>();
  const gate = new Gate();
  const task = await queue.put(1);
  const working = spawn(() =>
    queue.work(async (n) => {
      await gate.wait();
      return n + 1;
    })
  );
  await settle();
  working.cancel();
  // What runs is finished.
  await assertPending(Promise.resolve(working), "the work");
  gate.open();
  await assertRejects(async () => await working, CancelledError);
  assertEquals(await task.result(), 2);
  const next = await queue.put(2);
  await settle();
  assertEquals(next.state, "waiting");
});

Deno.test("TaskQueue.work() refuses what is no function before it takes a task", async () => {
  await using queue = new TaskQueue<number>();
  const task = await queue.put(1);
  await assertRejects(() => queue.work(1 as never), TypeError, '"run" must be a function');
  assertEquals(task.state, "waiting");
});

import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { TimeoutError } from "../../coroutine/mod.ts";
import {
  BaseManager,
  embeddedEngine,
  EngineUnavailableError,
  type TaskEngine,
  type TaskLease,
  TaskQueue,
  WorkerLostError,
  WorkerPool,
} from "../../distributed/mod.ts";
import { leakTest } from "../support/leaks.ts";

/** Queues and pools whose engine fails, loses tasks, or whose workers talk nonsense. */

/** An engine that does some things in another way. */
function engineWith(more: Partial<TaskEngine>): TaskEngine {
  const inner = embeddedEngine();
  return {
    leaseMs: inner.leaseMs,
    put: (...args) => inner.put(...args),
    get: (...args) => inner.get(...args),
    cancel: (...args) => inner.cancel(...args),
    qsize: () => inner.qsize(),
    join: (...args) => inner.join(...args),
    statistics: () => inner.statistics(),
    deadLetters: () => inner.deadLetters(),
    requeue: (...args) => inner.requeue(...args),
    shutdown: (...args) => inner.shutdown(...args),
    introduce: (...args) => inner.introduce(...args),
    hold: () => inner.hold(),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    ...more,
  };
}

const failure = new EngineUnavailableError("the disk is full");
const failing = (): TaskEngine => engineWith({ get: () => Promise.reject(failure) });

leakTest(
  "TaskQueue.work() and a loop over the queue end with what the engine fails with",
  async () => {
    await using queue = new TaskQueue<number>({ engine: failing() });
    const error = await assertRejects(() => queue.work(() => {}, { concurrency: 3 }));
    assertStrictEquals(error, failure);
    const looping = async () => {
      for await (const { value } of queue) assertEquals(value, undefined);
    };
    assertStrictEquals(await assertRejects(looping), failure);
    // Whoever leaves is not told.
    await queue.work(() => {}, { signal: AbortSignal.abort() });
  },
);

leakTest("TaskQueue refuses options that make no sense, before anything starts", async () => {
  await using queue = new TaskQueue<number>();
  for (const leaseMs of [0, 1.5]) {
    await assertRejects(() => queue.work(() => {}, { leaseMs }), RangeError, '"leaseMs"');
  }
  for (const prefetch of [0, 1.5, 1e9]) {
    await assertRejects(
      () => TaskQueue.over({} as TaskQueue<number>, { prefetch }),
      RangeError,
      '"prefetch"',
    );
  }
});

leakTest("TaskQueue with an engine of its own cannot be lent", async () => {
  await using queue = new TaskQueue<number>({ engine: engineWith({}) });
  const Master = BaseManager.register("getTasks", { callable: () => queue });
  const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<number> });
  await using server = new Master({ authkey: "key" }).getServer();
  await using client = new Client({ address: server.address, authkey: "key" });
  await client.connect();
  await assertRejects(
    () => client.getTasks(),
    TypeError,
    "Cannot lend the task queue: its tasks are kept elsewhere",
  );
});

leakTest("TaskLease.touch() tells that others have the task, and aborts its signal", async () => {
  const inner = embeddedEngine();
  const engine = engineWith({
    put: (...args) => inner.put(...args),
    get: async (options) => {
      const lease = await inner.get(options);
      lease.touch = () => Promise.resolve(false);
      return lease;
    },
  });
  await using queue = new TaskQueue<string>({ engine });
  await queue.put("value", { id: "a" });
  const lease = await queue.get();
  assertEquals([lease.isHeld, await lease.touch(), lease.isHeld], [true, false, false]);
  const { reason } = lease.signal;
  assertInstanceOf(reason, WorkerLostError);
  assertEquals(
    reason.message,
    'Lost the lease of task "a": it had expired, or was given to others',
  );
  assertEquals([reason.worker, reason.attempt], ["this process", 1]);
  assertEquals([await lease.touch(), await lease.complete(undefined)], [false, false]);
  await inner[Symbol.asyncDispose]();
});

leakTest("TaskHandle.result() with no time answers what there is", async () => {
  await using queue = new TaskQueue<number, number>();
  const task = await queue.put(1, { id: "a" });
  await assertRejects(
    () => task.result({ timeoutMs: 0 }),
    TimeoutError,
    'Task "a" is waiting after 0 ms',
  );
  await (await queue.get()).complete(7);
  assertEquals(await task.result(), 7);
  assertEquals(await task.result({ timeoutMs: 0 }), 7);
});

leakTest("WorkerPool with an engine of its own has no address", async () => {
  await using pool = new WorkerPool({ engine: embeddedEngine(), taskTimeoutMs: 60_000 });
  assertThrows(() => pool.address, TypeError, "the pool does not listen, it uses an engine");
});

/** A pool without workers, and a way to be one. */
async function poolOf(): Promise<
  AsyncDisposable & { pool: WorkerPool; worker: TaskQueue<unknown, unknown> }
> {
  const engine = embeddedEngine();
  const pool = new WorkerPool({ engine });
  const worker = new TaskQueue<unknown, unknown>({ engine });
  await worker.introduce("by hand");
  return {
    pool,
    worker,
    async [Symbol.asyncDispose]() {
      await pool.terminate();
      await worker[Symbol.asyncDispose]();
    },
  };
}

const nonsense: [reports: unknown, error: string][] = [
  [[["weird", 0, null]], "it is of kind weird"],
  [[["value", 7, null]], "it is about item 7"],
  [[["values", "0", null]], "it is about item 0"],
  [[["values", 0, [1, '"text"']]], "it is not of values of the task"],
  [[["values", 0, 5]], ""],
  [5, ""],
];

for (const [reports, message] of nonsense) {
  leakTest(`WorkerPool fails a call whose worker reports ${JSON.stringify(reports)}`, async () => {
    await using made = await poolOf();
    const calling = assertRejects(() => made.pool.apply({ name: "f" }, [1]), Error);
    const lease: TaskLease<unknown, unknown> = await made.worker.get();
    await lease.complete(reports);
    const error = await calling;
    assertEquals(error.message.includes(message), true, error.message);
    // The pool goes on.
    const next = made.pool.apply({ name: "f" }, [1]);
    await (await made.worker.get()).fail(new RangeError("out of range"), { retry: false });
    await assertRejects(() => next, RangeError, "out of range");
  });
}

leakTest("WorkerPool fails calls that its engine does not take", async () => {
  const engine = engineWith({ put: () => Promise.reject(failure) });
  await using pool = new WorkerPool({ engine });
  assertStrictEquals(await assertRejects(() => pool.apply({ name: "f" }, [1])), failure);
  await pool.terminate();
});

Deno.test("WorkerLostError has a cause when it is given one, which may be undefined", () => {
  const facts = { worker: "a worker", attempt: 1 };
  const cause = new Error("the cause");
  assertStrictEquals(new WorkerLostError("lost", { ...facts, cause }).cause, cause);
  assertEquals("cause" in new WorkerLostError("lost", { ...facts, cause: undefined }), true);
  assertEquals("cause" in new WorkerLostError("lost", facts), false);
});

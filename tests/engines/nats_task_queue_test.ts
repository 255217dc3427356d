import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  CancelledError,
  InvalidStateError,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
} from "../../coroutine/mod.ts";
import { EngineUnavailableError, TaskQueue, WorkerLostError } from "../../distributed/mod.ts";
import { NatsSource } from "../../distributed/engines/_nats_owner.ts";
import { natsEngine } from "../../distributed/engines/nats_engine.ts";
import { ConnectionClosedError, ProtocolError } from "../../ipc/mod.ts";
import { taskQueueContract } from "../contracts/task_queue_contract.ts";
import { guard } from "../support/guard.ts";
import { natsTest } from "../support/nats_server.ts";
import { assertPending, settle } from "../support/settle.ts";
import { openServer, QUEUE } from "./_nats_queues.ts";
import { until } from "./until.ts";

const PRIORITIES = [0, 1, 2];
const LEASE_MS = 300;

/** A lease that is renewed in time though the machine is busy. */
const RENEWED_MS = 1_500;

// The rules of every queue

taskQueueContract("NATS", async (options) => {
  const opened = await openServer({ ...options, priorities: PRIORITIES });
  return {
    producer: opened.queue("producer"),
    workers: [opened.queue("worker"), opened.queue("other")],
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}, { define: natsTest });

taskQueueContract("NATS, one engine for all", async (options) => {
  const opened = await openServer({ ...options, priorities: PRIORITIES });
  const queue = opened.queue("all");
  return {
    producer: queue,
    workers: [queue, queue],
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}, { define: natsTest });

taskQueueContract("NATS, with workers that fetch ahead", async (options) => {
  const opened = await openServer({ ...options, priorities: PRIORITIES });
  return {
    producer: opened.queue("producer"),
    workers: [opened.queue("worker", { prefetch: 8 }), opened.queue("other", { prefetch: 8 })],
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}, { fetchesAhead: true, define: natsTest });

// Leases

const task = { id: "a", ownId: false, value: 1, priority: 0, delayMs: 0, retries: 1 };

natsTest(
  "NatsEngine hands a task out again when its lease is over, and a late answer does not count",
  async () => {
    await using opened = await openServer({ leaseMs: LEASE_MS });
    const [silent, other] = [opened.engine("silent"), opened.engine("other")];
    await silent.put(task, undefined, {});
    // Nobody renews it: that is what a queue does.
    const lease = await silent.get({});
    const { promise: stopped, resolve } = Promise.withResolvers<unknown>();
    lease.onStop = resolve;
    const again = await other.get({ timeoutMs: 20_000 });
    assertEquals([again.id, again.attempt], ["a", 2]);
    assert(await guard(stopped, () => "the lease to end") instanceof WorkerLostError);
    assertEquals([await lease.touch(), await lease.complete("late")], [false, false]);
    assertEquals(await lease.fail("late", { retry: true, delayMs: 0 }), false);
    assertEquals(await again.complete("in time"), true);
    const { done, lost, retried } = await other.statistics();
    assertEquals({ done, lost, retried }, { done: 1, lost: 1, retried: 1 });
  },
);

natsTest(
  "NatsEngine fails a task whose lease was lost too often, when the next one asks",
  async () => {
    await using opened = await openServer({ leaseMs: LEASE_MS });
    const queue = opened.queue("producer");
    const put = await queue.put(1);
    const silent = opened.engine("silent");
    await silent.get({});
    const getting = opened.queue("next").get({ timeoutMs: 20_000 });
    const error = await assertRejects(() => put.result(), WorkerLostError, "held task");
    assertEquals(error.attempt, 1);
    await queue.put(2);
    assertEquals((await getting).value, 2);
    assertEquals((await queue.deadLetters.list()).map(({ value }) => value), [1]);
  },
);

natsTest(
  "NatsEngine tells the producer that the last worker was lost, though nobody else asks",
  async () => {
    await using opened = await openServer({ leaseMs: LEASE_MS });
    const queue = opened.queue("producer");
    const put = await queue.put(1, { id: "own" });
    const silent = opened.engine("silent");
    await silent.introduce({ name: "miller", concurrency: 1 });
    await silent.get({});
    const error = await assertRejects(() => put.result(), WorkerLostError, 'Lost "miller"');
    assertEquals([error.attempt, error.worker], [1, "miller"]);
    await queue.join({ timeoutMs: 5_000 });
    assertEquals((await queue.deadLetters.list()).length, 1);
  },
);

natsTest("TaskLease on NATS is renewed for as long as its worker holds it", async () => {
  await using opened = await openServer({ leaseMs: RENEWED_MS });
  const [queue, worker, other] = [..."abc"].map((name) => opened.queue(name));
  const put = await queue!.put(1);
  const lease = await worker!.get();
  // Another one would get it.
  await assertRejects(() => other!.get({ timeoutMs: 2.5 * RENEWED_MS }), QueueEmptyError);
  assertEquals([lease.isHeld, await lease.complete(2), await put.result()], [true, true, 2]);
});

natsTest("TaskLease on NATS can be longer than those of the queue", async () => {
  await using opened = await openServer({ leaseMs: RENEWED_MS });
  const engine = opened.engine("worker");
  await engine.put(task, undefined, {});
  const lease = await engine.get({ leaseMs: 20 * RENEWED_MS });
  assertEquals(lease.leaseMs, 20 * RENEWED_MS);
  const other = opened.engine("other");
  await assertRejects(() => other.get({ timeoutMs: 2.5 * RENEWED_MS }), QueueEmptyError);
  assertEquals(await lease.complete(2), true);
  await engine.put({ ...task, id: "b" }, undefined, {});
  // A shorter one is not possible.
  assertEquals((await engine.get({ leaseMs: 1 })).leaseMs, RENEWED_MS);
});

natsTest("NatsEngine that is given up has others get what it holds at once", async () => {
  await using opened = await openServer({ leaseMs: 600_000 });
  const queue = opened.queue("producer");
  const put = await queue.put(1, { retries: 1 });
  const worker = opened.queue("worker");
  const lease = await worker.get();
  await worker[Symbol.asyncDispose]();
  assert(lease.signal.aborted && lease.signal.reason instanceof EngineUnavailableError);
  const again = await opened.queue("other").get({ timeoutMs: 20_000 });
  assertEquals([again.attempt, await again.complete("second")], [2, true]);
  assertEquals(await put.result(), "second");
});

natsTest("NatsEngine: what is released often costs no attempt", async () => {
  await using opened = await openServer();
  const queue = opened.queue("all");
  const put = await queue.put(1);
  for (let n = 0; n < 5; n++) {
    const lease = await queue.get();
    assertEquals([lease.attempt, await lease.release()], [1, true]);
  }
  await (await queue.get()).complete("well");
  assertEquals(await put.result(), "well");
});

// Outcomes

natsTest("NatsEngine: of several answers to a task the first one counts", async () => {
  await using opened = await openServer({ leaseMs: LEASE_MS });
  const queue = opened.queue("producer");
  const put = await queue.put(1, { retries: 3 });
  const [first, second] = [opened.engine("first"), opened.engine("second")];
  const lost = await first.get({});
  const held = await second.get({ timeoutMs: 20_000 });
  const counts = await Promise.all([lost.complete("first"), held.complete("second")]);
  assertEquals(counts, [false, true]);
  assertEquals(await put.result(), "second");
  assertEquals(await held.complete("again"), false);
});

natsTest(
  "NatsEngine: a producer that comes later with the id of a task learns how it has ended",
  async () => {
    await using opened = await openServer();
    const [first, worker] = [opened.queue("first"), opened.queue("worker")];
    const put = await first.put("a", { id: "order 7.*" });
    await (await worker.get()).complete({ n: 1 });
    assertEquals(await put.result(), { n: 1 });
    await first[Symbol.asyncDispose]();
    const late = await opened.queue("late").put("b", { id: "order 7.*" });
    assertEquals(await late.result(), { n: 1 });
    await assertRejects(() => worker.get({ timeoutMs: 0 }), QueueEmptyError);
  },
);

natsTest(
  "NatsEngine: a producer learns how a task of another one ends that it knows by its id",
  async () => {
    await using opened = await openServer();
    const [first, second, worker] = [..."abc"].map((name) => opened.queue(name));
    await first!.put("a", { id: "x", retries: 1 });
    const known = await second!.put("b", { id: "x" });
    await first![Symbol.asyncDispose]();
    await (await worker!.get()).fail(new Error("again"));
    await assertPending(known.result());
    await (await worker!.get()).fail(new RangeError("never"));
    await assertRejects(() => known.result(), RangeError, "never");
  },
);

natsTest("NatsEngine forgets an id some time after its task has ended", async () => {
  await using opened = await openServer({ keepResultsMs: 500 });
  const queue = opened.queue("all");
  await queue.put(1, { id: "a" });
  await (await queue.get()).complete("first");
  const answers: unknown[] = [];
  // The engine drops it in its own time.
  while (answers.at(-1) !== "second") {
    const again = await queue.put(2, { id: "a" });
    const lease = await queue.get({ timeoutMs: 50 }).catch(() => undefined);
    await lease?.complete("second");
    answers.push(await again.result());
  }
  assertEquals(answers[0], "first");
});

natsTest(
  "NatsEngine keeps no more dead letters than it may, and puts none beside its like",
  async () => {
    await using opened = await openServer({ maxDeadLetters: 2, keepResultsMs: 100 });
    const queue = opened.queue("all");
    for (let n = 0; n < 4; n++) {
      await queue.put(n, { id: `task ${n}` });
      await (await queue.get()).fail(new Error("no"));
    }
    const letters = await queue.deadLetters.list();
    assertEquals(letters.map(({ value, attempts }) => [value, attempts]), [[2, 1], [3, 1]]);
    assertEquals((letters[0]!.error as Error).message, "no");
    const again = await queue.deadLetters.requeue("task 3");
    assertEquals(await queue.deadLetters.requeue("task 3"), undefined);
    await (await queue.get()).complete("well");
    assertEquals(await again!.result(), "well");
  },
);

natsTest("NatsEngine keeps a dead letter that is as large as a task may be", async () => {
  await using opened = await openServer();
  const queue = opened.queue("all");
  // The rest is for headers.
  const text = "x".repeat(1_048_576 - 1_024 - 2);
  const kept: string[] = [];
  for (const message of ["a".repeat(2_000), "ü".repeat(2_000)]) {
    const put = await queue.put(text);
    assertEquals(await (await queue.get()).fail(new RangeError(message)), true);
    await assertRejects(() => put.result(), RangeError);
    const letter = (await queue.deadLetters.list()).at(-1)!;
    assertEquals(letter.value, text);
    kept.push(String(letter.error).slice(0, 24));
  }
  assertEquals(kept, ["Error: RangeError: aaaaa", "Error: It was too large"]);
});

natsTest("NatsEngine puts no dead letter again beside a task of the same name", async () => {
  await using opened = await openServer({ keepResultsMs: 100 });
  const queue = opened.queue("all");
  await queue.put(1, { id: "a" });
  await (await queue.get()).fail(new Error("no"));
  // Until its end is forgotten, a put of the same name is a put of this one.
  while (await queue.qsize() === 0) await queue.put(2, { id: "a" });
  await assertRejects(() => queue.deadLetters.requeue("a"), InvalidStateError, "is unfinished");
  await (await queue.get()).complete(null);
  assertEquals((await queue.deadLetters.requeue("a"))?.state, "waiting");
  assertEquals((await queue.get()).value, 1);
});

natsTest("NatsEngine refuses names of tasks that cannot come back as they were", async () => {
  await using opened = await openServer();
  const queue = opened.queue("all");
  await assertRejects(() => queue.put(1, { id: "\ud800" }), TypeError, "half of a character");
  await assertRejects(
    () => queue.put(1, { id: "ü".repeat(500) }),
    RangeError,
    "bytes on the engine",
  );
  assertEquals(await queue.qsize(), 0);
});

natsTest("NatsEngine lists a dead letter that nobody can read beside the others", async () => {
  await using opened = await openServer();
  const queue = opened.queue("all");
  await queue.put(1, { id: "other" });
  await (await queue.get()).fail(new RangeError("no"));
  const source = new NatsSource({ servers: opened.server.url });
  const { js } = await source.open("put");
  await js.publish(`mh.${QUEUE}.t.0.broken`, '{"a":');
  await source.close();
  await assertRejects(() => queue.get({ timeoutMs: 500 }), QueueEmptyError);
  const letters = await queue.deadLetters.list();
  assertEquals(letters.map(({ id, value }) => [id, value]), [["other", 1], ["broken", undefined]]);
  assert(letters[1]!.error instanceof ProtocolError);
});

natsTest("NatsEngine puts no dead letter again into a full queue, and keeps it", async () => {
  await using opened = await openServer({ maxSize: 1 });
  const queue = opened.queue("all");
  await queue.put(1, { id: "a" });
  await (await queue.get()).fail(new Error("no"));
  await queue.put(2);
  await assertRejects(() => queue.deadLetters.requeue("a"), QueueFullError);
  await (await queue.get()).complete(null);
  const again = await queue.deadLetters.requeue("a");
  await (await queue.get()).complete("well");
  assertEquals(await again!.result(), "well");
});

natsTest("NatsEngine keeps the trace of a task, and what its error has", async () => {
  await using opened = await openServer();
  const engine = opened.engine("one");
  const trace = {
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate: "a=1",
  };
  await engine.put({ ...task, retries: 0, trace }, undefined, {});
  const lease = await engine.get({});
  assertEquals(lease.trace, trace);
  await lease.fail(Object.assign(new RangeError("no"), { amount: 10n }), {
    retry: false,
    delayMs: 0,
  });
  const [letter] = await engine.deadLetters();
  assert(letter!.error instanceof RangeError);
  assertEquals((letter!.error as RangeError & { amount: bigint }).amount, 10n);
  assertEquals(await engine.requeue("a", undefined), true);
  assertEquals((await engine.get({})).trace, trace);
});

// Limits

natsTest(
  "NatsEngine refuses a put into a full queue, and not one whose answer was lost",
  async () => {
    await using opened = await openServer({ maxSize: 3 });
    const producers = ["a", "b", "c"].map((name) => opened.queue(name));
    const puts = await Promise.allSettled(
      Array.from({ length: 12 }, (_, n) => producers[n % 3]!.put(n, { timeoutMs: 0 })),
    );
    const full = puts.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
    assertEquals(full.length, 9);
    assert(full.every(({ reason }) => reason instanceof QueueFullError));
    const { unfinished, maxSize, put } = await producers[0]!.statistics();
    assertEquals({ unfinished, maxSize, put }, { unfinished: 3, maxSize: 3, put: 3 });
  },
);

natsTest(
  "NatsEngine refuses what is larger than the engine takes, and says how large that is",
  async () => {
    await using opened = await openServer();
    const queue = opened.queue("all");
    const large = "x".repeat(1_100_000);
    await assertRejects(() => queue.put(large), RangeError, '"max_payload"');
    const put = await queue.put(1);
    const lease = await queue.get();
    await assertRejects(() => lease.complete(large), RangeError, "at most");
    assertEquals([lease.isHeld, await lease.fail(new Error(large))], [true, true]);
    await assertRejects(() => put.result(), Error, "xxx");
  },
);

natsTest("NatsEngine refuses priorities that the queue was not created with", async () => {
  await using opened = await openServer({ priorities: [1, -1] });
  const queue = opened.queue("all");
  await assertRejects(() => queue.put(1), RangeError, "was created with 1, -1");
  await queue.put(1, { priority: -1 });
  assertEquals(await queue.qsize(), 1);
});

natsTest(
  "NatsEngine opens a queue as it was created, and refuses to take it for another one",
  async () => {
    await using opened = await openServer({ maxSize: 5 });
    const engine = opened.engine("other", { maxSize: 6 });
    await assertRejects(() => engine.qsize(), InvalidStateError, '"maxSize" 5, not 6');
    const none = opened.engine("none", { queue: "none", create: false });
    await assertRejects(() => none.qsize(), InvalidStateError, "there is none");
  },
);

Deno.test("NatsEngine refuses options that make no sense, before it connects", () => {
  const servers = { servers: "127.0.0.1:9" };
  assertThrows(() => natsEngine(servers, { queue: "a b" }), TypeError, '"queue"');
  assertThrows(() => natsEngine(servers, { maxSize: -1 }), RangeError, '"maxSize"');
  assertThrows(() => natsEngine(servers, { leaseMs: 0 }), RangeError, '"leaseMs"');
  assertThrows(() => natsEngine(servers, { replicas: 6 }), RangeError, '"replicas"');
  assertThrows(() => natsEngine(servers, { priorities: [] }), RangeError, '"priorities"');
  assertThrows(() => natsEngine(servers, { priorities: [NaN] }), TypeError, '"priorities"');
  assertThrows(() => natsEngine(servers, { prefetch: 0 }), RangeError, '"prefetch"');
});

natsTest(
  "NatsEngine tells an engine that is not there from an empty and from a full queue",
  async () => {
    await using opened = await openServer({ maxSize: 1 });
    const queue = opened.queue("all", { patienceMs: 200 });
    await queue.put(1);
    await assertRejects(() => queue.put(2, { timeoutMs: 0 }), QueueFullError);
    await opened.server.kill();
    await assertRejects(() => queue.put(2), EngineUnavailableError);
    await assertRejects(() => queue.put(2, { timeoutMs: 10 }), EngineUnavailableError);
    await assertRejects(() => queue.get({ timeoutMs: 10 }), EngineUnavailableError);
    await assertRejects(() => queue.get(), EngineUnavailableError);
    await assertRejects(() => queue.statistics(), EngineUnavailableError);
    await assertRejects(() => queue.qsize(), EngineUnavailableError);
    await assertRejects(() => queue.deadLetters.list(), EngineUnavailableError);
  },
);

// The end

natsTest(
  "NatsEngine.reopen() takes a shutdown back, which outlives those who use the queue",
  async () => {
    await using opened = await openServer();
    const first = opened.queue("first");
    const other = opened.engine("other");
    await other.qsize();
    await first.shutdown();
    await first[Symbol.asyncDispose]();
    const later = opened.engine("later");
    await assertRejects(() => later.put(task, undefined, {}), QueueShutDownError);
    await later.reopen();
    await later.put(task, undefined, {});
    assertEquals((await other.get({})).id, "a");
  },
);

natsTest("NatsEngine is created by several programs at a time, and by one of them", async () => {
  await using opened = await openServer();
  for (let round = 0; round < 20; round++) {
    const settings = { queue: `made-${round}` };
    const [a, b, c] = ["a", "b", "c"].map((name) => opened.engine(`${name}${round}`, settings));
    await Promise.all([a!.qsize(), b!.qsize(), c!.qsize()]);
    await a!.put({ ...task, id: `task ${round}` }, undefined, {});
    assertEquals(await b!.qsize(), 1);
    await Promise.all([a, b, c].map((engine) => engine![Symbol.asyncDispose]()));
  }
});

natsTest("NatsEngine.destroy() ends everybody who uses the queue", async () => {
  await using opened = await openServer();
  const producer = opened.queue("producer");
  const put = await producer.put(1, { delayMs: 600_000 });
  const failing = assertRejects(() => put.result(), EngineUnavailableError, "deleted");
  const getting = assertRejects(() => opened.queue("worker").get(), QueueShutDownError, "deleted");
  const engine = opened.engine("one");
  while ((await engine.statistics()).getting === 0);
  await engine.destroy();
  await Promise.all([getting, failing]);
  await assertRejects(() => producer.put(3), QueueShutDownError);
});

natsTest("NatsEngine.shutdown() at once also ends what a worker dies of that has it", async () => {
  await using opened = await openServer({ leaseMs: LEASE_MS });
  const queue = opened.queue("producer");
  const put = await queue.put(1, { retries: 5 });
  const worker = opened.engine("worker");
  const lease = await worker.get({});
  const { promise: stopped, resolve } = Promise.withResolvers<unknown>();
  lease.onStop = resolve;
  await queue.shutdown({ immediate: true });
  assert(await stopped instanceof CancelledError);
  // It never answers: whoever asks next ends it.
  await assertRejects(() => opened.queue("next").get(), QueueShutDownError);
  await assertRejects(() => put.result(), CancelledError);
});

natsTest("TaskQueue.work() on NATS finishes what it holds, and ends with the queue", async () => {
  await using opened = await openServer();
  const queue = new TaskQueue<number, number>({ engine: opened.engine("producer") });
  const worker = new TaskQueue<number, number>({ engine: opened.engine("worker") });
  const working = worker.work((n) => n * n, { concurrency: 8 });
  const tasks = await Promise.all(Array.from({ length: 100 }, (_, n) => queue.put(n)));
  const results = await Promise.all(tasks.map((each) => each.result()));
  assertEquals(results, Array.from({ length: 100 }, (_, n) => n * n));
  await queue.shutdown();
  await working;
});

natsTest(
  "NatsEngine that was given up here refuses every call, and says how long leases were",
  async () => {
    await using opened = await openServer({ leaseMs: 4_321 });
    const engine = natsEngine({ servers: opened.server.url }, { queue: QUEUE });
    assertEquals(engine.leaseMs, 10_000);
    assertEquals(natsEngine({ servers: "a" }, { leaseMs: 5 }).leaseMs, 5);
    await engine.qsize();
    assertEquals(engine.leaseMs, 4_321);
    await engine[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
    for (const call of [() => engine.qsize(), () => engine.get({}), () => engine.cancel("a")]) {
      await assertRejects(call, ConnectionClosedError, "it was closed here");
    }
  },
);

natsTest(
  "NatsEngine.destroy() of a queue that is gone does nothing, and cancel() knows no task",
  async () => {
    await using opened = await openServer();
    const [one, other] = [opened.engine("one"), opened.engine("other")];
    assertEquals([await other.cancel("unknown"), await one.requeue("unknown", undefined)], [
      false,
      false,
    ]);
    await one.destroy();
    await other.destroy();
    await assertRejects(() => other.put(task, undefined, {}), QueueShutDownError);
  },
);

natsTest("NatsEngine ends a cancelled task whose worker has died of it", async () => {
  await using opened = await openServer({ leaseMs: LEASE_MS });
  const [silent, producer] = [opened.engine("silent"), opened.engine("producer")];
  const ended = Promise.withResolvers<unknown>();
  const watcher = {
    ...{ started() {}, waiting() {}, progress() {} },
    ended: (outcome: unknown) => ended.resolve(outcome),
  };
  await producer.put({ ...task, ownId: true }, watcher, {});
  const lease = await silent.get({});
  const stopped = Promise.withResolvers<unknown>();
  lease.onStop = stopped.resolve;
  assertEquals(lease.onStop, stopped.resolve);
  assertEquals(await producer.cancel("a", "not wanted"), true);
  assert(await guard(stopped.promise, () => "the worker to be told") instanceof CancelledError);
  // It never answers: whoever asks next is handed the task, and ends it.
  await assertRejects(() => producer.get({ timeoutMs: 4 * LEASE_MS }), QueueEmptyError);
  const outcome = await guard(ended.promise, () => "the task to end") as { state: string };
  assertEquals(outcome.state, "cancelled");
  assertEquals((await producer.statistics()).cancelled, 1);
});

natsTest("NatsEngine: of several that put a task of one name at a time, one puts it", async () => {
  await using opened = await openServer();
  const engines = Array.from({ length: 6 }, (_, n) => opened.engine(`producer ${n}`));
  await Promise.all(engines.map((engine) => engine.qsize()));
  for (let round = 1; round <= 5; round++) {
    const own = { ...task, id: `round ${round}`, ownId: true };
    const answers = await Promise.all(engines.map((engine) => engine.put(own, undefined, {})));
    assertEquals(answers.sort(), ["known", "known", "known", "known", "known", "put"]);
    assertEquals(await engines[0]!.qsize(), round);
  }
});

natsTest("NatsEngine takes a task back whose put was aborted before it was answered", async () => {
  await using opened = await openServer();
  const engine = opened.engine("producer");
  await engine.qsize();
  for (const delayMs of [0, 600_000]) {
    let before: number;
    for (let isAborted = false; !isAborted;) {
      before = (await engine.statistics()).put;
      await opened.server.kill("SIGSTOP");
      const controller = new AbortController();
      const id = crypto.randomUUID();
      const { signal } = controller;
      const putting = engine.put({ ...task, id, delayMs }, undefined, { signal });
      // It is on its way.
      await settle();
      controller.abort(new Error("not wanted"));
      const outcome = await putting.catch((error) => error.message);
      await opened.server.kill("SIGCONT");
      isAborted = outcome === "not wanted";
      // The system has not stopped the server in time.
      if (!isAborted) assertEquals([outcome, await engine.cancel(id)], ["put", true]);
    }
    await until(async () => {
      const { put, unfinished } = await engine.statistics();
      return put === before + 1 && unfinished === 0;
    }, "the task to be taken back");
  }
});

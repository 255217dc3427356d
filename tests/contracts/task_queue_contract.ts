import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  CancelledError,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  TimeoutError,
} from "../../coroutine/mod.ts";
import type { TaskQueue } from "../../distributed/mod.ts";
import { guard } from "../support/guard.ts";
import { assertPending } from "../support/settle.ts";

type Queue = TaskQueue<unknown, unknown>;

/** One queue, as its producer and two workers see it. */
export interface OpenedTaskQueue extends AsyncDisposable {
  readonly producer: Queue;
  readonly workers: readonly [Queue, Queue];
}

/** Opens a queue that is empty. */
export type OpenTaskQueue = (options: { maxSize?: number }) => Promise<OpenedTaskQueue>;

/** What a kind of queue does not promise. */
export interface TaskQueueTraits {
  /** Whether workers fetch more than they ask for, so that it is not with the queue. */
  readonly fetchesAhead?: boolean;
  /** Defines a test, when it needs something that is not everywhere. */
  readonly define?: (name: string, run: () => Promise<void>) => void;
}

/** The rules that hold whatever engine keeps the tasks. */
export function taskQueueContract(
  name: string,
  open: OpenTaskQueue,
  { fetchesAhead = false, define = Deno.test }: TaskQueueTraits = {},
): void {
  const test = (
    title: string,
    run: (producer: Queue, worker: Queue, other: Queue) => Promise<void>,
    options: { maxSize?: number } = {},
  ): void =>
    define(`TaskQueue (${name}) ${title}`, async () => {
      await using opened = await open(options);
      const { producer, workers } = opened;
      await guard(run(producer, ...workers), () => `"${title}" to end`);
    });

  // Results

  test("gives the worker's result to the producer", async (producer, worker) => {
    const task = await producer.put({ n: 20 });
    const lease = await worker.get();
    assertEquals([lease.id, lease.value, lease.attempt], [task.id, { n: 20 }, 1]);
    assertEquals(await lease.complete(new Map([["a", 1]])), true);
    assertEquals(await task.result(), new Map([["a", 1]]));
    assertEquals(await task.result({ timeoutMs: 0 }), new Map([["a", 1]]));
    assertEquals([task.state, lease.isHeld], ["done", false]);
  });

  test("gives each task to one worker", async (producer, worker, other) => {
    const tasks = await Promise.all([1, 2, 3, 4].map((n) => producer.put(n)));
    const leases = await Promise.all([worker.get(), other.get(), worker.get(), other.get()]);
    assertEquals(leases.map(({ value }) => Number(value)).sort(), [1, 2, 3, 4]);
    for (const lease of leases) await lease.complete(Number(lease.value) * 2);
    assertEquals(await Promise.all(tasks.map((task) => task.result())), [2, 4, 6, 8]);
  });

  test("keeps the class of an error", async (producer, worker) => {
    const task = await producer.put(1);
    await (await worker.get()).fail(new RangeError("too large"));
    await assertRejects(() => task.result(), RangeError, "too large");
    assertEquals(task.state, "failed");
  });

  test("TaskHandle.result() waits for a limited time", async (producer, worker) => {
    const task = await producer.put(1);
    await assertRejects(() => task.result({ timeoutMs: 5 }), TimeoutError, "is waiting");
    const controller = new AbortController();
    const waiting = assertRejects(
      () => task.result({ signal: controller.signal }),
      Error,
      "enough",
    );
    controller.abort(new Error("enough"));
    await waiting;
    await (await worker.get()).complete(2);
    assertEquals(await task.result(), 2);
  });

  // Order

  test("hands out tasks in the order of the puts", async (producer, worker) => {
    for (let n = 0; n < 20; n++) await producer.put(n);
    for (let n = 0; n < 20; n++) {
      const lease = await worker.get();
      assertEquals(lease.value, n);
      await lease.complete(null);
    }
  });

  test("hands out higher priorities first, and equals in their order", async (producer, worker) => {
    for (const [n, priority] of [0, 2, 1, 2, 0].entries()) await producer.put(n, { priority });
    const order: unknown[] = [];
    for (let n = 0; n < 5; n++) {
      const lease = await worker.get();
      order.push(lease.value);
      await lease.complete(null);
    }
    assertEquals(order, [1, 3, 2, 0, 4]);
  });

  test("hands out a task after its delay", async (producer, worker) => {
    const putAt = performance.now();
    await producer.put("late", { delayMs: 60 });
    await assertRejects(() => worker.get({ timeoutMs: 0 }), QueueEmptyError);
    assertEquals(await producer.qsize(), 0);
    const lease = await worker.get();
    assert(performance.now() - putAt >= 55);
    assertEquals(lease.value, "late");
    await lease.complete(null);
  });

  // Waiting

  test("get() waits for a task", async (producer, worker) => {
    const getting = worker.get();
    await assertPending(getting);
    await producer.put(1);
    const lease = await getting;
    assertEquals(lease.value, 1);
    await lease.complete(null);
  });

  test("get() fails with QueueEmptyError when its time is over", async (_producer, worker) => {
    await assertRejects(() => worker.get({ timeoutMs: 0 }), QueueEmptyError);
    await assertRejects(() => worker.get({ timeoutMs: 10 }), QueueEmptyError);
  });

  test("get() that is aborted takes nothing", async (producer, worker) => {
    const reason = new Error("enough");
    const aborted = AbortSignal.abort(reason);
    await producer.put(1);
    await assertRejects(() => worker.get({ signal: aborted }), Error, "enough");
    assertEquals(await producer.qsize(), 1);
    await (await worker.get()).complete(null);
    const controller = new AbortController();
    const getting = assertRejects(() => worker.get({ signal: controller.signal }), Error, "enough");
    controller.abort(reason);
    await getting;
    await producer.put(2);
    const lease = await worker.get({ timeoutMs: 5_000 });
    assertEquals([lease.value, lease.attempt], [2, 1]);
    await lease.complete(null);
  });

  test("put() waits while the queue is full of unfinished tasks", async (producer, worker) => {
    await producer.put(1);
    await producer.put(2);
    await assertRejects(() => producer.put(3, { timeoutMs: 0 }), QueueFullError);
    await assertRejects(() => producer.put(3, { timeoutMs: 5 }), QueueFullError);
    const putting = producer.put(4);
    const lease = await worker.get();
    await assertPending(putting);
    await lease.complete(null);
    await putting;
    const rest = [await worker.get(), await worker.get()];
    assertEquals(rest.map(({ value }) => value), [2, 4]);
    for (const lease of rest) await lease.complete(null);
  }, { maxSize: 2 });

  test("put() that is aborted puts nothing", async (producer, worker) => {
    await producer.put(1);
    const controller = new AbortController();
    const { signal } = controller;
    const putting = assertRejects(() => producer.put(2, { signal }), Error, "enough");
    controller.abort(new Error("enough"));
    await putting;
    await (await worker.get()).complete(null);
    await assertRejects(() => worker.get({ timeoutMs: 5 }), QueueEmptyError);
  }, { maxSize: 1 });

  // Trying again

  test("hands out a failed task as often as its retries say", async (producer, worker, other) => {
    const task = await producer.put("x", { retries: 2 });
    for (const attempt of [1, 2, 3]) {
      const lease = await (attempt === 2 ? other : worker).get();
      assertEquals([lease.id, lease.attempt], [task.id, attempt]);
      assertEquals(await lease.fail(new Error(`no ${attempt}`)), true);
    }
    await assertRejects(() => task.result(), Error, "no 3");
    await assertRejects(() => worker.get({ timeoutMs: 5 }), QueueEmptyError);
    const { failed, retried } = await producer.statistics();
    assertEquals([failed, retried], [1, 2]);
  });

  test(
    "TaskLease.fail() can wait before the next try, or ask for none",
    async (producer, worker) => {
      const task = await producer.put("x", { retries: 5 });
      await (await worker.get()).fail(new Error("later"), { delayMs: 30 });
      await assertRejects(() => worker.get({ timeoutMs: 0 }), QueueEmptyError);
      const lease = await worker.get();
      assertEquals(lease.attempt, 2);
      await lease.fail(new Error("never"), { retry: false });
      await assertRejects(() => task.result(), Error, "never");
    },
  );

  test("keeps what has failed for good, and puts it again when asked", async (producer, worker) => {
    const task = await producer.put({ n: 1 });
    await (await worker.get()).fail(new TypeError("bad"));
    await assertRejects(() => task.result(), TypeError);
    const letters = await producer.deadLetters.list();
    assertEquals(letters.map(({ id, value, attempts }) => ({ id, value, attempts })), [
      { id: task.id, value: { n: 1 }, attempts: 1 },
    ]);
    assert(letters[0]!.error instanceof TypeError);
    assert(letters[0]!.failedAt instanceof Date);
    assertEquals(await producer.deadLetters.requeue("unknown"), undefined);
    const again = await producer.deadLetters.requeue(task.id);
    await (await worker.get()).complete("well");
    assertEquals(await again!.result(), "well");
    assertEquals(await producer.deadLetters.list(), []);
  });

  test(
    "TaskLease.release() gives the task back at no cost, to its old place",
    async (producer, worker, other) => {
      for (const n of [1, 2]) await producer.put(n);
      const lease = await worker.get();
      assertEquals([await lease.release(), lease.isHeld], [true, false]);
      const again = await other.get();
      assertEquals([again.value, again.attempt], [1, 1]);
      await again.complete(null);
      await (await worker.get()).complete(null);
    },
  );

  test(
    "TaskLease gives the task back as failed when its block is left",
    async (producer, worker) => {
      const task = await producer.put(1, { retries: 1 });
      {
        await using lease = await worker.get();
        assertEquals(lease.attempt, 1);
      }
      await using lease = await worker.get();
      assertEquals(lease.attempt, 2);
      await lease.complete("second");
      assertEquals(await task.result(), "second");
    },
  );

  test("TaskLease refuses to be ended twice", async (producer, worker) => {
    await producer.put(1);
    const lease = await worker.get();
    await lease.complete(1);
    await assertRejects(() => lease.complete(2), Error, "this lease was ended before");
    await assertRejects(() => lease.fail("x"), Error, "this lease was ended before");
    assertEquals(await lease.touch(), false);
  });

  test("TaskLease.complete() with what cannot be ended goes on", async (producer, worker) => {
    const task = await producer.put(1);
    const lease = await worker.get();
    assertEquals([await lease.touch(), lease.isHeld], [true, true]);
    await lease.complete(3);
    assertEquals(await task.result(), 3);
  });

  // Cancelling

  test("cancels a task that waits", async (producer, worker) => {
    const task = await producer.put(1);
    const kept = await producer.put(2);
    assertEquals(await task.cancel("not needed"), true);
    const error = await assertRejects(() => task.result(), CancelledError);
    assertEquals([error.cause, task.state], ["not needed", "cancelled"]);
    assertEquals(await task.cancel(), false);
    const lease = await worker.get();
    assertEquals(lease.id, kept.id);
    await lease.complete(null);
    await producer.join();
    assertEquals((await producer.statistics()).cancelled, 1);
  });

  test("cancels a task that is delayed", async (producer, worker) => {
    const task = await producer.put(1, { delayMs: 10_000 });
    assertEquals(await task.cancel(), true);
    await assertRejects(() => task.result(), CancelledError);
    await assertRejects(() => worker.get({ timeoutMs: 5 }), QueueEmptyError);
    await producer.join({ timeoutMs: 0 });
  });

  test("cancels a task that runs: its worker is told, and ends it", async (producer, worker) => {
    const task = await producer.put(1, { retries: 5 });
    const lease = await worker.get();
    const { promise: told, resolve } = Promise.withResolvers<void>();
    lease.signal.addEventListener("abort", () => resolve());
    assertEquals(await task.cancel("stop"), true);
    await told;
    assert(lease.signal.reason instanceof CancelledError);
    assert(lease.isHeld);
    await assertPending(task.result());
    assertEquals(await lease.fail(lease.signal.reason), true);
    await assertRejects(() => task.result(), CancelledError);
    await assertRejects(() => worker.get({ timeoutMs: 5 }), QueueEmptyError);
  });

  test(
    "counts the result of a cancelled task that its worker gives all the same",
    async (producer, worker) => {
      const task = await producer.put(1);
      const lease = await worker.get();
      await task.cancel();
      assertEquals(await lease.complete("done already"), true);
      assertEquals(await task.result(), "done already");
      assertEquals(await task.cancel(), false);
    },
  );

  // Progress

  test(
    "passes on what the worker reports, in order, and before the result",
    async (producer, worker) => {
      const seen: unknown[] = [];
      const task = await producer.put(1, { onProgress: (value) => void seen.push(value) });
      const lease = await worker.get();
      for (const value of [1, "two", { three: 3 }]) await lease.progress(value);
      await lease.complete("end");
      assertEquals(await task.result(), "end");
      assertEquals(seen, [1, "two", { three: 3 }]);
    },
  );

  // Names

  test("put() of a known id changes nothing", async (producer, worker, other) => {
    const first = await producer.put("a", { id: "order 7" });
    const second = await other.put("b", { id: "order 7" });
    assertEquals([first.id, second.id, await producer.qsize()], ["order 7", "order 7", 1]);
    const lease = await worker.get();
    assertEquals(lease.value, "a");
    await lease.complete("once");
    assertEquals([await first.result(), await second.result()], ["once", "once"]);
    const late = await other.put("c", { id: "order 7" });
    assertEquals(await late.result(), "once");
    await assertRejects(() => worker.get({ timeoutMs: 5 }), QueueEmptyError);
    assertEquals((await producer.statistics()).done, 1);
  });

  // The whole

  test("join() waits until every task has ended", async (producer, worker) => {
    await producer.join();
    await producer.put(1, { retries: 1 });
    const joining = producer.join();
    await assertRejects(() => producer.join({ timeoutMs: 5 }), TimeoutError);
    await (await worker.get()).fail(new Error("again"));
    await assertPending(joining);
    await (await worker.get()).complete(null);
    await joining;
  });

  test("statistics() tells what is where", async (producer, worker) => {
    await worker.introduce("miller", 3);
    for (let n = 0; n < 3; n++) await producer.put(n);
    const later = await producer.put(3, { delayMs: 60_000 });
    const lease = await worker.get();
    const { size, delayed, held, unfinished, done } = await producer.statistics();
    assertEquals({ size, delayed, held, unfinished, done }, {
      size: fetchesAhead ? 0 : 2,
      delayed: 1,
      held: fetchesAhead ? 3 : 1,
      unfinished: 4,
      done: 0,
    });
    await lease.complete(null);
    await later.cancel();
    assertEquals((await producer.statistics()).done, 1);
  });

  test(
    "shutdown() refuses more, and ends get() when everything has ended",
    async (producer, worker, other) => {
      const task = await producer.put(1, { retries: 1 });
      const lease = await worker.get();
      await producer.shutdown();
      await assertRejects(() => producer.put(2), QueueShutDownError);
      // The task may still come back.
      const getting = other.get();
      await assertPending(getting);
      await lease.fail(new Error("again"));
      await (await getting).complete("second");
      assertEquals(await task.result(), "second");
      await assertRejects(() => worker.get(), QueueShutDownError);
      for await (const _ of worker) throw new Error("nothing is left");
      await producer.shutdown();
    },
  );

  test("shutdown() can cancel everything", async (producer, worker) => {
    const tasks = [await producer.put(1), await producer.put(2)];
    const lease = await worker.get();
    const { promise: told, resolve } = Promise.withResolvers<void>();
    lease.signal.addEventListener("abort", () => resolve());
    await producer.shutdown({ immediate: true });
    await told;
    await lease.release();
    for (const task of tasks) await assertRejects(() => task.result(), CancelledError);
    await assertRejects(() => worker.get(), QueueShutDownError);
  });

  test("refuses what makes no sense before anything is put or taken", async (producer, worker) => {
    await assertRejects(() => producer.put(1, { priority: NaN }), TypeError, '"priority"');
    await assertRejects(() => producer.put(1, { retries: -1 }), RangeError, '"retries"');
    await assertRejects(() => producer.put(1, { delayMs: -1 }), RangeError);
    await assertRejects(() => producer.put(1, { id: "" }), TypeError, '"id"');
    await assertRejects(() => producer.put(1, { signal: AbortSignal.abort(new Error("no")) }));
    await assertRejects(() => worker.get({ leaseMs: 0 }), RangeError, '"leaseMs"');
    assertEquals((await producer.statistics()).unfinished, 0);
  });
}

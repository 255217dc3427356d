import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { BaseManager, type TaskHandle, TaskQueue } from "../../distributed/mod.ts";
import { setPortable } from "../../ipc/_portable.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending, settle } from "../support/settle.ts";

/** What cannot be read as often as is said. */
class Sealed {
  static readFails = 0;
  static whyNot: new (message: string) => Error = TypeError;

  static {
    setPortable(Sealed, "test.Sealed", () => null, () => {
      if (Sealed.readFails-- <= 0) return new Sealed();
      throw new Sealed.whyNot("the seal is not known here");
    });
  }
}

const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<unknown, unknown> });

interface Served extends AsyncDisposable {
  readonly queue: TaskQueue<unknown, unknown>;
  readonly workers: TaskQueue<unknown, unknown>[];
}

/** Serves a queue, and opens it as so many workers see it. */
async function serve(workers: number, options: { prefetch?: number } = {}): Promise<Served> {
  const stack = new AsyncDisposableStack();
  const queue = stack.use(new TaskQueue<unknown, unknown>());
  const Master = BaseManager.register("getTasks", { callable: () => queue });
  const server = stack.use(new Master({ authkey: "key" }).getServer());
  const opened: TaskQueue<unknown, unknown>[] = [];
  for (let n = 0; n < workers; n++) {
    const manager = stack.use(new Client({ address: server.address, authkey: "key" }));
    await manager.connect();
    opened.push(stack.use(await TaskQueue.over(await manager.getTasks(), options)));
  }
  return { queue, workers: opened, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

for (const why of [TypeError, RangeError]) {
  leakTest(
    `TaskQueue: a task that no worker can read fails with its reason, a ${why.name}`,
    async () => {
      Sealed.readFails = Infinity;
      Sealed.whyNot = why;
      await using served = await serve(1);
      const { queue, workers: [worker] } = served;
      const sealed = await queue.put(new Sealed());
      const getting = worker!.get();
      const error = await guard(
        assertRejects(() => sealed.result(), TypeError, "a worker cannot read it"),
        () => "the failure",
      );
      assertInstanceOf(error.cause, why);
      assertEquals((await queue.deadLetters.list()).map(({ id }) => id), [sealed.id]);
      assertEquals((await queue.statistics()).held, 0);
      // The worker goes on with what comes next.
      await queue.put("next");
      const lease = await guard(getting, () => "the next task");
      assertEquals([lease.value, await lease.complete(1)], ["next", true]);
    },
  );
}

leakTest("TaskQueue: a task that one worker cannot read goes to another", async () => {
  Sealed.readFails = 0;
  await using served = await serve(2);
  const { queue, workers: [one, other] } = served;
  Sealed.whyNot = TypeError;
  // As it comes, and by itself.
  Sealed.readFails = 2;
  const sealed = await queue.put(new Sealed(), { retries: 1 });
  const stop = new AbortController();
  const first = one!.get({ signal: stop.signal });
  while ((await queue.statistics()).delayed === 0) await settle();
  await assertPending(first);
  stop.abort(new Error("stopped"));
  await assertRejects(() => first, Error, "stopped");
  const second = await guard(other!.get(), () => "the second attempt");
  assertInstanceOf(second.value, Sealed);
  assertEquals([second.attempt, await second.complete("read")], [2, true]);
  assertEquals(await sealed.result(), "read");
});

leakTest(
  "TaskQueue: what is fetched together with a task that cannot be read is taken",
  async () => {
    Sealed.readFails = Infinity;
    await using served = await serve(1, { prefetch: 8 });
    const { queue, workers: [worker] } = served;
    const tasks: TaskHandle<unknown>[] = [];
    for (const value of [1, new Sealed(), 2, new Sealed(), 3]) tasks.push(await queue.put(value));
    const taken: unknown[] = [];
    for (let n = 0; n < 3; n++) {
      const lease = await guard(worker!.get(), () => "a task that can be read");
      taken.push(lease.value, lease.attempt);
      await lease.complete(lease.value);
    }
    assertEquals(taken, [1, 1, 2, 1, 3, 1]);
    for (const bad of [tasks[1]!, tasks[3]!]) {
      await assertRejects(() => bad.result(), TypeError, "cannot read");
    }
    assertEquals(await Promise.all([0, 2, 4].map((n) => tasks[n]!.result())), [1, 2, 3]);
  },
);

for (const why of [TypeError, RangeError]) {
  leakTest(
    `TaskHandle.result() rejects when the result cannot be read, with a ${why.name}`,
    async () => {
      Sealed.readFails = Infinity;
      Sealed.whyNot = why;
      await using served = await serve(1);
      const { queue, workers: [producer] } = served;
      const reports: unknown[] = [];
      const onProgress = (value: unknown): void => void reports.push(value);
      const [before, sealed, after] = [
        await producer!.put("before"),
        await producer!.put("sealed", { onProgress }),
        await producer!.put("after"),
      ];
      const results = Promise.allSettled([before.result(), sealed.result(), after.result()]);
      const leases = [await queue.get(), await queue.get(), await queue.get()];
      // In one turn: they are told in one message.
      void leases[1]!.progress(new Sealed());
      for (const lease of leases) {
        void lease.complete(lease.value === "sealed" ? new Sealed() : lease.value);
      }
      const [one, two, three] = await guard(results, () => "the ends of three tasks");
      assertEquals([one, three], [
        { status: "fulfilled", value: "before" },
        { status: "fulfilled", value: "after" },
      ]);
      assertEquals(two.status, "rejected");
      const { reason } = two as PromiseRejectedResult;
      assertInstanceOf(reason, TypeError);
      assertStringIncludes(reason.message, "Cannot read the result of the task");
      assertInstanceOf(reason.cause, why);
      assertEquals(reports, [undefined]);
      assertEquals((await queue.statistics()).done, 3);
      // It listens as before.
      const next = await producer!.put("next");
      await (await queue.get()).complete("read");
      assertEquals(await guard(next.result(), () => "the next result"), "read");
    },
  );
}

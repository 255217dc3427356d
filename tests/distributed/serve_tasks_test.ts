import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  CancelledError,
  reportProgress,
  spawn,
  timeout,
  TimeoutError,
} from "../../coroutine/mod.ts";
import {
  BaseManager,
  embeddedEngine,
  type Server,
  serveTasks,
  type ServeTasksOptions,
  taskAttempt,
  type TaskCall,
  TaskQueue,
} from "../../distributed/mod.ts";
import type { Address } from "../../ipc/mod.ts";
import { startProgram } from "../support/child_program.ts";
import { createGates } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";

/** What `serveTasks` does for queues that are no pool's. */

const KEY = "key";

/** A manager with two queues, the first of which is meant when none is named. */
class Fixture implements AsyncDisposable {
  readonly first = new TaskQueue<TaskCall, unknown>();
  readonly second = new TaskQueue<TaskCall, unknown>();
  readonly #server: Server;

  constructor() {
    const Manager = BaseManager.register("getTasks", {
      callable: (name?: string) => name === "second" ? this.second : this.first,
    });
    this.#server = new Manager({ address: "127.0.0.1:0", authkey: KEY }).getServer();
  }

  get address(): Address {
    return this.#server.address;
  }

  /** Starts a worker; it ends with the queues. */
  work(module: Record<string, unknown>, options: Partial<ServeTasksOptions> = {}): Promise<void> {
    return serveTasks({ address: this.#server.address, authkey: KEY, module, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await this.first[Symbol.asyncDispose]();
    await this.second[Symbol.asyncDispose]();
  }
}

leakTest("serveTasks() runs tasks that name a function of its module", async () => {
  await using fixture = new Fixture();
  const { first } = fixture;
  const worker = fixture.work({ add: (a: number, b: number) => a + b });
  const task = await first.put({ name: "add", args: [1, 2] });
  assertEquals(await task.result(), 3);
  const unknown = await first.put({ name: "toString", args: [] });
  await assertRejects(
    () => unknown.result(),
    TypeError,
    "the worker's module does not export a function of that name. It exports add",
  );
  await first.shutdown();
  await worker;
});

leakTest(
  "serveTasks() has what a function throws tried again, as the task's retries say",
  async () => {
    await using fixture = new Fixture();
    const attempts: number[] = [];
    const worker = fixture.work({
      fail: () => {
        attempts.push(taskAttempt());
        throw new RangeError("no");
      },
    });
    const task = await fixture.first.put({ name: "fail", args: [] }, { retries: 2 });
    await assertRejects(() => task.result(), RangeError, "no");
    assertEquals(attempts, [1, 2, 3]);
    assertEquals((await fixture.first.deadLetters.list()).map(({ id }) => id), [task.id]);
    await fixture.first.shutdown();
    await worker;
  },
);

leakTest(
  "serveTasks() fails a task whose result cannot be sent, and one that is no call",
  async () => {
    await using fixture = new Fixture();
    const { first } = fixture;
    const worker = fixture.work({ give: () => () => 1, one: () => 1 });
    const unsendable = await first.put({ name: "give", args: [] });
    await assertRejects(() => unsendable.result(), TypeError);
    for (const value of [null, 7, {}, { name: "one" }, { name: 1, args: [] }]) {
      const nonsense = await first.put(value as unknown as TaskCall);
      await assertRejects(() => nonsense.result(), TypeError, "it must name a function");
    }
    assertEquals(await (await first.put({ name: "one", args: [] })).result(), 1);
    await first.shutdown();
    await worker;
  },
);

leakTest("serveTasks() takes from the queue that is named", async () => {
  await using fixture = new Fixture();
  const worker = fixture.work({ one: () => 1 }, { queue: "second" });
  const other = await fixture.first.put({ name: "one", args: [] });
  const task = await fixture.second.put({ name: "one", args: [] });
  assertEquals(await task.result(), 1);
  assertEquals(other.state, "waiting");
  await fixture.second.shutdown();
  await worker;
});

leakTest("a task's progress reaches its producer, and its cancellation the function", async () => {
  await using fixture = new Fixture();
  const { started, stopped } = createGates("started", "stopped");
  const worker = fixture.work({
    run: async () => {
      reportProgress("begun");
      started.open();
      try {
        await new Promise(() => {});
      } finally {
        stopped.open();
      }
    },
  });
  const seen: unknown[] = [];
  const task = await fixture.first.put({ name: "run", args: [] }, {
    onProgress: (value) => void seen.push(value),
  });
  await started.wait();
  await task.cancel();
  await assertRejects(() => task.result());
  assertEquals([task.state, seen], ["cancelled", ["begun"]]);
  await fixture.first.shutdown();
  await worker;
});

leakTest("serveTasks() finishes what it holds when its signal aborts", async () => {
  await using fixture = new Fixture();
  const { started, unblock } = createGates("started", "unblock");
  const stop = new AbortController();
  const worker = fixture.work({
    run: async () => {
      started.open();
      await unblock.wait();
      return "finished";
    },
  }, { signal: stop.signal });
  const task = await fixture.first.put({ name: "run", args: [] });
  await started.wait();
  stop.abort();
  await assertPending(worker, "the worker");
  unblock.open();
  assertEquals(await task.result(), "finished");
  await worker;
});

leakTest(
  "serveTasks() gives back what it holds when giveBackSignal aborts: no attempt is lost",
  async () => {
    await using fixture = new Fixture();
    const { first } = fixture;
    const { started, unblock } = createGates("started", "unblock");
    const stop = new AbortController();
    const worker = fixture.work({
      run: async () => {
        started.open();
        await unblock.wait();
      },
    }, { giveBackSignal: stop.signal });
    const task = await first.put({ name: "run", args: [] });
    await started.wait();
    stop.abort();
    const lease = await first.get();
    assertEquals([lease.id, lease.attempt], [task.id, 1]);
    unblock.open();
    await worker;
    await lease.complete("by another");
    assertEquals(await task.result(), "by another");
    assertEquals((await first.statistics()).lost, 0);
    await assertRejects(
      () => fixture.work({}, { giveBackSignal: AbortSignal.abort(new RangeError("early")) }),
      RangeError,
      "early",
    );
  },
);

leakTest("serveTasks() leaves in order when the task is cancelled that awaits it", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const nobody = { address: ["127.0.0.1", port] as const, authkey: KEY, module: {} };
  await assertRejects(() => timeout(10, () => serveTasks(nobody)), TimeoutError);

  await using fixture = new Fixture();
  const gate = createGates("go", "reached");
  const work = spawn(() =>
    fixture.work({
      wait: async () => {
        gate.reached.open();
        await gate.go.wait();
        return "finished";
      },
    })
  );
  const held = await fixture.first.put({ name: "wait", args: [] });
  const next = await fixture.first.put({ name: "wait", args: [] });
  await gate.reached.wait();
  work.cancel();
  await assertPending(work);
  gate.go.open();
  assertEquals(await held.result(), "finished");
  await assertRejects(async () => await work, CancelledError);
  assertEquals(next.state, "waiting");
});

leakTest("serveTasks() can be awaited at the top level of the module that it serves", async () => {
  await using fixture = new Fixture();
  const { hostname, port } = fixture.address;
  const url = import.meta.resolve("./fixtures/own_worker.ts");
  const flags = [`--allow-net=${hostname}:${port}`, "--allow-read"];
  await using worker = await startProgram(url, { flags, args: [hostname, String(port)] });
  const task = await fixture.first.put({ name: "square", args: [7] });
  assertEquals(await task.result(), 49);
  await fixture.first.shutdown();
  // The functions run in an instance of their own.
  assertEquals(await worker.nextLine(), "ended after 0 calls of its own");
});

leakTest("serveTasks() tells which permission its own main module needs", async () => {
  await using fixture = new Fixture();
  const { hostname, port } = fixture.address;
  const url = import.meta.resolve("./fixtures/own_worker.ts");
  const flags = [`--allow-net=${hostname}:${port}`];
  await using worker = await startProgram(url, { flags, args: [hostname, String(port)] });
  assertEquals((await worker.status).code, 1);
  assertStringIncludes(worker.stderr, "run again with --allow-read");
});

leakTest("serveTasks() takes no task when nothing can run it", async () => {
  await using fixture = new Fixture();
  const task = await fixture.first.put({ name: "add", args: [1, 2] });
  const module = new URL("data:text/javascript,throw new RangeError('not today')");
  for (const inside of ["threads", "processes"] as const) {
    await assertRejects(() => fixture.work({}, { module, inside }), Error, "not today");
  }
  assertEquals([task.state, (await fixture.first.statistics()).put], ["waiting", 1]);
});

// What others send

Deno.test("serveTasks() fails a task that is not well formed, and goes on", async () => {
  const job = {
    name: "nope",
    items: [1, "{}"],
    spread: false,
    progress: false,
    stream: false,
    lost: 0,
  };
  for (
    const bad of [job, { ...job, lost: 1n }, { ...job, items: 5 }, { ...job, items: [9, "[]"] }]
  ) {
    const engine = embeddedEngine();
    await using queue = new TaskQueue<unknown, unknown>({ engine });
    const worker = serveTasks({ engine, module: { square: (n: number) => n * n } });
    const [first, second] = await Promise.all([
      queue.put(bad),
      queue.put({ name: "square", args: [3] }),
    ]);
    await Promise.allSettled([first.result()]);
    assertEquals(await second.result(), 9);
    await queue.shutdown();
    await worker;
  }
});

Deno.test("serveTasks() leaves a manager that does not answer", async () => {
  const never = Promise.withResolvers<never>().promise;
  const asked = Promise.withResolvers<void>();
  const Manager = BaseManager.register("getTasks", {
    callable: () => {
      asked.resolve();
      return never;
    },
  });
  await using server = new Manager({ authkey: KEY }).getServer();
  const leave = new AbortController();
  const worker = serveTasks({
    address: server.address,
    authkey: KEY,
    module: { square: (n: number) => n * n },
    signal: leave.signal,
  });
  await asked.promise;
  leave.abort();
  await guard(worker, () => "the worker to leave");
});

Deno.test("serveTasks() refuses what is no module before it connects", async () => {
  for (const module of [undefined, null, 5, "./jobs.ts", ""]) {
    await assertRejects(
      () => serveTasks({ address: "127.0.0.1:1", module: module as string, reconnectMs: 0 }),
      TypeError,
      'Cannot serve tasks: "module" must be an absolute URL such as import.meta.url, or a module, got',
    );
  }
});

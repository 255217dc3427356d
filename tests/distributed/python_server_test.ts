import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { Queue, QueueEmptyError, QueueFullError, RLock } from "../../coroutine/mod.ts";
import { BaseManager, PyKeywords, PythonError, PyTuple } from "../../distributed/mod.ts";
import {
  AuthenticationError,
  callMethod,
  ConnectionClosedError,
  ConnectionLostError,
  exposedMethods,
  type Remote,
  RemoteError,
} from "../../ipc/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, startPython } from "../support/python.ts";
import { assertPending } from "../support/settle.ts";

/** Our client on a manager of Python's. */

const ignore = !await pythonAvailable();
if (ignore) console.warn("python_server_test: there is no python3, so nothing is tested with it");

const KEY = "a key";

// What the server has, as far as types go.

abstract class Counter {
  abstract add(n: number): number;
  abstract fail(): void;
  abstract function(): void;
  abstract numbers(count: number): AsyncIterable<number>;
  abstract child(): Remote<Counter>;
}

abstract class Thrower {
  abstract own(): void;
  abstract keyword(keywords: PyKeywords): string;
  abstract data(): Record<string, unknown>;
  abstract large(size: number): string;
}

abstract class List {
  abstract append(item: unknown): void;
  abstract __len__(): number;
  abstract __getitem__(index: number): unknown;
}

abstract class Dict {
  abstract get(key: string): unknown;
  abstract items(): unknown[];
}

abstract class Missing {
  abstract anything(): void;
}

const Manager = BaseManager
  .register("getTasks", { proxyType: Queue<unknown> })
  .register("getBounded", { proxyType: Queue<unknown> })
  .register("Counter", { proxyType: Counter })
  .register("Thrower", { proxyType: Thrower })
  .register("RLock", { proxyType: RLock })
  .register("list", { proxyType: List })
  .register("dict", { proxyType: Dict })
  .register("missing", { proxyType: Missing });

type Client = InstanceType<typeof Manager>;

async function startServer() {
  const file = new URL("fixtures/python_reference.py", import.meta.url);
  const server = await startPython(await Deno.readTextFile(file), { args: [KEY] });
  const port = Number(/\d+$/.exec(server.ready)![0]);
  return { server, address: ["127.0.0.1", port] as const };
}

function serverTest(name: string, run: (client: Client) => Promise<void>): void {
  leakTest(name, async () => {
    const { server, address } = await startServer();
    await using _ = server;
    await using client = new Manager({ address: [...address], authkey: KEY });
    await client.connect();
    await run(client);
  }, { ignore });
}

serverTest("BaseManager: a queue of a Python manager", async (client) => {
  const tasks = await client.getTasks();
  assert(exposedMethods(tasks).includes("putNowait"));
  assert(exposedMethods(tasks).includes("put_nowait"));
  for (const item of [1, "é中😀", null, true, 1.5, 2n ** 70n, [1, [2]], { a: { b: 1 } }]) {
    await tasks.put(item);
    assertEquals(await tasks.get(), item);
  }
  assertEquals([await tasks.qsize(), await tasks.empty(), await tasks.full()], [0, true, false]);
  await assertRejects(() => tasks.get({ timeoutMs: 0 }), QueueEmptyError);
  await assertRejects(() => tasks.get({ timeoutMs: 20 }), QueueEmptyError);
  await assertRejects(() => tasks.getNowait(), QueueEmptyError);
  const bounded = await client.getBounded();
  await bounded.put(1);
  await assertRejects(() => bounded.put(2, { timeoutMs: 20 }), QueueFullError);
  await assertRejects(() => bounded.putNowait(2), QueueFullError);
  assertEquals(await bounded.get(), 1);
  await bounded.taskDone();
  await bounded.join();
  const error = await assertRejects(() => bounded.taskDone(), PythonError);
  assertEquals([error.name, error.message], ["ValueError", "task_done() called too many times"]);
});

serverTest("BaseManager: calls on a Python manager do not wait for each other", async (client) => {
  const tasks = await client.getTasks();
  const gets = Array.from({ length: 20 }, () => tasks.get());
  const counter = await client.Counter();
  assertEquals(await counter.add(1), 1);
  await Promise.all(gets.map((_, i) => tasks.put(i)));
  assertEquals((await Promise.all(gets) as number[]).toSorted((a, b) => a - b), [
    ...Array(20).keys(),
  ]);
});

serverTest(
  "BaseManager: a get that was given up on a Python manager takes nothing",
  async (client) => {
    const tasks = await client.getTasks();
    // There is a connection that waits for the next call.
    await assertRejects(() => tasks.getNowait(), QueueEmptyError);
    const controller = new AbortController();
    const getting = tasks.get({ signal: controller.signal });
    // This one needs a new connection, and the other call has arrived before it.
    assertEquals(await tasks.qsize(), 0);
    await assertPending(getting, "get()");
    const reason = new Error("enough");
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => getting), reason);
    // The server may still wait for it: then the item is put back, and counts once.
    await tasks.put("kept");
    assertEquals(await tasks.get({ timeoutMs: 20_000 }), "kept");
    await tasks.taskDone();
    await tasks.join({ timeoutMs: 20_000 });
    await assertRejects(() => tasks.get({ signal: AbortSignal.abort(reason) }), Error, "enough");
  },
);

serverTest("BaseManager: what Python raises arrives by its class", async (client) => {
  const counter = await client.Counter(5);
  assertEquals(await counter.add(1), 6);
  const failed = await assertRejects(() => counter.fail(), PythonError);
  assertEquals([failed.module, failed.name, [...failed.args]], ["builtins", "ValueError", [
    "bad",
    3,
  ]]);
  const thrower = await client.Thrower();
  const own = await assertRejects(() => thrower.own(), PythonError);
  assertEquals([own.module, own.name, [...own.args]], ["__main__", "OwnError", ["mine", 3]]);
  await assertRejects(
    () => counter.add("text" as unknown as number),
    TypeError,
    "unsupported operand",
  );
  await assertRejects(() => counter.function(), RemoteError, "Python cannot send the answer");
  const made = await assertRejects(() => client.Counter(1, 2, 3), RemoteError, "TypeError: ");
  assertInstanceOf(made.cause, RemoteError);
  await assertRejects(() => client.missing(), RemoteError, "KeyError: 'missing'");
  await assertRejects(
    () => callMethod(counter, "add", [(() => 1) as unknown as number]),
    TypeError,
  );
  // The connection is as good as before.
  assertEquals(await counter.add(1), 7);
});

serverTest("BaseManager: data of every kind from a Python manager", async (client) => {
  const thrower = await client.Thrower();
  assertEquals(await thrower.data(), {
    tuple: new PyTuple<unknown>(1, new PyTuple(2)),
    float: 1.5,
    bytes: new Uint8Array([120]),
    none: null,
    set: new Set([1]),
    big: 2n ** 70n,
  });
  assertEquals(await thrower.keyword(new PyKeywords({ name: "by name" })), "by name");
  for (const size of [0, 1, 16_384, 16_385, 70_000, 5_000_000]) {
    assertEquals((await thrower.large(size)).length, size);
  }
});

serverTest(
  "BaseManager: iterators, lists and proxies inside of a Python manager [cpython: _TestContainers.test_list_proxy_in_list]",
  async (client) => {
    const counter = await client.Counter();
    const numbers: number[] = [];
    for await (const n of await counter.numbers(3)) numbers.push(n);
    assertEquals(numbers, [0, 1, 2]);
    assertEquals(await (await counter.child()).add(3), 3);

    const list = await client.list([1, 2]);
    const inner = await client.list(["inner"]);
    await list.append(inner);
    const items: unknown[] = [];
    for await (const item of list as unknown as AsyncIterable<unknown>) items.push(item);
    assertEquals(items.slice(0, 2), [1, 2]);
    const back = items[2] as Remote<List>;
    await back.append("more");
    assertEquals(await inner.__len__(), 2);
    await inner[Symbol.asyncDispose]();
    assertEquals(await back.__getitem__(1), "more");

    const dict = await client.dict({ a: 1, b: 2 });
    const keys: unknown[] = [];
    for await (const key of dict as unknown as AsyncIterable<unknown>) keys.push(key);
    assertEquals(keys, ["a", "b"]);
    assertEquals(await dict.get("b"), 2);
    await assertRejects(() => inner.__len__(), ConnectionClosedError);
  },
);

serverTest(
  "BaseManager: an RLock of a Python manager belongs to who acquired it",
  async (client) => {
    const lock = await client.RLock();
    assertEquals(await lock.acquire(), true);
    assertEquals(await lock.tryAcquire(), false);
    assertEquals(await lock.acquire({ timeoutMs: 20 }), false);
    const waiting = lock.acquire();
    await assertPending(waiting, "acquire()");
    await lock.release();
    assertEquals(await waiting, true);
    await lock.release();
    await assertRejects(() => lock.release(), PythonError, "cannot release un-acquired lock");
  },
);

leakTest("BaseManager.connect() to a Python manager with another key", async () => {
  const { server, address } = await startServer();
  await using _ = server;
  const client = new Manager({ address: [...address], authkey: "another key" });
  await assertRejects(() => client.connect(), AuthenticationError);
}, { ignore });

leakTest("BaseManager.shutdown() ends a Python manager, and others notice", async () => {
  const { server, address } = await startServer();
  await using _ = server;
  const first = new Manager({ address: [...address], authkey: KEY });
  const second = new Manager({ address: [...address], authkey: KEY });
  await Promise.all([first.connect(), second.connect()]);
  const tasks = await second.getTasks();
  const getting = assertRejects(() => tasks.get(), ConnectionLostError);
  assertEquals(await tasks.qsize(), 0);
  await first.shutdown();
  await getting;
  assertEquals((await server.status).code, 0);
  await assertRejects(() => tasks.qsize(), ConnectionLostError);
  await second.close();
}, { ignore });

leakTest("BaseManager: a Python manager that is killed", async () => {
  const { server, address } = await startServer();
  await using _ = server;
  await using client = new Manager({ address: [...address], authkey: KEY });
  await client.connect();
  const tasks = await client.getTasks();
  const getting = assertRejects(() => tasks.get(), ConnectionLostError);
  assertEquals(await tasks.full(), false);
  server.kill("SIGKILL");
  await getting;
}, { ignore });

leakTest("BaseManager.close() gives back what it had of a Python manager", async () => {
  const { server, address } = await startServer();
  await using _ = server;
  await using watcher = new Manager({ address: [...address], authkey: KEY });
  await watcher.connect();
  const tasks = await watcher.getTasks();
  const client = new Manager({ address: [...address], authkey: KEY });
  await client.connect();
  const counter = await client.Counter();
  const other = await client.getTasks();
  await other.put(1);
  await client.close();
  await assertRejects(() => counter.add(1), ConnectionClosedError);
  assertEquals(await tasks.get(), 1);
}, { ignore });

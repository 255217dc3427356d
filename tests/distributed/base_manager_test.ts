import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Queue, TimeoutError } from "../../coroutine/mod.ts";
import {
  callMethod,
  ConnectionClosedError,
  exposedMethods,
  formatAddress,
  type Remote,
} from "../../ipc/mod.ts";
import { BaseManager, RpcServer, Server, WorkerPool } from "../../distributed/mod.ts";
import { ProcessStateError } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { ANY, LONG_MS, makeManager, waitUntilGetting } from "./_managers.ts";
import { Counter, makeCounter } from "./targets.ts";

/** Whether two types are the same; a wrong `true` does not compile. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

function assertType<_T extends true>(): void {}

// register()

Deno.test("BaseManager.register() answers a new class, and leaves BaseManager as it was", () => {
  const before = Object.getOwnPropertyNames(BaseManager.prototype).sort();
  const One = BaseManager.register("one", { callable: () => 1 });
  const Two = BaseManager.register("two", { callable: () => 2 });
  assertNotEquals(One as unknown, BaseManager);
  assertNotEquals(One as unknown, Two as unknown);
  assertEquals(Object.getOwnPropertyNames(BaseManager.prototype).sort(), before);
  const [one, two] = [new One(), new Two()];
  assertInstanceOf(one, BaseManager);
  assert("one" in one && !("two" in one) && "two" in two && !("one" in two));
});

Deno.test("BaseManager.register() changes a class that extends BaseManager, and answers it", () => {
  class Own extends BaseManager {}
  const Same = Own.register("one", { callable: () => 1 });
  assertStrictEquals(Same as unknown, Own);
  const Chained = Same.register("two", { callable: () => 2 });
  assertStrictEquals(Chained as unknown, Own);
  assert("one" in new Own() && "two" in new Own());
  class Further extends Own {}
  Further.register("three", { callable: () => 3 });
  assert("one" in new Further() && "three" in new Further() && !("three" in new Own()));
});

Deno.test("BaseManager.register() refuses names of the manager's own, and what is no function", () => {
  const callable = () => 1;
  for (const name of ["connect", "start", "address", "constructor", "toString", ""]) {
    assertThrows(() => BaseManager.register(name, { callable }), TypeError, `"${name}"`);
  }
  const noName = 5 as unknown as string;
  assertThrows(() => BaseManager.register(noName, { callable }), TypeError, '"5"');
  const noFunction = { callable: 5 as unknown as () => void };
  assertThrows(() => BaseManager.register("five", noFunction), TypeError, "is no function");
});

Deno.test("BaseManager.register() refuses a name that would make a manager a promise", () => {
  assertThrows(
    () => BaseManager.register("then", { callable: () => 1 }),
    TypeError,
    'Cannot register "then"',
  );
});

Deno.test("new BaseManager() refuses an address, a key and a limit of the wrong kind", () => {
  const make = (options: unknown) => new BaseManager(options as { address: string });
  for (const address of ["", "localhost", "localhost:", ":x", "1.2.3.4:5:6", ["a"], 5, null, {}]) {
    assertThrows(() => make({ address }), TypeError, "Cannot read address");
  }
  assertThrows(() => make({ address: "localhost:65536" }), RangeError, "65536");
  assertThrows(() => make({ address: ["localhost", -1] }), RangeError, "-1");
  assertThrows(() => make({ authkey: "" }), TypeError, "must not be empty");
  assertThrows(() => make({ authkey: new Uint8Array() }), TypeError, "must not be empty");
  assertThrows(() => make({ authkey: 5 }), TypeError, "must be a string or a Uint8Array");
  assertThrows(() => make({ shutdownTimeoutMs: -1 }), RangeError, "0 or more");
});

Deno.test("BaseManager takes an address in each of its forms", () => {
  for (
    const address of ["127.0.0.1:5000", ["127.0.0.1", 5000], { hostname: "127.0.0.1", port: 5000 }]
  ) {
    const manager = new BaseManager({ address: address as string });
    assertEquals(manager.address, { hostname: "127.0.0.1", port: 5000 });
  }
  assertEquals(new BaseManager().address, ANY);
});

Deno.test("new BaseManager() refuses a module that is no absolute URL", () => {
  assertThrows(
    () => new BaseManager({ module: "./master.ts" }),
    TypeError,
    '"module" must be an absolute URL such as import.meta.url, got "./master.ts"',
  );
});

Deno.test("BaseManager and RpcServer refuse limits that are none", () => {
  for (
    const limits of [
      { maxConnections: NaN },
      { maxConnections: 0 },
      { maxMessageBytes: 1.5 },
      { handshakeTimeoutMs: 0 },
      { handshakeTimeoutMs: -1 },
      // A timer would fire at once, and every client would be refused.
      { handshakeTimeoutMs: Infinity },
      { handshakeTimeoutMs: NaN },
    ]
  ) {
    const [name] = Object.keys(limits);
    const make = [
      () => new BaseManager(limits),
      () => new RpcServer({ now: () => 0 }, limits),
      () => new WorkerPool(limits),
    ];
    for (const run of make) assertThrows(run, RangeError, `"${name}"`);
  }
  assertThrows(() => new BaseManager({ maxConnections: "9" as never }), TypeError);
  void new BaseManager({ maxConnections: Infinity, handshakeTimeoutMs: 1 });
});

// Server and client

leakTest("BaseManager: a client has what is registered, with its types", async () => {
  const { queue, Manager } = makeManager();
  await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
  assertInstanceOf(server, Server);
  assertNotEquals(server.address.port, 0);
  await using client = new Manager({ address: server.address, authkey: "abc" });
  await client.connect();

  const remote = await client.getQueue();
  assertType<Same<typeof remote, Remote<Queue<number>>>>();
  await remote.put(1);
  const item = await remote.get();
  assertType<Same<typeof item, number>>();
  assertEquals([item, await remote.qsize(), queue.qsize()], [1, 0, 0]);

  const counter = await client.counter(40);
  assertType<Same<ReturnType<typeof counter.add>, Promise<number>>>();
  assertType<Same<ReturnType<typeof counter.addLater>, Promise<number>>>();
  assertEquals([await counter.add(1), await counter.addLater(1)], [41, 42]);

  const data = await client.data(0);
  assertType<Same<typeof data, { n: number; list: Date[] }>>();
  assertEquals(data, { n: 0, list: [new Date(0)] });
  const later = await client.later(5);
  assertType<Same<typeof later, number>>();
  assertEquals(later, 5);

  // @ts-expect-error What the function takes is checked.
  await client.later("5");
  // @ts-expect-error What is not registered is not there.
  assertEquals(client.unknown, undefined);
  // @ts-expect-error What is put is checked.
  await remote.put("text");
});

leakTest("BaseManager: a client may know only names and types of what is registered", async () => {
  const { queue, Manager } = makeManager();
  await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
  const Client = BaseManager
    .register("getQueue", { proxyType: Queue<number> })
    .register("counter", { proxyType: Counter });
  await using client = new Client({ address: formatAddress(server.address), authkey: "abc" });
  await client.connect();
  const remote = await client.getQueue();
  assertType<Same<typeof remote, Remote<Queue<number>>>>();
  const getting = remote.get();
  await queue.put(3);
  assertEquals(await getting, 3);
  assertEquals(await (await client.counter()).add(2), 2);
});

leakTest(
  "BaseManager copies data and lends objects [cpython: _TestMyManager.test_mymanager]",
  async () => {
    const list = [1];
    const shared = new Counter(10);
    const Manager = BaseManager
      .register("list", { callable: () => list })
      .register("map", { callable: () => new Map([["list", list]]) })
      .register("bytes", { callable: () => new Uint8Array([1, 2]) })
      .register("nothing", { callable: () => {} })
      .register("shared", { callable: () => shared })
      .register("fresh", { callable: () => new Counter() });
    await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
    await using client = new Manager({ address: server.address, authkey: "abc" });
    await client.connect();
    const copy = await client.list();
    copy.push(2);
    assertEquals(list, [1]);
    assertEquals(await client.map(), new Map([["list", [1]]]));
    assertEquals(await client.bytes(), new Uint8Array([1, 2]));
    assertEquals(await client.nothing(), undefined);

    const [one, two] = [await client.shared(), await client.shared()];
    assertEquals([await one.add(1), await two.add(1), shared.add(0)], [11, 12, 12]);
    const [first, second] = [await client.fresh(), await client.fresh()];
    assertEquals([await first.add(1), await second.add(1)], [1, 1]);
  },
);

leakTest(
  "BaseManager lends public methods, or those that are exposed [cpython: _TestMyManager.test_mymanager]",
  async () => {
    const { Manager } = makeManager();
    await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
    await using client = new Manager({ address: server.address, authkey: "abc" });
    await client.connect();
    const all = await client.counter();
    assertEquals(exposedMethods(all).sort(), ["add", "addLater", "fail"]);
    assertEquals((all as unknown as Counter)._secret, undefined);
    await assertRejects(() => callMethod(all, "_secret" as "add", [1]), TypeError, "_secret");
    const some = await client.Counter();
    assertEquals(exposedMethods(some).sort(), ["_secret", "add"]);
    assertEquals(await (some as unknown as Remote<Counter>)._secret(), "secret");
  },
);

leakTest("BaseManager: what a method or a function throws arrives", async () => {
  const { Manager } = makeManager();
  await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
  await using client = new Manager({ address: server.address, authkey: "abc" });
  await client.connect();
  const counter = await client.counter();
  const error = await assertRejects(() => counter.fail("no more"), RangeError, "no more");
  assertInstanceOf(error.cause, TypeError);
  assertMatch(error.stack!, /fail.*targets\.ts:\d+/);
  await assertRejects(() => client.fails(), RangeError, "it fails");
  await assertRejects(() => client.throws(), RangeError, "the function throws");
  // The connection is as good as before.
  assertEquals(await counter.add(1), 1);
});

leakTest("BaseManager: a name that the server does not have", async () => {
  const { Manager } = makeManager();
  await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
  const Client = BaseManager.register("getTasks", { proxyType: Queue<number> });
  await using client = new Client({ address: server.address, authkey: "abc" });
  await client.connect();
  const { message } = await assertRejects(() => client.getTasks(), TypeError);
  assertStringIncludes(message, 'Cannot create "getTasks": the manager has getQueue, Counter');
  const Empty = BaseManager.register("other", { proxyType: Queue<number> });
  await using empty = new Empty({ address: ANY, authkey: "abc" }).getServer();
  await using other = new Empty({ address: empty.address, authkey: "abc" });
  await other.connect();
  await assertRejects(() => other.other(), TypeError, 'Cannot create "other"');
});

leakTest(
  "BaseManager: arguments and results that cannot be carried [cpython: _TestRemoteManager.test_remote]",
  async () => {
    const queue = new Queue<unknown>();
    const Manager = BaseManager
      .register("getQueue", { callable: () => queue })
      .register("getFunction", { callable: () => ({ list: [() => 1] }) });
    await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
    await using client = new Manager({ address: server.address, authkey: "abc" });
    await client.connect();
    const remote = await client.getQueue();
    await assertRejects(() => remote.put({ a: [() => 1] }), TypeError, "a");
    await assertRejects(() => client.getFunction(), TypeError, "list");
    assertEquals(await remote.qsize(), 0);
    // An item that cannot leave stays where it is.
    await queue.put(Symbol("s"));
    await assertRejects(() => remote.get({ timeoutMs: LONG_MS }), TypeError);
    assertEquals(queue.qsize(), 1);
  },
);

// States

leakTest("BaseManager is used once: for a server, for a start or for a connection", async () => {
  const { Manager } = makeManager();
  const serving = new Manager({ address: ANY, authkey: "abc" });
  await using server = serving.getServer();
  assertThrows(() => serving.getServer(), ProcessStateError, "serving already");
  await assertRejects(() => serving.connect(), ProcessStateError, "serving already");
  await assertRejects(() => serving.getQueue(), ProcessStateError, "serving");
  await assertRejects(() => serving.shutdown(), ProcessStateError, "neither started nor connected");

  await using client = new Manager({ address: server.address, authkey: "abc" });
  await assertRejects(() => client.getQueue(), ProcessStateError, "neither started nor connected");
  await client.connect();
  await assertRejects(() => client.connect(), ProcessStateError, "connected already");
  assertThrows(() => client.getServer(), ProcessStateError, "connected already");
  const remote = await client.getQueue();
  await client.close();
  await client.close();
  await assertRejects(() => client.getQueue(), ProcessStateError, "closed");
  await assertRejects(() => client.connect(), ProcessStateError, "closed");
  await assertRejects(() => remote.qsize(), ConnectionClosedError);
  await client.shutdown();
});

leakTest(
  "BaseManager: calls in flight reject when the client closes, and the server goes on",
  async () => {
    const { queue, Manager } = makeManager();
    await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
    const client = new Manager({ address: server.address, authkey: "abc" });
    await client.connect();
    const remote = await client.getQueue();
    const gets = [remote.get(), remote.get()].map((get) =>
      assertRejects(() => get, ConnectionClosedError)
    );
    await waitUntilGetting(remote, 2);
    await Promise.all([client[Symbol.asyncDispose](), client[Symbol.asyncDispose]()]);
    await Promise.all(gets);
    await client[Symbol.asyncDispose]();
    await using next = new Manager({ address: server.address, authkey: "abc" });
    await next.connect();
    const again = await next.getQueue();
    await waitUntilGetting(again, 0);
    await queue.put(1);
    assertEquals(await again.get(), 1);
  },
);

leakTest("BaseManager: a proxy that is disposed is given back", async () => {
  const { Manager } = makeManager();
  await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
  await using client = new Manager({ address: server.address, authkey: "abc" });
  await client.connect();
  const counter = await client.counter();
  await counter[Symbol.asyncDispose]();
  await counter[Symbol.asyncDispose]();
  await assertRejects(() => counter.add(1), ConnectionClosedError, "the proxy was disposed");
  assertEquals(await (await client.counter()).add(1), 1);
});

leakTest("BaseManager.start() has one time limit for all that it does", async () => {
  const Manager = BaseManager.register("counter", { callable: makeCounter });
  await using manager = new Manager({ module: new URL("targets.ts", import.meta.url) });
  await assertRejects(() => manager.start({ timeoutMs: 1 }), TimeoutError);
  // It was given up whole, and can be started again.
  await manager.start();
  assertEquals(await (await manager.counter()).add(2), 2);
});

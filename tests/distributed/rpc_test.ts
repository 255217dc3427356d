import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  CancelledError,
  ContextVar,
  currentTask,
  sleep,
  spawn,
  TimeoutError,
} from "../../coroutine/mod.ts";
import { AuthenticationError, ConnectionLostError, ProtocolError } from "../../ipc/mod.ts";
import { connectSession } from "../../ipc/_connect.ts";
import type { RemoteObject } from "../../ipc/_session.ts";
import {
  BaseManager,
  type Rpc,
  type RpcApi,
  RpcClient,
  type RpcObject,
  RpcServer,
  type RpcStream,
} from "../../distributed/mod.ts";
import * as certificates from "./fixtures/tls_certificates.ts";
import { Gate } from "../support/gate.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending, settle } from "../support/settle.ts";
import { connect, KEY, LONG_MS, serve, type Served, until } from "./_rpc.ts";

/** Whether two types are the same; a wrong `true` does not compile. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

function assertType<_T extends true>(): void {}

// Functions

leakTest("RpcClient.api has functions that answer what they return on the server", async () => {
  const given: unknown[] = [];
  const api = {
    add: (a: number, b: number) => a + b,
    later: async (text: string) => {
      await sleep(1);
      return `${text}!`;
    },
    nothing() {},
    take: (...args: unknown[]) => void given.push(...args),
    isBound() {
      return this === api;
    },
  };
  await using served = await serve(api);
  const remote = served.api;
  assertEquals(await remote.add(2, 3), 5);
  assertEquals(await remote.later("hello"), "hello!");
  assertEquals(await remote.nothing(), undefined);
  const values = [null, 1n, new Map([["a", new Set([1])]]), new Uint8Array([1, 2]), new Date(0)];
  await remote.take(...values, undefined, -0);
  assertEquals(given, [...values, undefined, -0]);
  assertEquals(await remote.isBound(), true);
  assertEquals(served.client.isClosed, false);
  assertEquals(served.client.address, served.server.address);
});

leakTest("RpcClient.api makes many calls at a time on one connection", async () => {
  const gates = [new Gate(), new Gate(), new Gate()];
  await using served = await serve({
    wait: async (n: number) => {
      await gates[n]!.wait();
      return n;
    },
  });
  const calls = [0, 1, 2].map((n) => served.api.wait(n));
  await until(() => served.server.statistics().calls === 3);
  gates[2]!.open();
  assertEquals(await calls[2], 2);
  await assertPending(calls[0]!);
  gates[1]!.open();
  gates[0]!.open();
  assertEquals(await Promise.all(calls), [0, 1, 2]);
  assertEquals(served.server.statistics(), {
    connections: 1,
    refused: 0,
    calls: 0,
    objects: 0,
    streams: 0,
  });
});

leakTest("RpcServer serves the exports of a module", async () => {
  const module = await import("./targets.ts");
  await using served = await serve(module);
  await using counter = await served.api.Counter.create();
  assert("Counter" in served.api);
  assertEquals(typeof counter, "object");
});

leakTest("RpcClient.api does not look like a promise, and lists what there is", async () => {
  await using served = await serve({ add: (a: number) => a, then_: () => 1 });
  assertStrictEquals(await Promise.resolve(served.api), served.api);
  assertEquals(Object.keys(served.api), ["add", "then_"]);
  assert("add" in served.api && !("toString" in served.api));
  const unknown = served.api as unknown as Record<string, (n: number) => Promise<unknown>>;
  await assertRejects(
    () => unknown.multiply!(1),
    TypeError,
    'Cannot call "multiply": the server has add, then_',
  );
});

leakTest("RpcServer runs a call as a task of its own", async () => {
  const names: unknown[] = [];
  await using served = await serve({
    name: async () => {
      names.push(currentTask()?.name);
      await sleep(0);
      names.push(currentTask()?.name);
    },
  });
  // What has made the server ends; calls do not end with it.
  await spawn(() => served.api.name());
  assertEquals(names, ["name", "name"]);
});

leakTest("RpcServer and a client that were made in a task go on when it is cancelled", async () => {
  const api = {
    wait: () => sleep(1, { result: "done" }),
    async *double(numbers: AsyncIterable<number>) {
      for await (const n of numbers) yield 2 * n;
    },
  };
  let served: Served<typeof api> | undefined;
  const task = spawn(async () => {
    served = await serve(api);
    await sleep(LONG_MS);
  });
  await until(() => served !== undefined);
  task.cancel();
  await task.join();
  await using there = served!;
  assertEquals(await there.api.wait(), "done");
  const numbers = async function* () {
    for (const n of [1, 2]) yield await sleep(1, { result: n });
  };
  assertEquals(await Array.fromAsync(there.api.double(numbers())), [2, 4]);
});

leakTest("RpcServer runs calls and streams without the context of who has made it", async () => {
  const place = new ContextVar("place", { default: "nowhere" });
  const api = {
    get: () => place.get(),
    *stream() {
      yield place.get();
    },
  };
  await using served = await place.run("inside", () => serve(api));
  assertEquals(await served.api.get(), "nowhere");
  assertEquals(await Array.fromAsync(served.api.stream()), ["nowhere"]);
});

// What can be called

leakTest("RpcServer serves own functions only: nothing inherited, no getter, no data", async () => {
  let isRead = false;
  class Base {
    inherited() {}
  }
  const api = Object.assign(Object.create(new Base()), {
    add: (a: number) => a,
    _hidden() {},
    data: { run() {} },
  });
  Object.defineProperty(api, "getter", {
    enumerable: true,
    get() {
      isRead = true;
      return () => {};
    },
  });
  Object.defineProperty(api, "invisible", { enumerable: false, value: () => 1 });
  Object.defineProperty(api, "__proto__", { enumerable: false, value: () => 1 });
  await using served = await serve(api as RpcApi);
  assertEquals(Object.keys(served.api), ["add"]);
  assertEquals(isRead, false);
});

leakTest("RpcServer refuses a client that calls what is not there, and goes on", async () => {
  class Secret {
    #key = 1;
    _private() {}
    get getter() {
      return this.#key;
    }
    open() {
      return this.#key;
    }
  }
  await using served = await serve({ Secret, ok: () => 1 });
  const key = new TextEncoder().encode(KEY);
  const said = Promise.withResolvers<unknown>();
  const { session, root } = await connectSession(served.server.address, {
    key,
    methods: { welcome: (_, token) => said.resolve(token), pull() {}, end() {} },
  });
  try {
    assertEquals(root.methods, ["open"]);
    await assertRejects(() => session.call(root, "open", ["guessed"]), TypeError);
    const object = await session.call(root, "open", [await said.promise]) as RemoteObject;
    assertEquals(object.methods, ["Secret", "ok"]);
    const secret = await session.call(object, "Secret", [null]) as RemoteObject;
    assertEquals(secret.methods, ["*free", "open"]);
    // A client that has its own ideas of the methods.
    const names = ["*free", "open", "constructor", "__proto__", "_private", "getter", "toString"];
    const forged = Object.assign(Object.create(Object.getPrototypeOf(secret)), {
      id: secret.id,
      methods: names,
    });
    for (const name of names.slice(2)) {
      await assertRejects(() => session.call(forged, name, [null]), ReferenceError, "gone");
    }
    // Heads that are none, and a token that was used.
    for (
      const head of [1, "x", [], { timeoutMs: -1 }, { timeoutMs: "1" }, { streams: [[5, 1, "x"]] }]
    ) {
      if (Array.isArray(head) || typeof head !== "object") continue;
      await assertRejects(() => session.call(object, "ok", [head]), TypeError, "not well formed");
    }
    await assertRejects(() => session.call(object, "ok", [{ signal: true }]), TypeError);
    await assertRejects(
      async () => await session.call(root, "open", [await said.promise]),
      TypeError,
      "the token is not known",
    );
    assertEquals(await session.call(object, "ok", [null]), 1);
  } finally {
    await session.close();
  }
  assertEquals(await served.api.ok(), 1);
});

Deno.test("RpcServer refuses an api that cannot be served, before it listens", () => {
  const message = "Cannot serve: the api ";
  assertThrows(() => new RpcServer({}), TypeError, `${message}has no functions`);
  assertThrows(() => new RpcServer({ a: 1 }), TypeError, `${message}has no functions`);
  for (const api of [null, undefined, 1, () => {}]) {
    assertThrows(() => new RpcServer(api as unknown as RpcApi), TypeError, `${message}must be`);
  }
  for (const name of ["then", "constructor", "prototype", "*free"]) {
    assertThrows(() => new RpcServer({ [name]: () => 1 }), TypeError, `Cannot serve "${name}"`);
  }
  const api = { f: () => 1 };
  assertThrows(() => new RpcServer(api, { maxCalls: 0 }), RangeError);
  assertThrows(() => new RpcServer(api, { maxObjects: 1.5 }), RangeError);
  assertThrows(() => new RpcServer(api, { lookAhead: -1 }), RangeError);
  assertThrows(() => new RpcServer(api, { authkey: "" }), TypeError);
  assertThrows(() => new RpcServer(api, { onError: 1 as never }), TypeError);
});

leakTest("RpcServer.maxCalls refuses more calls of one client than that", async () => {
  const gate = new Gate();
  await using served = await serve({ wait: () => gate.wait() }, { maxCalls: 2 });
  const calls = [served.api.wait(), served.api.wait()];
  await assertRejects(
    () => served.api.wait(),
    RangeError,
    'Cannot call "wait": 2 calls of this client are in flight',
  );
  await using other = await connect<{ wait(): Promise<void> }>(served.server);
  calls.push(other.api.wait());
  gate.open();
  await Promise.all(calls);
  await served.api.wait();
});

leakTest("RpcServer.maxObjects refuses more objects and streams of one client", async () => {
  class Thing {}
  const api = {
    Thing,
    *count() {
      yield 1;
    },
  };
  await using served = await serve(api, { maxObjects: 1 });
  const thing = await served.api.Thing.create();
  await assertRejects(() => served.api.Thing.create(), RangeError, 'Cannot answer "Thing"');
  await assertRejects(() => Array.fromAsync(served.api.count()), RangeError, "1 objects and stre");
  await thing.close();
  assertEquals(await Array.fromAsync(served.api.count()), [1]);
});

leakTest("RpcServer.maxMessageBytes ends the connection of a client that sends more", async () => {
  await using served = await serve({ size: (text: string) => text.length }, {
    maxMessageBytes: 10_000,
  });
  assertEquals(await served.api.size("a".repeat(9000)), 9000);
  await assertRejects(() => served.api.size("a".repeat(11_000)), ConnectionLostError);
  await using other = await connect<{ size(text: string): number }>(served.server);
  assertEquals(await other.api.size("abc"), 3);
});

leakTest("RpcServer refuses those who have another key, and counts them", async () => {
  const refused: unknown[] = [];
  await using served = await serve({ f: () => 1 }, { onRefused: (error) => refused.push(error) });
  await assertRejects(() => connect(served.server, { authkey: "wrong" }), AuthenticationError);
  await until(() => refused.length === 1);
  assertInstanceOf(refused[0], AuthenticationError);
  assertEquals(served.server.statistics().refused, 1);
});

leakTest("RpcClient and managers refuse each other", async () => {
  await using served = await serve({ f: () => 1 });
  const Manager = BaseManager.register("thing", { callable: () => 1 });
  await using server = new Manager({ address: "127.0.0.1:0", authkey: KEY }).getServer();
  await assertRejects(
    () => RpcClient.connect({ address: server.address, authkey: KEY }),
    ProtocolError,
    "no RpcServer listens there",
  );
  await using manager = new Manager({ address: served.server.address, authkey: KEY });
  await manager.connect();
  await assertRejects(() => manager.thing(), Error);
  await until(() => served.server.statistics().refused === 1);
});

// Errors

leakTest("RpcClient.api throws what the function threw, with all that it has", async () => {
  const api = {
    fail: () => {
      const error = new RangeError("too far", { cause: new TypeError("wrong") });
      throw Object.assign(error, { limit: 7 });
    },
    own: () => {
      throw Object.assign(new Error("no such user"), { name: "UserError" });
    },
    thrown: () => Promise.reject("a text"),
  };
  await using served = await serve(api);
  const error = await assertRejects(() => served.api.fail(), RangeError, "too far");
  assertInstanceOf(error.cause, TypeError);
  assertEquals((error as unknown as { limit: number }).limit, 7);
  assertStringIncludes(error.stack!, "rpc_test.ts");
  assertEquals((await assertRejects(() => served.api.own(), Error)).name, "UserError");
  assertEquals(await served.api.thrown().catch((thrown: unknown) => thrown), "a text");
});

leakTest("RpcServer says what a result cannot be", async () => {
  class Account {
    pay() {}
  }
  const api = { account: () => new Account(), fn: () => [() => 1] };
  await using served = await serve(api);
  await assertRejects(
    () => served.api.account(),
    TypeError,
    'Cannot answer "account": an object of class Account has methods',
  );
  await assertRejects(() => served.api.fn(), TypeError, "Cannot carry a function");
  const f = served.api.fn as unknown as (x: unknown) => Promise<unknown>;
  await assertRejects(() => f(() => 1), TypeError, "Cannot carry a function");
});

// Life

leakTest("RpcServer.shutdown() waits for what it has cancelled", async () => {
  const events: string[] = [];
  const started = new Gate();
  const server = new RpcServer({
    async work() {
      started.open();
      try {
        await sleep(LONG_MS);
      } finally {
        await sleep(5);
        events.push("cleaned up");
      }
    },
  }, { authkey: KEY });
  await using client = await connect<{ work(): Promise<void> }>(server);
  const call = assertRejects(() => client.api.work(), ConnectionLostError);
  await started.wait();
  await assertRejects(() => server.serveForever({ timeoutMs: 1 }), TimeoutError, "still serves");
  await server.shutdown();
  assertEquals(events, ["cleaned up"]);
  await call;
});

leakTest("RpcClient.connect() tells why it failed, and leaves nothing behind", async () => {
  const server = new RpcServer({ f: () => 1 }, { authkey: KEY });
  const { address } = server;
  const reason = new Error("enough");
  await assertRejects(
    () => connect(server, { signal: AbortSignal.abort(reason) }),
    Error,
    "enough",
  );
  // Somebody who takes connections, and says nothing.
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const nobody = { hostname: "127.0.0.1", port: silent.addr.port };
  await assertRejects(() => connect(server, { address: nobody, timeoutMs: 20 }), TimeoutError);
  const task = spawn(() => connect(server, { address: nobody }));
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  silent.close();
  await assertRejects(() => connect(server, { lookAhead: -1 }), RangeError);
  await server.shutdown();
  await assertRejects(
    () => RpcClient.connect({ address, authkey: KEY }),
    Deno.errors.ConnectionRefused,
  );
});

leakTest("RpcServer with TLS serves clients with TLS, and nobody else", async () => {
  const tls = { caCerts: [certificates.authority.cert] };
  await using served = await serve({ f: () => 1 }, { tls: certificates.server }, { tls });
  assertEquals(await served.api.f(), 1);
  await assertRejects(() => connect(served.server), Error, "TLS");
  await using plain = await serve({ f: () => 2 });
  await assertRejects(() => connect(plain.server, { tls }), Error);
  assertThrows(() => new RpcServer({ f: () => 1 }, { tls }), TypeError, 'must have the "cert"');
});

leakTest("RpcClient without a key finds a server of the same process", async () => {
  await using server = new RpcServer({ f: () => 1 });
  await using client = await RpcClient.connect<{ f(): number }>({ address: server.address });
  assertEquals(await client.api.f(), 1);
  assertNotEquals(server.address.port, 0);
});

// Types

Deno.test("Rpc has the types of the functions, as a client sees them", () => {
  class Point {
    #x = 0;
    field = 1;
    move(by: number): number {
      return this.#x += by;
    }
    *steps(): Generator<string> {}
    _own(): void {}
  }
  interface Api {
    add(a: number, b?: number): number;
    later(): Promise<Map<string, number>>;
    either(): number | undefined;
    numbers(): Generator<number, void>;
    bytes(): ReadableStream<Uint8Array>;
    streamLater(): Promise<AsyncIterable<Date>>;
    sum(numbers: AsyncIterable<number>, list: string[]): Promise<number>;
    Point: typeof Point;
    constant: number;
    _hidden(): void;
  }
  type Client = Rpc<Api>;
  assertType<
    Same<
      keyof Client,
      | ("add" | "later" | "either" | "numbers" | "bytes")
      | ("streamLater" | "sum" | "Point")
    >
  >();
  assertType<Same<Client["add"], (a: number, b?: number) => Promise<number>>>();
  assertType<Same<ReturnType<Client["later"]>, Promise<Map<string, number>>>>();
  assertType<Same<ReturnType<Client["either"]>, Promise<number | undefined>>>();
  assertType<Same<ReturnType<Client["numbers"]>, RpcStream<number>>>();
  assertType<Same<ReturnType<Client["bytes"]>, RpcStream<Uint8Array>>>();
  assertType<Same<ReturnType<Client["streamLater"]>, Promise<RpcStream<Date>>>>();
  assertType<
    Same<Parameters<Client["sum"]>, [AsyncIterable<number> | Iterable<number>, string[]]>
  >();
  type Made = Awaited<ReturnType<Client["Point"]["create"]>>;
  assertType<Same<Made, RpcObject<Point>>>();
  assertType<Same<Made["move"], (by: number) => Promise<number>>>();
  assertType<Same<ReturnType<Made["steps"]>, RpcStream<string>>>();
  assertType<Same<keyof Made, "move" | "steps" | "close" | typeof Symbol.asyncDispose>>();
});

leakTest("RpcServer answers an object of a class when its copy loses no methods", async () => {
  class Point {
    x = 1;
  }
  class Account {
    balance = 1;
    close(): void {}
  }
  const api = {
    bare: (): unknown => Object.assign(Object.create(null), { x: 1 }),
    point: (): unknown => new Point(),
    account: (): unknown => new Account(),
  };
  await using served = await serve(api);
  assertEquals(await served.api.bare(), { x: 1 });
  assertEquals(await served.api.point(), { x: 1 });
  await assertRejects(
    async () => await served.api.account(),
    TypeError,
    "an object of class Account has methods, which a copy would lose",
  );
});

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { LentMethod, Seat } from "../../coroutine/_lending.ts";
import { Queue, QueueEmptyError } from "../../coroutine/mod.ts";
import { FrameStream } from "../../ipc/_frame_stream.ts";
import { Loan } from "../../ipc/_loan.ts";
import { makeProxy } from "../../ipc/_proxy.ts";
import { RemoteObject, rootObject, Session } from "../../ipc/_session.ts";
import { ConnectionClosedError, ConnectionLostError, exposedMethods } from "../../ipc/mod.ts";
import { createRandom } from "../coroutine/_random.ts";
import { createGates, Gate } from "../support/gate.ts";
import { settle } from "../support/settle.ts";
import { borrow, createWaiting, MIB, REASON, SessionPair } from "./_sessions.ts";

// Calls

Deno.test("Session.call() answers what the method returned or promised", async () => {
  await using pair = new SessionPair({
    add: (_call, a: number, b: number) => a + b,
    later: (_call, value: unknown) => Promise.resolve(value),
    nothing: () => {},
    count: (_call, ...args: unknown[]) => args.length,
  });
  assertEquals(await pair.call("add", 2, 3), 5);
  assertEquals(await pair.call("later", { a: [1n] }), { a: [1n] });
  assertEquals(await pair.call("nothing"), undefined);
  assertEquals(await pair.call("count"), 0);
  assertEquals(await pair.call("count", undefined), 1);
  assertEquals(await pair.call("count", [1, 2]), 1);
  assertEquals(await pair.call("count", [1, 2], undefined), 2);
});

Deno.test("Session.call() works in both directions at a time", async () => {
  await using pair: SessionPair = new SessionPair({
    twice: async (_call, n: number) => {
      const { session, remote } = pair.server;
      return 2 * (await session.call(remote, "increment", [n]) as number);
    },
  }, { increment: (_call, n: number) => n + 1 });
  assertEquals(await pair.call("twice", 4), 10);
});

Deno.test("Session.call() has many calls in flight, and takes answers in any order", async () => {
  const count = 2_000;
  const gates = Array.from({ length: count }, () => new Gate());
  const { started } = createGates("started");
  let running = 0;
  await using pair = new SessionPair({
    wait: async (_call, i: number) => {
      if (++running === count) started.open();
      await gates[i]!.wait();
      return i;
    },
  });
  const settled: number[] = [];
  const calls = gates.map(async (_, i) => {
    assertEquals(await pair.call("wait", i), i);
    settled.push(i);
  });
  await started.wait();
  const random = createRandom(4);
  const order = gates.map((_, i) => i).sort(() => random() - 0.5);
  for (const i of order) gates[i]!.open();
  await Promise.all(calls);
  assertEquals(settled, order);
});

Deno.test("Session.call() makes calls of one turn in their order", async () => {
  const seen: number[] = [];
  await using pair = new SessionPair({ see: (_call, n: number) => void seen.push(n) });
  await Promise.all(Array.from({ length: 500 }, (_, i) => pair.call("see", i)));
  assertEquals(seen, Array.from({ length: 500 }, (_, i) => i));
});

Deno.test("Session.call() gives each method bytes of its own", async () => {
  const kept: { bytes: Uint8Array }[] = [];
  await using pair = new SessionPair({
    keep: (_call, value: { bytes: Uint8Array }) => void kept.push(value),
  });
  for (let i = 0; i < 20; i++) await pair.call("keep", { bytes: new Uint8Array(50).fill(i) });
  assertEquals(kept.map(({ bytes }) => [...new Set(bytes)]), kept.map((_, i) => [i]));
});

Deno.test("Session.call() throws what the method threw", async () => {
  await using pair = new SessionPair({
    now: () => {
      throw new QueueEmptyError("nothing there");
    },
    later: () => Promise.reject(Object.assign(new RangeError("too far"), { limit: 5 })),
    odd: () => Promise.reject({ code: 5 }),
  });
  await assertRejects(() => pair.call("now"), QueueEmptyError, "nothing there");
  const error = await assertRejects(() => pair.call("later"), RangeError, "too far");
  assertEquals((error as unknown as { limit: number }).limit, 5);
  assertEquals(await pair.call("odd").catch((error) => error), { code: 5 });
});

Deno.test("Session.call() refuses a method that the object does not have", async () => {
  await using pair = new SessionPair({ one: () => 1, two: () => 2 });
  await assertRejects(
    () => pair.call("three"),
    TypeError,
    'Cannot call "three": the remote object has one, two',
  );
  await assertRejects(() => pair.call("toString"), TypeError);
  await using empty = new SessionPair({});
  await assertRejects(() => empty.call("any"), TypeError, "the remote object has no methods");
});

Deno.test("Session.call() of an object or a method that there is not is refused there", async () => {
  await using pair = new SessionPair({ one: () => 1 });
  const { session } = pair.client;
  for (const object of [new RemoteObject(77, ["one"]), new RemoteObject(0, ["zero", "other"])]) {
    await assertRejects(() => session.call(object, object.methods.at(-1)!, []), ReferenceError);
  }
  assertEquals(await pair.call("one"), 1);
});

Deno.test("Session.call() refuses arguments that cannot be carried, and leaves no trace", async () => {
  let calls = 0;
  await using pair = new SessionPair({ take: () => ++calls });
  await assertRejects(() => pair.call("take", () => 1), TypeError, "Cannot carry a function");
  await assertRejects(() => pair.call("take", 1, [Symbol()]), TypeError, "found at value[1][0]");
  assertEquals(await pair.call("take"), 1);
});

Deno.test("Session.call() tells that a result cannot be carried", async () => {
  await using pair = new SessionPair({ make: () => ({ callback: () => 1 }), one: () => 1 });
  await assertRejects(() => pair.call("make"), TypeError, "found at value.callback");
  assertEquals(await pair.call("one"), 1);
});

Deno.test("Session.notify() calls without an answer, and tells no error", async () => {
  const seen: unknown[] = [];
  await using pair = new SessionPair({
    see: (_call, ...args: unknown[]) => {
      seen.push(...args);
      throw new Error("not told");
    },
    later: () => Promise.reject(new Error("not told either")),
    one: () => 1,
  });
  const { session, remote } = pair.client;
  session.notify(remote, "see", ["a", 1]);
  session.notify(remote, "later", []);
  session.notify(remote, "see", []);
  session.notify(remote, "see", [[2]]);
  assertEquals(await pair.call("one"), 1);
  assertEquals(seen, ["a", 1, [2]]);
  assertThrows(() => session.notify(remote, "none", []), TypeError, 'Cannot call "none"');
});

// Lent objects

Deno.test("Session lends an object, whose methods are called like others", async () => {
  const counter = {
    n: 0,
    add(by: number): number {
      return this.n += by;
    },
    _hidden(): number {
      return this.n;
    },
  };
  await using pair = new SessionPair({ lend: () => new Loan(counter) });
  const proxy = await borrow<typeof counter>(pair);
  assertEquals(exposedMethods(proxy), ["add"]);
  assertEquals([await proxy.add(2), await proxy.add(3)], [2, 5]);
  const other = await borrow<typeof counter>(pair);
  assertEquals(await other.add(1), 6);
});

Deno.test("Session lends no more than what is exposed", async () => {
  const object = { open: () => 1, closed: () => 2 };
  await using pair = new SessionPair({
    lend: () => new Loan(object, ["open"]),
    wrong: () => new Loan(object, ["missing"]),
    queue: () => new Loan(new Queue(), ["put", "qsize"]),
    wrongQueue: () => new Loan(new Queue(), ["put", "toString"]),
  });
  assertEquals(exposedMethods(await borrow(pair)), ["open"]);
  await assertRejects(() => pair.call("wrong"), TypeError, 'Cannot lend "missing"');
  assertEquals((await pair.call("queue") as RemoteObject).methods, ["put", "qsize"]);
  await assertRejects(() => pair.call("wrongQueue"), TypeError, 'Cannot lend "toString"');
});

Deno.test("Session takes an object back when its proxy is disposed", async () => {
  let left = 0;
  class Seated {
    seat(): Seat {
      return { methods: { one: () => 1 }, leave: () => left++ };
    }
  }
  const loan = new Loan({});
  loan.seat = () => new Seated().seat();
  await using pair = new SessionPair({ lend: () => loan, ping: () => 0 });
  const proxy = await borrow<{ one(): number }>(pair);
  assertEquals(await proxy.one(), 1);
  await proxy[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await pair.call("ping");
  assertEquals(left, 1);
  await assertRejects(() => proxy.one(), ConnectionClosedError, "the proxy was disposed");
});

Deno.test("a proxy is for its own connection, unless what it stands for can be reached by others", async () => {
  await using pair = new SessionPair({ lend: () => new Loan({ one: () => 1 }), take: () => 0 });
  const proxy = await borrow<{ one(): number }>(pair);
  const own = "Cannot pass on the proxy: it is for its own connection only";
  await assertRejects(() => pair.call("take", proxy), TypeError, own);
  await proxy[Symbol.asyncDispose]();
  await assertRejects(() => pair.call("take", proxy), TypeError, "it was disposed");
  const { session } = pair.client;
  assertEquals(session.referenceTo(new RemoteObject(1, [], "of no known place")), undefined);
  // Known by a name at a place: whoever gets it goes there.
  const place = { hostname: "192.0.2.1", port: 7, key: "00ff" };
  const scoped = new Session(pair.client.stream, {
    methods: {},
    background: true,
    scope: { place, isFamily: true },
  });
  assertEquals(scoped.referenceTo(new RemoteObject(1, [], "name")), {
    ...place,
    id: "name",
    via: undefined,
  });
  assertEquals(scoped.referenceTo(new RemoteObject(1, [])), undefined);
});

Deno.test("makeProxy() makes nothing that is taken for a promise", async () => {
  await using pair = new SessionPair({ then: () => 1, other: () => 2 });
  const proxy = makeProxy<{ other(): number }>(pair.client.session, pair.client.remote);
  assertStrictEquals(await proxy, proxy);
  assertEquals(await proxy.other(), 2);
});

// The end of the connection

Deno.test("Session rejects every call in flight when the connection drops", async () => {
  const { method, started, reasons } = createWaiting();
  await using pair = new SessionPair({ wait: method });
  const calls = Array.from({ length: 20 }, () => pair.call("wait"));
  await started.wait();
  await settle();
  pair.server.end.sever();
  const errors = await Promise.all(
    calls.map((call) => assertRejects(() => call, ConnectionLostError, "Lost the connection")),
  );
  assertNotEquals(errors[0], undefined);
  assert(errors[0] !== errors[1]);
  await settle();
  assertEquals(reasons.length, 20);
  assertInstanceOf(reasons[0], ConnectionLostError);
  assert(pair.client.session.isClosed);
  await Promise.all([pair.client.session.closed, pair.server.session.closed]);
  await assertRejects(() => pair.call("wait"), ConnectionLostError);
  assertThrows(
    () => pair.client.session.notify(pair.client.remote, "wait", []),
    ConnectionLostError,
  );
});

Deno.test("Session.close() tells the other side why, after what was sent", async () => {
  const { method, started } = createWaiting();
  const seen: number[] = [];
  await using pair = new SessionPair({
    wait: method,
    see: (_call, n: number) => void seen.push(n),
  }, { wait: method });
  const there = pair.call("wait");
  const here = pair.server.session.call(pair.server.remote, "wait", []);
  await started.wait();
  pair.client.session.notify(pair.client.remote, "see", [1]);
  const closing = pair.client.session.close("it is late");
  await Promise.all([
    assertRejects(() => there, ConnectionClosedError, "the connection was closed here"),
    assertRejects(() => here, ConnectionLostError, "Lost the connection to the client: it is late"),
    closing,
  ]);
  assertEquals(seen, [1]);
  await pair.server.session.closed;
  await pair.client.session.close();
  await assertRejects(() => pair.call("see", 2), ConnectionClosedError);
});

Deno.test("Session leaves every seat when the connection ends", async () => {
  for (const how of ["sever", "close here", "close there"]) {
    let left = 0;
    const loan = new Loan({});
    loan.seat = () => ({ methods: {}, leave: () => left++ });
    await using pair = new SessionPair({ lend: () => loan });
    for (let i = 0; i < 3; i++) await pair.call("lend");
    if (how === "sever") pair.client.end.sever();
    if (how === "close here") await pair.client.session.close();
    if (how === "close there") await pair.server.session.close();
    await pair.server.session.closed;
    assertEquals(left, 3, how);
  }
});

Deno.test("Session.release() of an object that there is not is nothing", async () => {
  await using pair = new SessionPair({ one: () => 1 });
  pair.client.session.release(new RemoteObject(50, []));
  assertEquals(await pair.call("one"), 1);
});

Deno.test("Session keeps the process alive only while a call waits", async () => {
  const { method, started } = createWaiting();
  await using pair = new SessionPair({ wait: method });
  const { session, end, remote } = pair.client;
  assertEquals(end.isReferenced, false);
  const controller = new AbortController();
  const { signal } = controller;
  const call = session.call(remote, "wait", [], { signal });
  const background = session.call(remote, "wait", [], { signal, background: true });
  await started.wait();
  assertEquals(end.isReferenced, true);
  controller.abort(REASON);
  await assertRejects(() => call);
  assertEquals(end.isReferenced, false);
  await assertRejects(() => background);
  assertEquals(end.isReferenced, false);
});

// Over a real connection

Deno.test("Session talks over TCP", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connecting = Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const [accepted, connected] = await Promise.all([listener.accept(), connecting]);
  const open = (conn: Deno.Conn, methods: Record<string, LentMethod>): Session => {
    const stream = new FrameStream(conn, { peer: "TCP", maxFrameBytes: 64 * MIB });
    const session = new Session(stream, { methods, background: false });
    session.start();
    return session;
  };
  const server = open(accepted, { echo: (_call, value: unknown) => value });
  const client = open(connected, {});
  const remote = rootObject({ methods: ["echo"] });
  const sizes = [0, 1, 16_384, 16_385, 70_000, 5_000_000];
  const echoes = await Promise.all(sizes.map(async (size) => {
    const bytes = new Uint8Array(size).fill(size & 0xff);
    return { bytes, echo: await client.call(remote, "echo", [{ bytes }]) };
  }));
  for (const { bytes, echo } of echoes) assertEquals(echo, { bytes });
  await client.close("done");
  await server.closed;
});

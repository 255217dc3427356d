import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Delivery, type LentCall, type LentMethod, type Seat } from "../../coroutine/_lending.ts";
import { PriorityQueue, Queue, QueueEmptyError, TimeoutError } from "../../coroutine/mod.ts";
import { encode } from "../../ipc/_encoding.ts";
import { FrameStream } from "../../ipc/_frame_stream.ts";
import { Loan } from "../../ipc/_loan.ts";
import { Flag, makeCallHead, makeShortHead, Message } from "../../ipc/_messages.ts";
import { makeProxy } from "../../ipc/_proxy.ts";
import { RemoteObject, rootObject, Session } from "../../ipc/_session.ts";
import {
  callMethod,
  ConnectionClosedError,
  ConnectionLostError,
  exposedMethods,
  ProtocolError,
  type Remote,
} from "../../ipc/mod.ts";
import { createRandom } from "../coroutine/_random.ts";
import { createGates, Gate } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { assertPending, settle } from "../support/settle.ts";
import { concat, utf8 } from "./_bytes.ts";
import { createMemoryPair } from "./_memory_stream.ts";
import { SessionPair } from "./_sessions.ts";

const MIB = 1024 * 1024;
const REASON = new Error("enough");

/** Lends a queue and gives it to the client, as a proxy. */
async function borrow<T>(pair: SessionPair): Promise<Remote<T>> {
  const object = await pair.call("lend");
  assertInstanceOf(object, RemoteObject);
  return makeProxy<T>(pair.client.session, object);
}

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

// Cancelling

/** A method that waits until it is told to stop, and what happened to it. */
function createWaiting(): { method: LentMethod; started: Gate; reasons: unknown[] } {
  const started = new Gate();
  const reasons: unknown[] = [];
  const method: LentMethod = async ({ signal }: LentCall) => {
    started.open();
    const aborted = new Gate();
    signal.addEventListener("abort", () => aborted.open(), { once: true });
    if (!signal.aborted) await aborted.wait();
    reasons.push(signal.reason);
    throw signal.reason;
  };
  return { method, started, reasons };
}

Deno.test("Session.call() with an aborted signal calls nothing", async () => {
  let calls = 0;
  await using pair = new SessionPair({ count: () => ++calls });
  const { session, remote } = pair.client;
  const signal = AbortSignal.abort(REASON);
  const call = session.call(remote, "count", [], { signal });
  assertStrictEquals(await assertRejects(() => call), REASON);
  const inner = session.call(remote, "count", [{ signal }]);
  assertStrictEquals(await assertRejects(() => inner), REASON);
  assertEquals(await pair.call("count"), 1);
});

Deno.test("Session.call() that is cancelled aborts the signal of the method", async () => {
  const { method, started, reasons } = createWaiting();
  await using pair = new SessionPair({ wait: method, one: () => 1 });
  const controller = new AbortController();
  const { session, remote } = pair.client;
  const call = session.call(remote, "wait", [], { signal: controller.signal });
  await started.wait();
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => call), REASON);
  assertEquals(reasons.length, 1);
  assertInstanceOf(reasons[0], DOMException);
  assertEquals(await pair.call("one"), 1);
});

Deno.test("Session.call() carries the signal of its last argument", async () => {
  const seen: unknown[] = [];
  const { started, stopped } = createGates("started", "stopped");
  await using pair = new SessionPair({
    wait: async (_call, first: string, options: { signal: AbortSignal; depth: number }) => {
      seen.push(first, options.depth);
      options.signal.addEventListener("abort", () => stopped.open());
      started.open();
      await stopped.wait();
      options.signal.throwIfAborted();
    },
  });
  const controller = new AbortController();
  const call = pair.call("wait", "first", { signal: controller.signal, depth: 3 });
  await started.wait();
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => call), REASON);
  await stopped.wait();
  assertEquals(seen, ["first", 3]);
});

Deno.test("Session.call() that was cancelled leaves a method that does not heed its signal", async () => {
  const { started, unblock } = createGates("started", "unblock");
  await using pair = new SessionPair({
    deaf: async () => {
      started.open();
      await unblock.wait();
      return "too late";
    },
    one: () => 1,
  });
  const controller = new AbortController();
  const { session, remote } = pair.client;
  const call = session.call(remote, "deaf", [], { signal: controller.signal });
  await started.wait();
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => call), REASON);
  unblock.open();
  await settle();
  assertEquals(await pair.call("one"), 1);
});

Deno.test("Session.call() that was answered is not changed by a late abort", async () => {
  await using pair = new SessionPair({ one: () => 1 });
  const controller = new AbortController();
  const { session, remote } = pair.client;
  assertEquals(await session.call(remote, "one", [], { signal: controller.signal }), 1);
  const writes = pair.client.end.writes.length;
  controller.abort(REASON);
  await settle();
  assertEquals(pair.client.end.writes.length, writes);
});

Deno.test("Session.call() that had happened before the cancel came answers its result", async () => {
  const { started, unblock } = createGates("started", "unblock");
  await using pair = new SessionPair({
    finish: async () => {
      started.open();
      await unblock.wait();
      return "done";
    },
  });
  const controller = new AbortController();
  const { session, remote } = pair.client;
  const call = session.call(remote, "finish", [], { signal: controller.signal });
  await started.wait();
  // The answer is under way when the call is cancelled.
  pair.client.end.pauseReading(Infinity);
  unblock.open();
  await settle();
  controller.abort(REASON);
  await settle();
  pair.client.end.resumeReading();
  assertEquals(await call, "done");
});

Deno.test("Session.call() takes no longer than timeoutMs", async () => {
  const { method, reasons } = createWaiting();
  await using pair = new SessionPair({ wait: method, one: () => 1 });
  const { session, remote } = pair.client;
  await assertRejects(
    () => session.call(remote, "wait", [], { timeoutMs: 1 }),
    TimeoutError,
    '"wait" did not answer within 1 ms',
  );
  assertEquals(reasons.length, 1);
  assertEquals(await session.call(remote, "one", [], { timeoutMs: 60_000 }), 1);
  await assertRejects(() => session.call(remote, "one", [], { timeoutMs: -1 }), RangeError);
});

Deno.test("callMethod() calls with a signal and a time limit of this side's", async () => {
  interface Waiter {
    wait(): Promise<void>;
    add(a: number, b: number): number;
  }
  const { method } = createWaiting();
  await using pair = new SessionPair({ wait: method, add: (_call, a: number, b: number) => a + b });
  const proxy = makeProxy<Waiter>(pair.client.session, pair.client.remote);
  assertEquals(await callMethod(proxy, "add", [2, 3]), 5);
  await assertRejects(() => callMethod(proxy, "wait", [], { timeoutMs: 1 }), TimeoutError);
  const signal = AbortSignal.abort(REASON);
  assertStrictEquals(await assertRejects(() => callMethod(proxy, "wait", [], { signal })), REASON);
  assertEquals(exposedMethods(proxy), ["wait", "add"]);
  assertThrows(() => exposedMethods({}), TypeError, "it is no proxy");
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
  });
  assertEquals(exposedMethods(await borrow(pair)), ["open"]);
  await assertRejects(() => pair.call("wrong"), TypeError, 'Cannot lend "missing"');
  assertEquals((await pair.call("queue") as RemoteObject).methods, ["put", "qsize"]);
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

Deno.test("makeProxy() makes nothing that is taken for a promise", async () => {
  await using pair = new SessionPair({ then: () => 1, other: () => 2 });
  const proxy = makeProxy<{ other(): number }>(pair.client.session, pair.client.remote);
  assertStrictEquals(await proxy, proxy);
  assertEquals(await proxy.other(), 2);
});

// Deliveries

function deliver(log: string[]): LentMethod {
  return () => new Delivery("item", () => log.push("confirmed"), () => log.push("lost"));
}

Deno.test("Session confirms what was delivered", async () => {
  const log: string[] = [];
  await using pair = new SessionPair({ get: deliver(log), ping: () => 0 });
  assertEquals(await pair.call("get"), "item");
  await pair.call("ping");
  assertEquals(log, ["confirmed"]);
  await pair.client.session.close();
  assertEquals(log, ["confirmed"]);
});

Deno.test("Session gives back what a notification would have delivered", async () => {
  const log: string[] = [];
  await using pair = new SessionPair({ get: deliver(log), ping: () => 0 });
  pair.client.session.notify(pair.client.remote, "get", []);
  await pair.call("ping");
  assertEquals(log, ["lost"]);
});

Deno.test("Session gives back what cannot be carried", async () => {
  const log: string[] = [];
  await using pair = new SessionPair({
    get: () => new Delivery(() => 1, () => log.push("confirmed"), () => log.push("lost")),
  });
  await assertRejects(() => pair.call("get"), TypeError, "Cannot carry a function");
  assertEquals(log, ["lost"]);
});

Deno.test("Session gives back what had not been confirmed when the connection dropped", async () => {
  const log: string[] = [];
  await using pair = new SessionPair({ get: deliver(log) });
  pair.client.end.pauseReading(Infinity);
  const get = pair.call("get");
  await settle();
  assertEquals(log, []);
  pair.client.end.sever();
  await assertRejects(() => get, ConnectionLostError);
  await pair.server.session.closed;
  assertEquals(log, ["lost"]);
});

Deno.test("Session gives back what a method delivers after the connection dropped", async () => {
  const log: string[] = [];
  const { started, unblock } = createGates("started", "unblock");
  await using pair = new SessionPair({
    get: async (call, ...args: unknown[]) => {
      started.open();
      await unblock.wait();
      return deliver(log)(call, ...args);
    },
  });
  const get = pair.call("get");
  await started.wait();
  pair.client.end.sever();
  await assertRejects(() => get, ConnectionLostError);
  unblock.open();
  await settle();
  assertEquals(log, ["lost"]);
});

Deno.test("Session gives back what a method delivers after its call was given up", async () => {
  const log: string[] = [];
  const { started, unblock } = createGates("started", "unblock");
  await using pair = new SessionPair({
    get: async (call, ...args: unknown[]) => {
      started.open();
      await unblock.wait();
      return deliver(log)(call, ...args);
    },
  });
  const controller = new AbortController();
  const { session, remote } = pair.client;
  const get = session.call(remote, "get", [], { signal: controller.signal });
  await started.wait();
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => get), REASON);
  unblock.open();
  await settle();
  assertEquals(log, ["lost"]);
});

Deno.test("Session declines what arrives for a call that nobody waits for", async () => {
  const log: string[] = [];
  const [end, raw] = createMemoryPair();
  const server = new Session(new FrameStream(end, { peer: "raw", maxFrameBytes: MIB }), {
    methods: { get: deliver(log) },
    background: false,
  });
  server.start();
  const peer = new FrameStream(raw, { peer: "server", maxFrameBytes: MIB });
  peer.send(makeCallHead(Message.CALL, 0, 5, 0, 0));
  const result = await peer.receive();
  assertEquals([result![0], result![1]! & 0xf0], [Message.RESULT, Flag.CONFIRM]);
  assertEquals(log, []);
  peer.send(makeShortHead(Message.DECLINE, 0, 5));
  // Once only, and never of what there is not.
  peer.send(makeShortHead(Message.CONFIRM, 0, 5));
  peer.send(makeShortHead(Message.DECLINE, 0, 6));
  peer.send(makeCallHead(Message.CALL, 0, 7, 0, 0));
  await peer.receive();
  assertEquals(log, ["lost"]);
  peer.close();
  await server.closed;
  assertEquals(log, ["lost", "lost"]);
});

Deno.test("Session client declines a delivery for an unknown call", async () => {
  const [end, raw] = createMemoryPair();
  const client = new Session(new FrameStream(end, { peer: "raw", maxFrameBytes: MIB }), {
    methods: {},
    background: false,
  });
  client.start();
  const peer = new FrameStream(raw, { peer: "client", maxFrameBytes: MIB });
  peer.send(makeShortHead(Message.RESULT, Flag.CONFIRM | 1, 99), "1");
  assertEquals(await peer.receive(), Uint8Array.of(Message.DECLINE, 0, 0, 0, 0, 99));
  await client.close();
});

// A lent queue

Deno.test("Session gives the items of a queue back in order when the connection drops", async () => {
  const queue = new Queue<number>(0, { returnUnfinished: true });
  for (let i = 0; i < 8; i++) queue.putNowait(i);
  await using pair = new SessionPair({ lend: () => new Loan(queue), ping: () => 0 });
  const proxy = await borrow<Queue<number>>(pair);
  assertEquals([await proxy.get(), await proxy.get(), await proxy.get()], [0, 1, 2]);
  await proxy.taskDone();
  await pair.call("ping");
  // Two more are on their way.
  pair.client.end.pauseReading(Infinity);
  const gets = [proxy.get(), proxy.get()];
  await settle();
  assertEquals(queue.qsize(), 3);
  pair.client.end.sever();
  for (const get of gets) await assertRejects(() => get, ConnectionLostError);
  await pair.server.session.closed;
  const left: number[] = [];
  while (!queue.empty()) left.push(queue.getNowait());
  assertEquals(left, [1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("Session ends the waiting get of a queue when the connection drops", async () => {
  const queue = new Queue<number>(1);
  await using pair = new SessionPair({ lend: () => new Loan(queue) });
  const proxy = await borrow<Queue<number>>(pair);
  const get = proxy.get();
  await settle();
  assertEquals(queue.statistics().getting, 1);
  pair.client.end.sever();
  await assertRejects(() => get, ConnectionLostError);
  await settle();
  assertEquals(queue.statistics().getting, 0);
  queue.putNowait(1);
  assertEquals(queue.getNowait(), 1);
});

Deno.test("Session cancels the get of a queue, which takes nothing", async () => {
  const queue = new Queue<number>();
  await using pair = new SessionPair({ lend: () => new Loan(queue) });
  const proxy = await borrow<Queue<number>>(pair);
  const controller = new AbortController();
  const get = proxy.get({ signal: controller.signal });
  await settle();
  assertEquals(queue.statistics().getting, 1);
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => get), REASON);
  queue.putNowait(1);
  await settle();
  assertEquals(queue.qsize(), 1);
  await assertRejects(() => proxy.get({ timeoutMs: -1 }), RangeError);
  assertEquals(await proxy.get({ timeoutMs: 0 }), 1);
  await assertRejects(() => proxy.get({ timeoutMs: 1 }), QueueEmptyError);
});

Deno.test("Session survives that an item of a lent queue cannot be put back in order", async () => {
  const queue = new PriorityQueue<unknown>();
  queue.putNowait("text");
  await using pair = new SessionPair({ lend: () => new Loan(queue) });
  const proxy = await borrow<Queue<unknown>>(pair);
  pair.client.end.pauseReading(Infinity);
  const get = proxy.get();
  await settle();
  queue.putNowait(1);
  pair.client.end.sever();
  await assertRejects(() => get, ConnectionLostError);
  await guard(pair.server.session.closed, () => "the session of the server to end");
  assertEquals([queue.getNowait(), queue.getNowait()], ["text", 1]);
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

// Back-pressure

Deno.test("Session.call() waits while the other side does not read, and holds no more", async () => {
  const received: number[] = [];
  await using pair = new SessionPair({
    take: (_call, bytes: Uint8Array) => void received.push(bytes[0]!),
  });
  const { end, stream } = pair.client;
  pair.server.end.pauseReading(0);
  let most = 0;
  const write = end.write.bind(end);
  end.write = (bytes) => {
    most = Math.max(most, stream.bufferedBytes);
    return write(bytes);
  };
  const indices = Array.from({ length: 64 }, (_, i) => i);
  const calls = indices.map((i) => pair.call("take", new Uint8Array(MIB).fill(i)));
  await assertPending(calls[0]!, "the first call");
  assertLess(stream.bufferedBytes, 4 * MIB);
  assertEquals(received, []);
  pair.server.end.resumeReading();
  await guard(Promise.all(calls), () => "all calls to be answered");
  assertEquals(received, indices);
  assertLess(most, 4 * MIB);
});

Deno.test("Session.call() that waits for its turn to be sent can be cancelled", async () => {
  let calls = 0;
  await using pair = new SessionPair({ take: () => ++calls, one: () => 1 });
  const { session, remote } = pair.client;
  pair.server.end.pauseReading(0);
  const first = pair.call("take", new Uint8Array(2 * MIB));
  const controller = new AbortController();
  const second = session.call(remote, "take", [], { signal: controller.signal });
  await settle();
  controller.abort(REASON);
  pair.server.end.resumeReading();
  assertStrictEquals(await assertRejects(() => second), REASON);
  await first;
  assertEquals(calls, 1);
});

Deno.test("Session.call() that waits for its turn rejects when the connection drops", async () => {
  await using pair = new SessionPair({ take: () => 1 });
  pair.server.end.pauseReading(0);
  const calls = [1, 2, 3].map(() => pair.call("take", new Uint8Array(2 * MIB)));
  await settle();
  pair.client.end.sever();
  for (const call of calls) await assertRejects(() => call, ConnectionLostError);
});

Deno.test("Session.call() that comes when there is room again does not overtake those in line", async () => {
  const received: number[] = [];
  await using pair = new SessionPair({
    take: (_call, bytes: Uint8Array) => void received.push(bytes[0]!),
  });
  pair.server.end.pauseReading(0);
  const calls = Array.from({ length: 8 }, (_, i) => pair.call("take", new Uint8Array(MIB).fill(i)));
  await assertPending(calls[0]!, "the first call");
  pair.server.end.resumeReading();
  // As soon as there is room a last one comes, in the turn in which those in line are woken.
  await pair.client.stream.drained(MIB);
  calls.push(pair.call("take", new Uint8Array([8])));
  await guard(Promise.all(calls), () => "all calls to be answered");
  assertEquals(received, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("Session.call() leaves the line when its signal aborts, and those behind go on", async () => {
  const received: number[] = [];
  await using pair = new SessionPair({
    take: (_call, bytes: Uint8Array) => void received.push(bytes[0]!),
  });
  pair.server.end.pauseReading(0);
  const { session, remote } = pair.client;
  const controller = new AbortController();
  const big = (i: number) => [new Uint8Array(2 * MIB).fill(i)];
  const first = session.call(remote, "take", big(0));
  await settle();
  const second = session.call(remote, "take", big(1), { signal: controller.signal });
  const third = session.call(remote, "take", big(2), { timeoutMs: 1 });
  const fourth = session.call(remote, "take", big(3));
  const reason = new Error("enough");
  controller.abort(reason);
  assertStrictEquals(await second.catch((error) => error), reason);
  await assertRejects(() => third, TimeoutError, "took nothing of what was sent within 1 ms");
  await assertPending(fourth, "the fourth call");
  pair.server.end.resumeReading();
  await guard(Promise.all([first, fourth]), () => "the others");
  assertEquals(received, [0, 3]);
});

Deno.test("Session reads no more from a peer that does not read the answers", async () => {
  let calls = 0;
  await using pair = new SessionPair({
    make: () => {
      calls++;
      return new Uint8Array(MIB);
    },
  });
  pair.client.end.pauseReading(0);
  const answers: Promise<unknown>[] = [];
  for (let i = 0; i < 20; i++) {
    answers.push(pair.call("make"));
    // In a turn of its own, so that they do not all come with one read.
    await settle();
  }
  assertLess(calls, 4);
  assertLess(pair.server.stream.bufferedBytes, 4 * MIB);
  pair.client.end.resumeReading();
  await guard(Promise.all(answers), () => "all answers");
  assertEquals(calls, 20);
});

// What a hostile peer sends

interface Raw extends AsyncDisposable {
  peer: FrameStream;
  session: Session;
}

/** A session, and a peer that sends it what it likes. */
function openRaw(methods: Record<string, LentMethod> = {}): Raw {
  const [end, raw] = createMemoryPair();
  const session = new Session(new FrameStream(end, { peer: "raw", maxFrameBytes: MIB }), {
    methods,
    background: false,
  });
  session.start();
  const peer = new FrameStream(raw, { peer: "session", maxFrameBytes: MIB });
  return {
    peer,
    session,
    async [Symbol.asyncDispose](): Promise<void> {
      peer.close();
      await session.closed;
    },
  };
}

Deno.test("Session ends when it is sent what is no message", async () => {
  const frames: Uint8Array[] = [
    new Uint8Array(),
    Uint8Array.of(1),
    new Uint8Array(5),
    new Uint8Array(6),
    Uint8Array.of(10, 0, 0, 0, 0, 0),
    Uint8Array.of(255, 0, 0, 0, 0, 0),
    Uint8Array.of(Message.CALL, 0, 0, 0, 0, 1),
    Uint8Array.of(Message.NOTIFY, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0),
    Uint8Array.of(Message.RELEASE, 0, 0, 0, 0, 0),
  ];
  for (const frame of frames) {
    await using raw = openRaw();
    const call = raw.session.call(rootObject({ methods: ["wait"] }), "wait", []);
    raw.peer.send(frame);
    await assertRejects(() => call, ProtocolError, "Cannot read from raw: a message of kind");
    assert(raw.session.isClosed);
  }
});

Deno.test("Session answers a call that cannot be read with an error, and goes on", async () => {
  await using raw = openRaw({ one: () => 1 });
  const payloads: [flags: number, payload: Uint8Array | string][] = [
    [1, "not json"],
    [1, '"no array"'],
    [2, "not from V8"],
    [4, "no references"],
    [9, "no such encoding"],
    [Flag.SIGNAL | 1, "[]"],
    [Flag.SIGNAL | 1, "[5]"],
    [Flag.SIGNAL, ""],
  ];
  for (const [i, [flags, payload]] of payloads.entries()) {
    raw.peer.send(makeCallHead(Message.CALL, flags, i + 1, 0, 0), payload);
    const answer = await raw.peer.receive();
    assertEquals([answer![0], answer![5]], [Message.ERROR, i + 1], String(payload));
  }
  raw.peer.send(makeCallHead(Message.CALL, 0, 50, 0, 0));
  assertEquals(await raw.peer.receive(), concat(Uint8Array.of(3, 1, 0, 0, 0, 50), utf8("1")));
});

Deno.test("Session ignores answers to calls that it did not make", async () => {
  await using raw = openRaw({ one: () => 1 });
  for (const kind of [Message.RESULT, Message.ERROR, Message.CANCEL, Message.CONFIRM]) {
    raw.peer.send(makeShortHead(kind, 1, 12_345), "1");
  }
  raw.peer.send(makeCallHead(Message.CALL, 0, 1, 0, 0));
  assertEquals((await raw.peer.receive())![0], Message.RESULT);
});

Deno.test("Session rejects a call whose answer cannot be read, and goes on", async () => {
  await using raw = openRaw();
  const remote = rootObject({ methods: ["any"] });
  const answers: [kind: number, flags: number, payload: string][] = [
    [Message.RESULT, 1, "no json"],
    [Message.RESULT, 9, "no encoding"],
    [Message.RESULT, Flag.LOAN | 1, "5"],
    [Message.RESULT, Flag.LOAN | 1, '{"id":1.5,"methods":[]}'],
    [Message.RESULT, Flag.LOAN | 1, '{"id":1,"methods":[1]}'],
    [Message.ERROR, 1, "no json"],
    [Message.ERROR, 1, "5"],
  ];
  for (const [kind, flags, payload] of answers) {
    const call = raw.session.call(remote, "any", []);
    const request = await raw.peer.receive();
    const id = new DataView(request!.buffer).getUint32(2);
    raw.peer.send(makeShortHead(kind, flags, id), payload);
    await assertRejects(() => call, Error);
  }
  assert(!raw.session.isClosed);
});

Deno.test("Session that is told one call id twice loses nothing", async () => {
  const queue = new Queue<number>();
  await using raw = openRaw({ lend: () => new Loan(queue) });
  raw.peer.send(makeCallHead(Message.CALL, 0, 1, 0, 0));
  const lent = await raw.peer.receive();
  const { methods } = JSON.parse(new TextDecoder().decode(lent!.subarray(6)));
  const head = makeCallHead(Message.CALL, 0, 2, 1, methods.indexOf("get")).slice();
  raw.peer.send(head);
  raw.peer.send(head);
  await settle();
  for (const item of [1, 2]) queue.putNowait(item);
  await settle();
  raw.peer.close();
  await raw.session.closed;
  await settle();
  assertEquals(queue.qsize(), 2);
});

Deno.test("Session takes as many calls at a time as it may, and no more", async () => {
  const gate = new Gate();
  let running = 0;
  await using raw = openRaw({
    wait: () => {
      running++;
      return gate.wait();
    },
  });
  const most = 65_536;
  for (let id = 1; id <= most + 1; id++) {
    raw.peer.send(makeCallHead(Message.CALL, 0, id, 0, 0));
  }
  const answer = await guard(raw.peer.receive(), () => "the refusal of one call");
  assertEquals(answer![0], Message.ERROR);
  assertEquals(running, most);
  gate.open();
});

Deno.test("Session survives whatever its peer sends", async () => {
  const random = createRandom(77);
  const queue = new Queue<number>();
  for (let round = 0; round < 60; round++) {
    const raw = openRaw({ lend: () => new Loan(queue), echo: (_call, value: unknown) => value });
    for (let i = 0; i < 40 && !raw.session.isClosed; i++) {
      const kind = 1 + Math.floor(random() * 9);
      const flags = Math.floor(random() * 64);
      const id = Math.floor(random() * 4);
      const { payload } = encode(random() < 0.5 ? [1, { a: "b" }] : new Map([[1, -0]]));
      raw.peer.send(
        kind <= 2
          ? makeCallHead(kind, flags, id, Math.floor(random() * 3), Math.floor(random() * 12))
          : makeShortHead(kind, flags, id),
        payload,
      );
      if (i % 5 === 0) await Promise.resolve();
    }
    raw.peer.close();
    await guard(raw.session.closed, () => "the session to end");
  }
  const { getting, putting } = queue.statistics();
  await settle();
  assertEquals([getting, putting], [0, 0]);
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

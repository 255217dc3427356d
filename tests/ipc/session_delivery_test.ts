import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Delivery, type LentMethod } from "../../coroutine/_lending.ts";
import { PriorityQueue, Queue, QueueEmptyError } from "../../coroutine/mod.ts";
import { FrameStream } from "../../ipc/_frame_stream.ts";
import { Loan } from "../../ipc/_loan.ts";
import { Flag, makeCallHead, makeShortHead, Message } from "../../ipc/_messages.ts";
import { Session } from "../../ipc/_session.ts";
import { ConnectionLostError } from "../../ipc/mod.ts";
import { createGates } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { settle } from "../support/settle.ts";
import { createMemoryPair } from "./_memory_stream.ts";
import { borrow, MIB, REASON, SessionPair } from "./_sessions.ts";

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

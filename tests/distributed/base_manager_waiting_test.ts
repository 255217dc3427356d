import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  Queue,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  TimeoutError,
} from "../../coroutine/mod.ts";
import { callMethod } from "../../ipc/mod.ts";
import { BaseManager } from "../../distributed/mod.ts";
import { Gate } from "../support/gate.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import { ANY, LONG_MS, makeManager, waitUntilGetting } from "./_managers.ts";

// Several clients

leakTest(
  "BaseManager: a queue is the same for all clients [cpython: _TestRemoteManager.test_remote]",
  async () => {
    const { queue, Manager } = makeManager();
    await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
    const open = async () => {
      const client = new Manager({ address: server.address, authkey: "abc" });
      await client.connect();
      return client;
    };
    await using one = await open();
    await using two = await open();
    const [first, second] = [await one.getQueue(), await two.getQueue()];
    assertEquals(server.statistics().connections, 2);
    await first.put(1);
    await second.put(2);
    assertEquals([await second.get(), await first.get()], [1, 2]);
    // Who waits longer is served first, whoever it is.
    const waitingSecond = second.get();
    await waitUntilGetting(first, 1);
    const waitingFirst = first.get();
    await waitUntilGetting(second, 2);
    await queue.put(3);
    await queue.put(4);
    assertEquals([await waitingFirst, await waitingSecond], [4, 3]);
  },
);

leakTest("BaseManager: a call that waits holds up no other one", async () => {
  const gate = new Gate();
  const { queue, Manager } = makeManager();
  const Gated = Manager.register("gated", { callable: () => ({ wait: () => gate.wait() }) });
  await using server = new Gated({ address: ANY, authkey: "abc" }).getServer();
  await using one = new Gated({ address: server.address, authkey: "abc" });
  await using two = new Gated({ address: server.address, authkey: "abc" });
  await Promise.all([one.connect(), two.connect()]);
  const remote = await one.getQueue();
  const gets = [remote.get(), remote.get()];
  const waiting = (await one.gated()).wait();
  for (const client of [one, two]) {
    const counter = await client.counter();
    assertEquals(await counter.add(1), 1);
  }
  await (await two.getQueue()).put(1);
  assertEquals(await gets[0], 1);
  await queue.put(2);
  assertEquals(await gets[1], 2);
  await assertPending(waiting, "the gated call");
  gate.open();
  await waiting;
});

// Limits and signals

leakTest("BaseManager: time limits of a remote queue are those of a queue", async () => {
  const bounded = new Queue<number>(1);
  const Manager = BaseManager.register("bounded", { callable: () => bounded });
  await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
  await using client = new Manager({ address: server.address, authkey: "abc" });
  await client.connect();
  const remote = await client.bounded();
  await assertRejects(() => remote.get({ timeoutMs: 0 }), QueueEmptyError);
  await assertRejects(() => remote.get({ timeoutMs: 1 }), QueueEmptyError);
  await assertRejects(() => remote.getNowait(), QueueEmptyError);
  await remote.put(1);
  await assertRejects(() => remote.put(2, { timeoutMs: 0 }), QueueFullError);
  await assertRejects(() => remote.put(2, { timeoutMs: 1 }), QueueFullError);
  await assertRejects(() => remote.putNowait(2), QueueFullError);
  await assertRejects(() => remote.join({ timeoutMs: 1 }), TimeoutError);
  await assertRejects(() => remote.get({ timeoutMs: -1 }), RangeError, "0 or more");
  assertEquals([await remote.get(), bounded.qsize()], [1, 0]);
  await remote.taskDone();
  await remote.join();
  await bounded.put(1);
  await remote.shutdown();
  assertEquals(await remote.get(), 1);
  await assertRejects(() => remote.get(), QueueShutDownError);
});

leakTest("BaseManager: a get that is aborted loses no item, however it races", async () => {
  const { queue, Manager } = makeManager();
  await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
  await using client = new Manager({ address: server.address, authkey: "abc" });
  await client.connect();
  const remote = await client.getQueue();
  const aborted = AbortSignal.abort(new Error("before"));
  await queue.put(-1);
  await assertRejects(() => remote.get({ signal: aborted }), Error, "before");
  assertEquals(queue.getNowait(), -1);

  const taken: number[] = [];
  const rounds = 200;
  for (let round = 0; round < rounds; round++) {
    const controller = new AbortController();
    const getting = remote.get({ signal: controller.signal })
      .then((item) => taken.push(item), (error) => assertEquals(error.message, "during"));
    // The item and the abort meet: on the server, on the wire, or here.
    if (round % 2 === 0) await waitUntilGetting(remote, 1);
    if (round % 4 < 2) await queue.put(round);
    controller.abort(new Error("during"));
    if (round % 4 >= 2) await queue.put(round);
    await getting;
    // The server has heard of it all when it answers a later call.
    const left = await remote.qsize();
    if (left > 0) taken.push(await remote.get());
    assertEquals([taken.length, taken.at(-1)], [round + 1, round]);
  }
  assertEquals(queue.statistics().getting, 0);
});

leakTest("BaseManager: a put that is aborted leaves no item", async () => {
  const bounded = new Queue<number>(1);
  const Manager = BaseManager.register("bounded", { callable: () => bounded });
  await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
  await using client = new Manager({ address: server.address, authkey: "abc" });
  await client.connect();
  const remote = await client.bounded();
  await remote.put(0);
  const reason = new Error("during");
  const controller = new AbortController();
  const putting = remote.put(1, { signal: controller.signal });
  while ((await remote.statistics()).putting !== 1);
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => putting), reason);
  assertEquals([bounded.statistics().putting, bounded.getNowait(), bounded.qsize()], [0, 0, 0]);

  // Where the place and the abort meet, the put either happened or did not.
  for (let round = 1; round <= 100; round++) {
    await bounded.put(0);
    const controller = new AbortController();
    const putting = remote.put(round, { signal: controller.signal })
      .then(() => [round], () => []);
    if (round % 2 === 0) { while ((await remote.statistics()).putting !== 1); }
    bounded.getNowait();
    controller.abort();
    const expected = await putting;
    await remote.qsize();
    const found = bounded.empty() ? [] : [bounded.getNowait()];
    assertEquals(found, expected);
  }
});

leakTest("callMethod() stops to wait for a method that takes no signal", async () => {
  const gate = new Gate();
  const Manager = BaseManager.register("gated", { callable: () => ({ wait: () => gate.wait() }) });
  await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
  await using client = new Manager({ address: server.address, authkey: "abc" });
  await client.connect();
  const gated = await client.gated();
  await assertRejects(() => callMethod(gated, "wait", [], { timeoutMs: 1 }), TimeoutError);
  const controller = new AbortController();
  const waiting = callMethod(gated, "wait", [], { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  gate.open();
  await callMethod(gated, "wait", [], { timeoutMs: LONG_MS });
});

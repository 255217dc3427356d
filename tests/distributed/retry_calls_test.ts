import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  CancelledError,
  Queue,
  spawn,
  TimeoutError,
  type WaitOptions,
} from "../../coroutine/mod.ts";
import { BaseManager, EngineUnavailableError, TaskQueue } from "../../distributed/mod.ts";
import { ConnectionClosedError, ConnectionLostError } from "../../ipc/mod.ts";
import { Relay } from "../faults/relay.ts";
import { createGates } from "../support/gate.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending, settle } from "../support/settle.ts";
import { clientOf, newLife, RETRY, serve, somewhere, stopServer } from "./_retrying.ts";

leakTest(
  "BaseManager: proxies go on, with the same arguments, when the manager is back",
  async () => {
    const address = somewhere();
    const [first, second] = [newLife(), newLife()];
    const server = serve(address, first);
    await using client = clientOf(address);
    await client.connect();
    const one = await client.object("one", { n: 1 });
    const two = await client.object("two");
    assertEquals([await one.call(1), await two.call(2)], [1, 2]);
    await stopServer(server, one.hang());
    await using _again = serve(address, second);
    assertEquals(await one.call(3), 3);
    assertEquals(second.made, [["one", { n: 1 }]]);
    // What is not used is not asked for.
    assertEquals(await two.call(4), 4);
    assertEquals(second.made, [["one", { n: 1 }], ["two"]]);
    assertEquals([first.called, second.called], [[1, 2], [3, 4]]);
  },
);

leakTest(
  "BaseManager: calls that are made without a connection wait for it, and ask once",
  async () => {
    const address = somewhere();
    const second = newLife();
    const server = serve(address, newLife());
    await using client = clientOf(address);
    await client.connect();
    const object = await client.object();
    await stopServer(server, object.hang());
    const calls = Array.from({ length: 100 }, (_, n) => object.call(n));
    const asking = client.object("new");
    await assertPending(Promise.any([...calls, asking]));
    await using again = serve(address, second);
    assertEquals(await Promise.all(calls), Array.from({ length: 100 }, (_, n) => n));
    assertEquals(await (await asking).call("new"), "new");
    assertEquals(second.made.length, 2);
    assertEquals(again.statistics().connections, 1);
  },
);

leakTest("BaseManager: a call outlives a connection that is lost while it waits", async () => {
  const { asked, mayMake } = createGates("asked", "mayMake");
  let made = 0;
  const Slow = BaseManager.register("object", {
    callable: async () => {
      const number = ++made;
      if (number === 2) {
        asked.open();
        await mayMake.wait();
      }
      return { call: (value: unknown) => [number, value], hang: () => new Promise(() => {}) };
    },
  });
  await using server = new Slow({ authkey: "key" }).getServer();
  await using relay = new Relay(server.address.port);
  await using client = clientOf(relay.address);
  await client.connect();
  const object = await client.object();
  const hanging = assertRejects(() => object.hang(), ConnectionLostError);
  assertEquals(await object.call("a"), [1, "a"]);
  relay.cut();
  await hanging;
  const calling = object.call("b");
  await asked.wait();
  // The new connection is lost as well, before the call has been sent.
  relay.cut();
  assertEquals(await calling, [3, "b"]);
  mayMake.open();
});

leakTest("BaseManager: what was in flight rejects, and is not done twice", async () => {
  const address = somewhere();
  const [first, second] = [newLife(), newLife()];
  const server = serve(address, first);
  await using client = clientOf(address);
  await client.connect();
  const object = await client.object();
  const waiting = assertRejects(() => object.wait("once"), ConnectionLostError);
  await first.entered.wait();
  await server.shutdown();
  first.gate.open();
  await using _again = serve(address, second);
  await waiting;
  assertEquals(await object.call("after"), "after");
  assertEquals([first.called, second.called], [["once"], ["after"]]);
});

leakTest("BaseManager: a call waits for the manager no longer than it may", async () => {
  const address = somewhere();
  const queue = new Queue<number>();
  const Master = BaseManager.register("getTasks", { callable: () => queue });
  const server = new Master({ address, authkey: "key" }).getServer();
  await using client = new Master({ address, authkey: "key", retry: RETRY });
  await client.connect();
  const tasks = await client.getTasks();
  queue.putNowait(0);
  await stopServer(server, tasks.join());
  await assertRejects(
    () => tasks.get({ timeoutMs: 20 }),
    TimeoutError,
    "could not be reached within",
  );
  const stop = new AbortController();
  const getting = assertRejects(() => tasks.get({ signal: stop.signal }), Error, "enough");
  await settle();
  stop.abort(new Error("enough"));
  await getting;
  const aborted = AbortSignal.abort(new Error("before"));
  await assertRejects(() => tasks.get({ signal: aborted }), Error, "before");
  const task = spawn(() => tasks.get());
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  // None of them takes anything later.
  await using _again = new Master({ address, authkey: "key" }).getServer();
  assertEquals(await tasks.qsize(), 1);
  assertEquals(await tasks.get({ timeoutMs: 10_000 }), 0);
});

leakTest("BaseManager: a new manager that does not know the name", async () => {
  const address = somewhere();
  const server = serve(address, newLife());
  await using client = clientOf(address);
  await client.connect();
  const object = await client.object();
  await stopServer(server, object.hang());
  const Data = BaseManager.register("object", {
    callable: (how?: string) => how === "hang" ? new Promise<number>(() => {}) : 1,
  });
  const data = new Data({ address, authkey: "key" }).getServer();
  await assertRejects(() => object.call(1), TypeError, "does not lend an object");
  await stopServer(data, client.object("hang"));
  const again = serve(address, newLife());
  assertEquals(await object.call(2), 2);
  await stopServer(again, object.hang());
  const Other = BaseManager.register("another", { callable: () => 1 });
  await using _other = new Other({ address, authkey: "key" }).getServer();
  await assertRejects(() => object.call(3), TypeError, "the manager has another");
});

leakTest("BaseManager: a proxy that was disposed of is not asked for again", async () => {
  const address = somewhere();
  const server = serve(address, newLife());
  await using client = clientOf(address);
  await client.connect();
  const object = await client.object();
  await object[Symbol.asyncDispose]();
  await assertRejects(() => object.call(1), ConnectionClosedError, "the proxy was disposed");
  await server.shutdown();
});

leakTest("TaskQueue.over() a proxy with retry is of its connection only", async () => {
  const address = somewhere();
  const open = () => {
    const queue = new TaskQueue<number, number>();
    const Master = BaseManager.register("getTasks", { callable: () => queue });
    return { queue, server: new Master({ address, authkey: "key" }).getServer() };
  };
  const first = open();
  const Worker = BaseManager.register("getTasks", { proxyType: TaskQueue<number, number> });
  await using client = new Worker({ address, authkey: "key", retry: RETRY });
  await client.connect();
  await using tasks = await TaskQueue.over(await client.getTasks());
  await first.queue.put(1, { retries: 1 });
  const lease = await tasks.get();
  const { promise: lost, resolve } = Promise.withResolvers<void>();
  lease.signal.addEventListener("abort", () => resolve());
  await first.server.shutdown();
  const second = open();
  await lost;
  const task = await second.queue.put(2);
  const near = await second.queue.get();
  await assertRejects(() => tasks.get(), EngineUnavailableError);
  // A lease of the first manager is no lease of the second one, whatever its number.
  await lease.complete(7).catch(() => {});
  assertEquals(await near.complete(2), true);
  assertEquals(await task.result(), 2);
  await assertRejects(() => tasks.get({ timeoutMs: 1_000 }), EngineUnavailableError);
  await using again = await TaskQueue.over(await client.getTasks());
  const next = await second.queue.put(3);
  const far = await again.get();
  assertEquals(await far.complete(3), true);
  assertEquals(await next.result(), 3);
  await second.server.shutdown();
  await first.queue[Symbol.asyncDispose]();
  await second.queue[Symbol.asyncDispose]();
});

leakTest("BaseManager: with retry through a connection that is cut again and again", async () => {
  const life = newLife();
  await using server = serve(somewhere(), life);
  await using relay = new Relay(server.address.port);
  await using client = clientOf(relay.address);
  await client.connect();
  const object = await client.object();
  const kept: number[] = [];
  const lost: number[] = [];
  for (let round = 0; round < 50; round++) {
    const calls = Array.from({ length: 10 }, (_, n) => {
      const value = 10 * round + n;
      return object.call(value).then(
        () => kept.push(value),
        (error) => {
          assertInstanceOf(error, ConnectionLostError);
          lost.push(value);
        },
      );
    });
    if (round % 2 === 0) await Promise.resolve();
    else await calls[0];
    relay.cut();
    await Promise.all(calls);
  }
  assertEquals(kept.length + lost.length, 500);
  assert(kept.length >= 25, `${kept.length} kept`);
  // Nothing was done twice, and what was answered was done.
  assertEquals(new Set(life.called).size, life.called.length);
  for (const value of kept) assert(life.called.includes(value));
});

leakTest("BaseManager: with retry what is no object is as it is without", async () => {
  const address = somewhere();
  const Master = BaseManager
    .register("data", { callable: (n: number) => ({ n }) })
    .register("echo", {
      callable: () => ({
        back: (value: unknown) => value,
        hang: () => new Promise<void>(() => {}),
      }),
    });
  const open = () => new Master({ address, authkey: "key" }).getServer();
  const server = open();
  await using client = new Master({ address, authkey: "key", retry: RETRY });
  await client.connect();
  assertEquals(await client.data(1), { n: 1 });
  const echo = await client.echo();
  // Both live with the manager: what comes back is an object of it.
  const other = await client.echo();
  const back = await echo.back(other) as typeof echo;
  assertEquals(await back.back(5), 5);
  // What is given back without a connection is gone already.
  await stopServer(server, Promise.resolve(echo.hang()));
  await (other as unknown as AsyncDisposable)[Symbol.asyncDispose]();
  await using _again = open();
  assertEquals(await echo.back(6), 6);
});

leakTest(
  "BaseManager: with retry a manager that does not make its object again costs no more than the time of the call",
  async () => {
    const address = somewhere();
    const register = (make: () => unknown) =>
      BaseManager.register("queue", {
        callable: make as () => { put(item: number, options?: WaitOptions): void; get(): number },
      });
    const queue = () => ({ put: () => {}, get: () => new Promise(() => {}) });
    const server = new (register(queue))({ address, authkey: "key" }).getServer();
    await using client = new (register(queue))({ address, authkey: "key", retry: RETRY });
    await client.connect();
    const remote = await client.queue();
    await stopServer(server, Promise.resolve(remote.get()));
    const Endless = register(() => new Promise(() => {}));
    await using _again = new Endless({ address, authkey: "key" }).getServer();
    await assertRejects(
      async () => await remote.put(1, { timeoutMs: 100 }),
      TimeoutError,
      "did not answer within",
    );
  },
);

import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { CancelledError, sleep, spawn, TimeoutError } from "../../coroutine/mod.ts";
import { AuthenticationError, ConnectionLostError, formatAddress } from "../../ipc/mod.ts";
import { BaseManager, type Server } from "../../distributed/mod.ts";
import { Process } from "../../process/mod.ts";
import { Gate } from "../support/gate.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import { ANY, makeManager } from "./_managers.ts";
import { putAll } from "./targets.ts";

// Shutdown

leakTest("Server.serveForever() ends when a client shuts the manager down", async () => {
  const { Manager } = makeManager();
  const server = new Manager({ address: ANY, authkey: "abc" }).getServer();
  const forever = server.serveForever();
  await using one = new Manager({ address: server.address, authkey: "abc" });
  await using two = new Manager({ address: server.address, authkey: "abc" });
  await Promise.all([one.connect(), two.connect()]);
  const remote = await two.getQueue();
  const getting = assertRejects(() => remote.get(), ConnectionLostError, "was shut down");
  await assertPending(forever, "serveForever()");
  await one.shutdown();
  await forever;
  await getting;
  await assertRejects(() => two.getQueue(), ConnectionLostError);
  const late = new Manager({ address: server.address, authkey: "abc" });
  await assertRejects(() => late.connect(), Deno.errors.ConnectionRefused);
  await server.shutdown();
  await server.serveForever();
});

leakTest(
  "Server.serveForever() stops to wait by its limit and its signal, and serves on",
  async () => {
    const { Manager } = makeManager();
    await using server = new Manager({ address: ANY, authkey: "abc" }).getServer();
    const { message } = await assertRejects(
      () => server.serveForever({ timeoutMs: 1 }),
      TimeoutError,
    );
    assertStringIncludes(message, formatAddress(server.address));
    const controller = new AbortController();
    const waiting = server.serveForever({ signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => waiting), reason);
    assertStrictEquals(
      await assertRejects(() => server.serveForever({ signal: controller.signal })),
      reason,
    );
    await using client = new Manager({ address: server.address, authkey: "abc" });
    await client.connect();
    assertEquals(await client.later(1), 1);
  },
);

leakTest(
  "Server can be disposed twice, and its port is free at once [cpython: _TestManagerRestart.test_rapid_restart]",
  async () => {
    const { Manager } = makeManager();
    const first = new Manager({ address: ANY, authkey: "abc" }).getServer();
    const { address } = first;
    await using client = new Manager({ address, authkey: "abc" });
    await client.connect();
    await Promise.all([first[Symbol.asyncDispose](), first.shutdown()]);
    await first[Symbol.asyncDispose]();
    await using second = new Manager({ address, authkey: "abc" }).getServer();
    assertEquals(second.address, address);
    await using again = new Manager({ address, authkey: "abc" });
    await again.connect();
    assertEquals(await again.later(2), 2);
  },
);

leakTest(
  "BaseManager: what clients call does not end with the task that has made the server",
  async () => {
    const entered = new Gate();
    const woken = new Gate();
    const wait = async () => {
      entered.open();
      await sleep(0);
      await woken.wait();
      return "waited";
    };
    const Master = BaseManager.register("wait", { callable: wait });
    const made = Promise.withResolvers<Server>();
    const serving = spawn(async () => {
      const server = new Master({ authkey: "key" }).getServer();
      made.resolve(server);
      await server.serveForever();
    });
    await using server = await made.promise;
    await using client = new Master({ address: server.address, authkey: "key" });
    await client.connect();
    const waiting = client.wait();
    await entered.wait();
    serving.cancel();
    await assertRejects(async () => await serving, CancelledError);
    woken.open();
    assertEquals(await waiting, "waited");
  },
);

// Keys

leakTest("BaseManager: both sides need the same key", async () => {
  const { Manager } = makeManager();
  const refused = Promise.withResolvers<unknown>();
  await using server = new Manager({ address: ANY, authkey: "abc", onRefused: refused.resolve })
    .getServer();
  await using wrong = new Manager({ address: server.address, authkey: "abd" });
  await assertRejects(() => wrong.connect(), AuthenticationError, "the keys differ");
  assertInstanceOf(await refused.promise, AuthenticationError);
  // The key of the family is another one.
  await using none = new Manager({ address: server.address });
  await assertRejects(() => none.connect(), AuthenticationError);
  const bytes = new TextEncoder().encode("abc");
  await using right = new Manager({ address: server.address, authkey: bytes });
  await right.connect();
  assertEquals(await right.later(3), 3);
});

leakTest("BaseManager: without a key, this process and its children have one", async () => {
  const { queue, Manager } = makeManager();
  await using server = new Manager({ address: ANY }).getServer();
  await using client = new Manager({ address: server.address });
  await client.connect();
  await using child = new Process({
    module: import.meta.resolve("./targets.ts"),
    target: putAll,
    args: [server.address, [1, 2]],
    permissions: { net: [formatAddress(server.address)] },
  });
  await child.start();
  await child.result();
  assertEquals([await queue.get(), await (await client.getQueue()).get()], [1, 2]);
});

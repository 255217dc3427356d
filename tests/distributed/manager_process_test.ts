import {
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { Queue, TimeoutError } from "../../coroutine/mod.ts";
import { BaseManager } from "../../distributed/mod.ts";
import { type Address, ConnectionClosedError, ConnectionLostError } from "../../ipc/mod.ts";
import { activeChildren, ProcessDiedError, ProcessStateError } from "../../process/mod.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import * as targets from "./targets.ts";

const MODULE = new URL("targets.ts", import.meta.url);
const { OwnManager } = targets;

leakTest(
  "BaseManager.start() serves in a process of its own [cpython: _TestMyManager.test_mymanager]",
  async () => {
    const manager = new OwnManager({ module: MODULE });
    await manager.start();
    assertNotEquals(manager.address.port, 0);
    const [process] = activeChildren();
    assertEquals(await manager.getPid(), process!.pid!);

    const counter = await manager.Counter(40);
    assertEquals([await counter.add(1), await counter.addLater(1)], [41, 42]);
    const error = await assertRejects(() => counter.fail("no more"), RangeError, "no more");
    assertInstanceOf(error.cause, TypeError);

    const queue = await manager.getQueue();
    await queue.put(1);
    await using other = new OwnManager({ address: manager.address });
    await other.connect();
    assertEquals(await (await other.getQueue()).get(), 1);

    await manager.shutdown();
    assertEquals(process!.exitCode, 0);
    assertEquals(activeChildren(), []);
    await assertRejects(() => queue.qsize(), Error);
    await assertRejects(() => other.getPid(), ConnectionLostError);
    await manager.shutdown();
    await manager[Symbol.asyncDispose]();
  },
);

leakTest(
  "BaseManager is shut down when it is disposed, and again is nothing [cpython: _TestMyManager.test_mymanager_context]",
  async () => {
    const manager = new OwnManager({ module: MODULE });
    await manager.start();
    const [process] = activeChildren();
    await Promise.all([manager[Symbol.asyncDispose](), manager[Symbol.asyncDispose]()]);
    await process!.join().catch(() => {});
    assertEquals([process!.isAlive(), process!.exitCode], [false, 0]);
    await manager[Symbol.asyncDispose]();
    await assertRejects(() => manager.start(), ProcessStateError, "closed");
  },
);

leakTest("BaseManager.start() is done once", async () => {
  await using manager = new OwnManager({ module: MODULE });
  const starting = manager.start();
  await assertRejects(() => manager.start(), ProcessStateError, "starting already");
  await assertRejects(() => manager.connect(), ProcessStateError, "starting already");
  await starting;
  await assertRejects(() => manager.start(), ProcessStateError, "started already");
  assertEquals(activeChildren().length, 1);
});

leakTest("BaseManager.shutdown() by a client ends the manager's process", async () => {
  await using manager = new OwnManager({ module: MODULE, authkey: "abc" });
  await manager.start();
  const [process] = activeChildren();
  await using client = new OwnManager({ address: manager.address, authkey: "abc" });
  await client.connect();
  await client.shutdown();
  await process!.join();
  assertEquals(process!.exitCode, 0);
  await assertRejects(() => manager.getPid(), ConnectionLostError);
});

leakTest("BaseManager.shutdown() kills a process that hears nothing", async () => {
  const manager = new OwnManager({ module: MODULE, shutdownTimeoutMs: 100 });
  await manager.start();
  const [process] = activeChildren();
  const spinning = assertRejects(() => manager.spin(), Error);
  await manager.shutdown();
  await spinning;
  assertEquals([process!.isAlive(), process!.exitCode], [false, -15]);
});

leakTest("BaseManager.shutdown() by a client says when the manager did not answer", async () => {
  const manager = new OwnManager({ module: MODULE, shutdownTimeoutMs: 100 });
  await manager.start();
  const client = new OwnManager({ address: manager.address, shutdownTimeoutMs: 1 });
  await client.connect();
  const [process] = activeChildren();
  Deno.kill(process!.pid!, "SIGSTOP");
  await assertRejects(() => client.shutdown(), TimeoutError, "did not answer within 1 ms");
  assertEquals(process!.isAlive(), true);
  await assertRejects(() => client.getPid(), ProcessStateError, "closed");
  // Its owner can end it all the same.
  await manager.shutdown();
  assertEquals(process!.exitCode, -9);
}, { ignore: Deno.build.os === "windows" });

leakTest(
  "BaseManager: a manager can start where one was shut down [cpython: _TestManagerRestart.test_rapid_restart]",
  async () => {
    const first = new OwnManager({ module: MODULE });
    await first.start();
    const { address } = first;
    await (await first.getQueue()).put(1);
    await first.shutdown();
    await using second = new OwnManager({ module: MODULE, address });
    await second.start();
    assertEquals(second.address, address);
    assertEquals(await (await second.getQueue()).qsize(), 0);
  },
);

leakTest("BaseManager.start(): the port is taken", async () => {
  const { Manager, address, server } = serve();
  await using _server = server;
  await using manager = new OwnManager({ module: MODULE, address });
  const text = `Cannot listen on 127.0.0.1:${address.port}: the port is taken`;
  await assertRejects(() => manager.start(), Deno.errors.AddrInUse, text);
  assertEquals(activeChildren(), []);
  const another = new Manager({ address });
  let error: unknown;
  try {
    another.getServer();
  } catch (thrown) {
    error = thrown;
  }
  assertInstanceOf(error, Deno.errors.AddrInUse);
  assertStringIncludes(error.message, text);
  // Neither has been used: both may try again when the port is free.
  await server.shutdown();
  await manager.start();
  assertGreater(await manager.getPid(), 0);
});

function serve() {
  const Manager = BaseManager.register("one", { callable: () => 1 });
  const server = new Manager({ address: "127.0.0.1:0" }).getServer();
  return { Manager, server, address: server.address };
}

leakTest("BaseManager.start() needs the module and the names of the functions", async () => {
  await using none = new OwnManager();
  await assertRejects(() => none.start(), TypeError, 'the option "module" must say');
  const Nameless = BaseManager.register("f", { callable: (() => () => 1)() });
  await using nameless = new Nameless({ module: MODULE });
  await assertRejects(() => nameless.start(), TypeError, 'the function of "f" has no name');
  const Other = BaseManager.register("f", { callable: function notExported() {} });
  await using other = new Other({ module: MODULE });
  const { message } = await assertRejects(() => other.start(), TypeError);
  assertStringIncludes(message, 'Cannot serve "notExported"');
  assertStringIncludes(message, "makeCounter");
  assertEquals(activeChildren(), []);
});

leakTest(
  "BaseManager.start() rejects with what the module throws when it is imported",
  async () => {
    const module = "data:text/javascript,export function f() {} throw new RangeError('at import')";
    const Manager = BaseManager.register("f", { callable: function f() {} });
    await using manager = new Manager({ module });
    await assertRejects(() => manager.start(), RangeError, "at import");
    await using missing = new Manager({ module: new URL("missing.ts", import.meta.url) });
    await assertRejects(() => missing.start(), TypeError, "missing.ts");
    assertEquals(activeChildren(), []);
  },
);

leakTest(
  "BaseManager.start() stops by its limit and its signal, and leaves no process",
  async () => {
    const module = "data:text/javascript,export function f() {} while (true);";
    const Manager = BaseManager.register("f", { callable: function f() {} });
    await using late = new Manager({ module });
    await assertRejects(() => late.start({ timeoutMs: 300 }), TimeoutError);
    await using aborted = new Manager({ module });
    const controller = new AbortController();
    const starting = aborted.start({ signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => starting), reason);
    assertEquals(activeChildren(), []);
  },
);

leakTest("BaseManager.start(): the functions have the permissions that are granted", async () => {
  const path = MODULE.pathname;
  await using none = new OwnManager({ module: MODULE });
  await none.start();
  await assertRejects(() => none.readFile(path), Deno.errors.NotCapable);
  await using some = new OwnManager({ module: MODULE, permissions: { read: [MODULE] } });
  await some.start();
  assertStringIncludes(await some.readFile(path), "export const OwnManager");
  await assertRejects(() => some.readFile("/etc/hostname"), Deno.errors.NotCapable);
  await using net = new OwnManager({ module: MODULE, permissions: { net: true, read: false } });
  await net.start();
  await assertRejects(() => net.readFile(path), Deno.errors.NotCapable);
}, { ignore: Deno.build.os === "windows" });

leakTest(
  "BaseManager.start() finds the configuration of the module from every folder",
  async () => {
    const module = new URL("../process/fixtures/mapped/uses_answer.ts", import.meta.url);
    const cwd = await Deno.makeTempDir();
    try {
      const code = `
      import { BaseManager } from ${
        JSON.stringify(import.meta.resolve("../../distributed/mod.ts"))
      };
      const Manager = BaseManager.register("oracle", { callable: function makeOracle() {} });
      await using manager = new Manager({ module: ${JSON.stringify(module)} });
      await manager.start();
      console.log("READY " + await (await manager.oracle()).ask());
    `;
      const flags = ["--allow-run", "--allow-net", "--allow-read"];
      await using program = await startProgram({ code }, { cwd, flags });
      assertEquals(program.ready, "42");
    } finally {
      await Deno.remove(cwd);
    }
  },
);

leakTest("BaseManager: a call ends when the manager's process exits under it", async () => {
  await using manager = new OwnManager({ module: MODULE });
  await manager.start();
  const [process] = activeChildren();
  await assertRejects(() => manager.exitNow(), ConnectionLostError);
  await process!.join();
  assertEquals(process!.exitCode, 7);
  await assertRejects(() => process!.result(), ProcessDiedError, "exit code 7");
});

leakTest("BaseManager.start() keeps a program alive that awaits it in a function", async () => {
  const code = `
    import { OwnManager } from ${JSON.stringify(MODULE)};
    async function main() {
      const manager = new OwnManager({ module: ${JSON.stringify(MODULE)} });
      await manager.start();
      const queue = await manager.getQueue();
      await queue.put(7);
      await manager.shutdown();
      console.log("READY");
      const left = new OwnManager({ module: ${JSON.stringify(MODULE)} });
      await left.start();
      console.log("started");
    }
    // Not awaited: at the top level of a module the runtime waits in any case.
    main();
  `;
  const flags = ["--allow-run", "--allow-net", "--allow-read"];
  await using program = await startProgram({ code }, { flags });
  // The manager that is left does not keep the program alive.
  assertEquals(await Array.fromAsync(program.stdout), ["started"]);
  assertEquals((await program.status).code, 0);
});

leakTest("BaseManager needs --allow-net for its address, and says so", async () => {
  const code = `
    import { BaseManager } from "@manyhands/concurrency/distributed";
    console.log("READY");
    const report = (error) => console.log(error.name + ": " + error.message);
    const Manager = BaseManager.register("one", { callable: () => 1 });
    try {
      const server = new Manager({ address: "127.0.0.1:0" }).getServer();
      const client = new Manager({ address: server.address });
      await client.connect();
      console.log("served " + await client.one());
      Deno.exit();
    } catch (error) {
      report(error);
    }
    await new Manager({ address: "127.0.0.1:9" }).connect().catch(report);
  `;
  await using program = await startProgram({ code });
  const lines = await Array.fromAsync(program.stdout);
  assertEquals(lines, [
    "NotCapable: Cannot listen on 127.0.0.1:0: run again with --allow-net=127.0.0.1",
    "NotCapable: Cannot connect to 127.0.0.1:9: run again with --allow-net=127.0.0.1:9",
  ]);
  await using allowed = await startProgram({ code }, { flags: ["--allow-net=127.0.0.1"] });
  assertEquals(await Array.fromAsync(allowed.stdout), ["served 1"]);
});

leakTest("BaseManager.close() while it connects leaves no connection", async () => {
  const { Manager, server, address } = serve();
  await using _server = server;
  const client = new Manager({ address });
  const connecting = assertRejects(() => client.connect(), ConnectionClosedError, "meanwhile");
  await client.close();
  await connecting;
  await assertRejects(() => client.one(), ProcessStateError, "closed");
});

leakTest("BaseManager.close() while it starts leaves no process", async () => {
  const manager = new OwnManager({ module: MODULE, shutdownTimeoutMs: 10 });
  const starting = manager.start().then(() => "started", (error) => (error as Error).name);
  const [process] = activeChildren();
  await manager.close();
  assertNotEquals(await starting, "started");
  assertEquals([process!.isAlive(), activeChildren().length], [false, 0]);
  await assertRejects(() => manager.start(), ProcessStateError, "closed");
});

leakTest("BaseManager: a queue's types reach the client of a started manager", async () => {
  await using manager = new OwnManager({ module: MODULE });
  await manager.start();
  const address: Address = manager.address;
  const Client = BaseManager.register("getQueue", { proxyType: Queue<number> });
  await using client = new Client({ address });
  await client.connect();
  const queue = await client.getQueue();
  const put: Promise<void> = queue.put(5);
  await put;
  const item: number = await queue.get();
  assertEquals(item, 5);
});

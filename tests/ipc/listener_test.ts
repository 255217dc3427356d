import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { CancelledError, spawn, TimeoutError } from "../../coroutine/mod.ts";
import { readPlace } from "../../ipc/_place.ts";
import {
  type Address,
  AuthenticationError,
  connect,
  ConnectionClosedError,
  ConnectionLostError,
  EofError,
  formatAddress,
  Listener,
  type ListenerOptions,
  ProtocolError,
} from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { startProgram } from "../support/child_program.ts";
import { Gate } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending, settle } from "../support/settle.ts";
import { callIn } from "./connection_targets.ts";

const MODULE = new URL("connection_targets.ts", import.meta.url);
const REASON = new Error("enough");
const UNIX = Deno.build.os !== "windows";

function unixListener(options: ListenerOptions = {}): Listener {
  return new Listener(undefined, { family: "AF_UNIX", ...options });
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

const FAMILIES: [name: string, make: (options?: ListenerOptions) => Listener][] = [
  ["over TCP", (options) => new Listener("127.0.0.1:0", options)],
];
if (UNIX) FAMILIES.push(["at a Unix socket", unixListener]);

for (const [name, make] of FAMILIES) {
  leakTest(
    `Listener ${name} takes in a process [cpython: _TestListenerClient.test_listener_client]`,
    async () => {
      for (const authkey of [undefined, "a key"]) {
        await using listener = make({ authkey });
        const { address } = listener;
        const grant = typeof address === "string"
          ? { net: [`unix:${address}`], read: [address], write: [address] }
          : { net: [formatAddress(address)] };
        await using child = new Process({
          module: MODULE,
          target: callIn,
          args: [address, { authkey }],
          permissions: grant,
        });
        await child.start();
        await using connection = await listener.accept({ timeoutMs: 20_000 });
        assertEquals(await connection.recv(), "hello");
        await child.result();
      }
    },
  );

  Deno.test(`Listener ${name} keeps what was sent by who has left before he was accepted [cpython: _TestListenerClient.test_issue14725]`, async () => {
    await using listener = make();
    const client = await connect(listener.address);
    await client.send("early");
    await client.close();
    await using connection = await listener.accept();
    assertEquals(await connection.recv(), "early");
    await assertRejects(() => connection.recv(), ConnectionLostError);
  });

  Deno.test(`Listener ${name} sends before the other side looks [cpython: _TestListenerClient.test_issue16955]`, async () => {
    await using listener = make();
    await using client = await connect(listener.address);
    await using server = await listener.accept();
    await server.sendBytes(new TextEncoder().encode("hello"));
    assertEquals(await client.poll({ timeoutMs: 20_000 }), true);
    assertEquals(await client.recvBytes(), new TextEncoder().encode("hello"));
  });

  Deno.test(`Listener ${name} and its connections end with their scope [cpython: _TestListener.test_context]`, async () => {
    const listener = make();
    {
      await using _listener = listener;
      await using client = await connect(listener.address);
      await using server = await listener.accept();
      await client.send(1729);
      assertEquals(await server.recv(), 1729);
    }
    await assertRejects(() => listener.accept(), ConnectionClosedError, "the listener is closed");
    await listener.close();
    await assertRejects(() => connect(listener.address), Deno.errors.ConnectionRefused);
  });

  Deno.test(`Listener ${name} cannot be bound twice [cpython: _TestListener.test_multiple_bind]`, async () => {
    await using listener = make();
    const error = assertThrows(() => new Listener(listener.address), Deno.errors.AddrInUse);
    assert(error.message.startsWith("Cannot listen on "), error.message);
  });

  Deno.test(`Listener ${name} needs the same key on both sides`, async () => {
    await using listener = make({ authkey: "right" });
    const { address } = listener;
    for (const authkey of ["wrong", new Uint8Array([1])]) {
      const accepted = assertRejects(() => listener.accept(), AuthenticationError);
      await assertRejects(() => connect(address, { authkey }), AuthenticationError);
      await accepted;
    }
    const accepted = listener.accept();
    await using client = await connect(address, { authkey: new TextEncoder().encode("right") });
    await using server = await accepted;
    await server.send("fine");
    assertEquals(await client.recv(), "fine");
    if (typeof address === "string") assertEquals(listener.lastAccepted, "");
  });

  Deno.test(`Listener ${name} iterates over those who have the key`, async () => {
    const refused: unknown[] = [];
    const listener = make({ authkey: "right", onRefused: (error) => refused.push(error) });
    const served = (async () => {
      const seen: unknown[] = [];
      for await (const connection of listener) {
        seen.push(await connection.recv());
        await connection.send("seen");
        await connection.close();
      }
      return seen;
    })();
    for (const n of [1, 2]) {
      await assertRejects(() => connect(listener.address, { authkey: "wrong" }));
      await using client = await connect<unknown>(listener.address, { authkey: "right" });
      await client.send(n);
      await client.recv();
    }
    await listener.close();
    assertEquals(await served, [1, 2]);
    assertEquals(refused.length, 2);
    refused.forEach((error) => assertInstanceOf(error, AuthenticationError));
  });

  Deno.test(`Listener ${name} is not held up by those who are slow with the handshake`, async () => {
    const refused: Error[] = [];
    const onRefused = (error: unknown) => refused.push(error as Error);
    await using listener = make({ authkey: "key", handshakeTimeoutMs: 1000, onRefused });
    const { address } = listener;
    const accepted = listener.accept();
    const silent = await Promise.all(Array.from({ length: 3 }, () => connect(address)));
    await using client = await connect(address, { authkey: "key" });
    await using server = await accepted;
    await client.send("in");
    assertEquals(await server.recv(), "in");
    const next = listener.accept();
    for (const connection of silent) {
      // The challenge, and then the end.
      assertEquals((await connection.recvBytes()).length, 59);
      await assertRejects(() => connection.recvBytes(), ConnectionLostError);
      await connection.close();
    }
    await assertPending(next, "the second accept");
    await using late = await connect(address, { authkey: "key" });
    await (await next).close();
    await assertRejects(() => late.recv(), ConnectionLostError);
    assertEquals(refused.map(({ name }) => name), ["TimeoutError", "TimeoutError", "TimeoutError"]);
  });

  Deno.test(`Listener ${name} tells an acceptor of who left in the handshake`, async () => {
    await using listener = make({ authkey: "key" });
    const accepted = assertRejects(() => listener.accept(), ConnectionLostError);
    await (await connect(listener.address)).close();
    await accepted;
    const garbled = assertRejects(() => listener.accept(), ProtocolError, "the limit is 256");
    const client = await connect(listener.address);
    await client.sendBytes(new Uint8Array(300));
    await garbled;
    await client.close();
  });

  Deno.test(`Listener ${name} stops its waits when it is told to`, async () => {
    await using listener = make();
    const controller = new AbortController();
    const aborted = listener.accept({ signal: controller.signal });
    const second = listener.accept();
    await assertPending(second, "the accept");
    controller.abort(REASON);
    assertStrictEquals(await assertRejects(() => aborted), REASON);
    const { signal } = controller;
    assertStrictEquals(await assertRejects(() => listener.accept({ signal })), REASON);
    assertStrictEquals(await assertRejects(() => connect(listener.address, { signal })), REASON);
    await using client = await connect(listener.address);
    await using server = await second;
    await client.send(1);
    assertEquals(await server.recv(), 1);
    await assertRejects(() => listener.accept({ timeoutMs: 1 }), TimeoutError);
    const last = assertRejects(() => listener.accept(), ConnectionClosedError);
    await settle();
    await listener.close();
    await last;
  });
}

Deno.test("Listener tells its address and where the last connection came from", async () => {
  await using listener = new Listener();
  const address = listener.address as Address;
  assertEquals(address.hostname, "127.0.0.1");
  assert(address.port > 0);
  assertEquals(listener.lastAccepted, undefined);
  await using client = await connect(["127.0.0.1", address.port]);
  await using _server = await listener.accept();
  const { hostname, port } = listener.lastAccepted as Address;
  assertEquals(hostname, "127.0.0.1");
  assert(port > 0 && port !== address.port);
  assertEquals(String(client), `Connection { to 127.0.0.1:${address.port} }`);
  await using wide = new Listener(["", 0]);
  assertEquals((wide.address as Address).hostname, "0.0.0.0");
  await using _narrow = await connect(wide.address);
});

Deno.test("Listener refuses options that are none, and listens to nothing then", async () => {
  const bad: [options: unknown, error: typeof TypeError | typeof RangeError][] = [
    [{ authkey: "" }, TypeError],
    [{ authkey: 7 }, TypeError],
    [{ backlog: 0 }, RangeError],
    [{ backlog: 1.5 }, RangeError],
    [{ family: "AF_PIPE" }, RangeError],
    [{ handshakeTimeoutMs: -1 }, RangeError],
    [{ maxMessageBytes: 0 }, RangeError],
    [{ codec: { encode() {} } }, TypeError],
  ];
  for (const [options, error] of bad) {
    assertThrows(() => new Listener("127.0.0.1:0", options as ListenerOptions), error);
  }
  assertThrows(() => new Listener("somewhere"), TypeError, "Cannot read address");
  const { port1, port2 } = new MessageChannel();
  await assertRejects(() => connect(port1, { authkey: "key" }), TypeError);
  port1.close();
  port2.close();
  await assertRejects(() => connect("127.0.0.1:1", { authkey: "" }), TypeError);
  await assertRejects(() => connect("127.0.0.1:1"), Deno.errors.ConnectionRefused, "nobody is");
});

Deno.test("Listener refuses addresses of other systems [cpython: TestInvalidFamily.test_invalid_family, TestInvalidFamily.test_invalid_family_win32]", () => {
  assertThrows(() => new Listener("\\\\.\\pipe\\test"), RangeError, "named pipes of Windows");
  assertThrows(() => new Listener("\\\\.\\test", { family: "AF_UNIX" }), RangeError);
  const read = (address: string, os: string) => readPlace("Cannot listen", address, undefined, os);
  assertThrows(() => read("/var/test.pipe", "windows"), RangeError, "no Unix sockets");
  assertThrows(() => read("\0name", "darwin"), RangeError, "for Linux only");
  assertThrows(() => readPlace("Cannot listen", "", "AF_UNIX"), RangeError, "the path is empty");
  assertThrows(() => readPlace("Cannot listen", ["h", 1], "AF_UNIX"), TypeError, "is a path");
  assertEquals(read("/tmp/x", "linux"), { family: "AF_UNIX", path: "/tmp/x" });
  assertEquals(readPlace("", "x:1", "AF_UNIX", "linux"), { family: "AF_UNIX", path: "x:1" });
  assertEquals(read("a:1", "windows").family, "AF_INET");
});

Deno.test({
  name:
    "Listener at a name of Linux that is in no folder [cpython: _TestListener.test_abstract_socket]",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const name = `\0manyhands-${crypto.randomUUID()}`;
    await using listener = new Listener(name);
    assertEquals(listener.address, name);
    await using client = await connect(name);
    await using server = await listener.accept();
    await client.send("hello");
    assertEquals(await server.recv(), "hello");
  },
});

Deno.test({
  name: "Listener.close() removes the file of a Unix socket, and the folder that was made for it",
  ignore: !UNIX,
  async fn() {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/socket`;
    const listener = new Listener(path);
    assertEquals(await exists(path), true);
    await listener.close();
    assertEquals([await exists(path), await exists(folder)], [false, true]);
    await Deno.remove(folder);
    const made = unixListener();
    const address = made.address as string;
    assertEquals(await exists(address), true);
    await made.close();
    assertEquals(await exists(address.slice(0, address.lastIndexOf("/"))), false);
  },
});

Deno.test({
  name: "Listener.close() does no harm when somebody has removed its socket and the folder of it",
  ignore: !UNIX,
  async fn() {
    const listener = unixListener();
    const address = listener.address as string;
    await Deno.remove(address.slice(0, address.lastIndexOf("/")), { recursive: true });
    const waiting = assertRejects(() => listener.accept(), ConnectionClosedError);
    await listener.close();
    await waiting;
  },
});

leakTest(
  "Listener removes the file of a Unix socket when its program ends without closing it",
  async () => {
    if (!UNIX) return;
    const mod = new URL("../../ipc/mod.ts", import.meta.url);
    for (const end of ["", "Deno.exit(3);"]) {
      const code = `import { Listener } from ${JSON.stringify(mod.href)};
      const listener = new Listener(undefined, { family: "AF_UNIX" });
      console.log("READY " + listener.address);
      await new Promise((resolve) => Deno.stdin.read(new Uint8Array(1)).then(resolve));
      ${end}`;
      await using program = await startProgram({ code }, { flags: ["-A"] });
      assertEquals(await exists(program.ready), true);
      await program.send("end");
      await program.status;
      assertEquals(await exists(program.ready), false);
    }
  },
);

leakTest("Listener and connect() say which permission is missing, and need no other", async () => {
  const mod = new URL("../../ipc/mod.ts", import.meta.url);
  const path = `${await Deno.realPath(await Deno.makeTempDir())}/socket`;
  const run = async (address: string, flags: string[]) => {
    const code = `import { connect, Listener } from ${JSON.stringify(mod.href)};
      try {
        await using listener = new Listener(${JSON.stringify(address)});
        await using client = await connect(listener.address);
        await using server = await listener.accept();
        await client.send("READY fine");
        console.log(await server.recv());
      } catch (error) {
        console.log("READY " + error.name + ": " + error.message);
      }`;
    await using program = await startProgram({ code }, { flags });
    return program.ready;
  };
  const missing = "NotCapable: Cannot listen on";
  assertEquals(
    await run("127.0.0.1:0", []),
    `${missing} 127.0.0.1:0: run again with --allow-net=127.0.0.1`,
  );
  assertEquals(
    await run("127.0.0.1:4567", []),
    `${missing} 127.0.0.1:4567: run again with --allow-net=127.0.0.1:4567`,
  );
  assertEquals(await run("127.0.0.1:0", ["--allow-net=127.0.0.1"]), "fine");
  if (!UNIX) return;
  const flags = [`--allow-net=unix:${path}`, `--allow-read=${path}`, `--allow-write=${path}`];
  assertEquals(await run(path, []), `${missing} ${path}: run again with ${flags.join(" ")}`);
  assertEquals(await run(path, flags), "fine");
  if (Deno.build.os !== "linux") return;
  const name = `\0manyhands-${crypto.randomUUID()}`;
  const shown = name.replace("\0", "@");
  assertEquals(await run(name, []), `${missing} ${shown}: run again with --allow-net`);
  assertEquals(await run(name, ["--allow-net"]), "fine");
});

Deno.test("Listener says that an address is not of this machine", () => {
  const error = assertThrows(
    () => new Listener("192.0.2.1:0"),
    Error,
    "Cannot listen on 192.0.2.1:0: ",
  );
  assert(error.cause instanceof Error);
  assertEquals(error.name, error.cause.name);
});

Deno.test("Listener ends a loop with the task in which it runs, and can be used further", async () => {
  await using listener = new Listener();
  const task = spawn(async () => {
    for await (const connection of listener) await connection.close();
  });
  await settle();
  task.cancel();
  await assertRejects(() => guard(task, () => "the end of the task"), CancelledError);
  const [server, client] = await Promise.all([listener.accept(), connect(listener.address)]);
  await client.close();
  await server.close();
});

Deno.test("Listener.accept() in a task that was cancelled before takes nobody", async () => {
  await using listener = new Listener();
  const [begun, cancelled] = [new Gate(), new Gate()];
  const task = spawn(async () => {
    begun.open();
    await cancelled.wait();
    await listener.accept();
  });
  await begun.wait();
  task.cancel("enough");
  const client = await connect(listener.address);
  cancelled.open();
  await assertRejects(() => guard(task.join().then(() => task), () => "the task"), CancelledError);
  const server = await listener.accept();
  await client.send(1);
  assertEquals(await server.recv(), 1);
  await client.close();
  await server.close();
});

leakTest("connect() that is given up while it connects leaves no connection behind", async () => {
  await using listener = new Listener();
  const controller = new AbortController();
  const connecting = connect(listener.address, { signal: controller.signal });
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => connecting), REASON);
  // It was opened all the same, and closed then.
  const server = await guard(listener.accept(), () => "the connection");
  await assertRejects(() => guard(server.recv(), () => "the end of it"), EofError);
  await server.close();
});

Deno.test("connect() gives up a listener that says nothing", async () => {
  await using listener = new Listener();
  const { address } = listener;
  await assertRejects(
    () => connect(address, { authkey: "key", timeoutMs: 20 }),
    TimeoutError,
    "no answer within 20 ms",
  );
  const controller = new AbortController();
  const connecting = connect(address, { authkey: "key", signal: controller.signal });
  await assertPending(connecting, "connect()");
  controller.abort(REASON);
  assertStrictEquals(await assertRejects(() => connecting), REASON);
  await guard(listener.accept().then((connection) => connection.close()), () => "the accept");
});

Deno.test("connect() tells a side that does not shake hands", async () => {
  await using listener = new Listener();
  const connecting = assertRejects(
    () => connect(listener.address, { authkey: "key" }),
    ProtocolError,
    "it sent no challenge",
  );
  await using server = await listener.accept();
  await server.sendBytes(new Uint8Array(20));
  await connecting;
  const left = assertRejects(
    () => connect(listener.address, { authkey: "key" }),
    ConnectionLostError,
  );
  await (await listener.accept()).close();
  await left;
});

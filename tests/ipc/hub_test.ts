import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Queue, TimeoutError } from "../../coroutine/mod.ts";
import {
  authenticateServer,
  MAX_HANDSHAKE_FRAME_BYTES,
  readKey,
} from "../../ipc/_authentication.ts";
import { type Connected, type ConnectOptions, connectSession } from "../../ipc/_connect.ts";
import { FrameStream } from "../../ipc/_frame_stream.ts";
import { Hub, type HubOptions } from "../../ipc/_hub.ts";
import { MAX_HANDSHAKES, MAX_HELLO_BYTES } from "../../ipc/_limits.ts";
import { Loan } from "../../ipc/_loan.ts";
import { writeHello } from "../../ipc/_messages.ts";
import { makeProxy } from "../../ipc/_proxy.ts";
import type { RemoteObject, Session } from "../../ipc/_session.ts";
import {
  type Address,
  AuthenticationError,
  ConnectionLostError,
  formatAddress,
  ProtocolError,
  type Remote,
} from "../../ipc/mod.ts";
import { Gate } from "../support/gate.ts";
import { guard, GUARD_MS } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, runPython } from "../support/python.ts";
import { settle } from "../support/settle.ts";
import { fromHex, shortFrame, utf8 } from "./_bytes.ts";

const KEY = readKey("abc");
const LOOPBACK: Address = { hostname: "127.0.0.1", port: 0 };

/** A hub that listens, and what happens to it. */
class TestHub implements AsyncDisposable {
  readonly hub: Hub;
  readonly address: Address;
  readonly sessions: Session[] = [];
  readonly #refusals: unknown[] = [];
  #refused = new Gate();

  constructor(options: Partial<HubOptions> = {}) {
    this.hub = new Hub({
      key: KEY,
      methods: { echo: (_call, value: unknown) => value },
      onSession: (session) => this.sessions.push(session),
      onRefused: (error) => {
        this.#refusals.push(error);
        this.#refused.open();
      },
      ...options,
    });
    this.address = this.hub.listen(LOOPBACK);
  }

  /** A client that has the key. */
  connect(options: Partial<ConnectOptions> = {}): Promise<Connected> {
    return connectSession(this.address, { key: KEY, ...options });
  }

  /** A connection that has said nothing yet. */
  dial(): Promise<Deno.TcpConn> {
    return Deno.connect(this.address);
  }

  /** The next connection that was refused. */
  async refusal(): Promise<Error> {
    await guard(this.#refused.wait(), () => "the hub to refuse a connection");
    const error = this.#refusals.shift();
    if (this.#refusals.length === 0) this.#refused = new Gate();
    assertInstanceOf(error, Error);
    return error;
  }

  /** Fails unless an honest client is served. */
  async assertServes(): Promise<void> {
    const { session, root } = await this.connect();
    assertEquals(await session.call(root, "echo", ["hello"]), "hello");
    await session.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub.close("the test is over");
  }
}

/** Reads until the other side closes. */
async function readAll(conn: Deno.Conn): Promise<number> {
  const buffer = new Uint8Array(1024);
  let bytes = 0;
  try {
    for (;;) {
      const count = await guard(conn.read(buffer), () => "the hub to close the connection");
      if (count === null) return bytes;
      bytes += count;
    }
  } catch (error) {
    assertInstanceOf(error, Deno.errors.ConnectionReset);
    return bytes;
  }
}

async function echo({ session, root }: Connected, value: unknown): Promise<unknown> {
  return await session.call(root, "echo", [value]);
}

// Honest clients

Deno.test("Hub serves clients that have the key, each for itself", async () => {
  await using test = new TestHub();
  const clients = await Promise.all(Array.from({ length: 20 }, () => test.connect()));
  assertEquals(test.hub.connections, 20);
  assertEquals(
    await Promise.all(clients.map((client, i) => echo(client, i))),
    clients.map((_, i) => i),
  );
  await clients[0]!.session.close();
  assertEquals(await echo(clients[1]!, "still there"), "still there");
  for (const { session } of clients) await session.close();
  await Promise.all(test.sessions.map(({ closed }) => closed));
  await settle();
  assertEquals(test.hub.connections, 0);
});

Deno.test("Hub takes a ticket in place of the key, and is told it with the methods", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  await using test = new TestHub({
    redeem: (ticket) => ticket === "t1" ? "p1" : undefined,
    onSession: (session, hello) => {
      resolve([hello.ticket, hello.methods, session.isClosed]);
    },
  });
  const { session } = await test.connect({
    key: new TextEncoder().encode("not the key"),
    ticket: { ticket: "t1", proof: "p1" },
    methods: { here: () => 1 },
  });
  assertEquals(await promise, ["t1", ["here"], false]);
  await session.close();
});

Deno.test("Hub refuses a ticket that it does not know", async () => {
  const refused = Promise.withResolvers<unknown>();
  await using test = new TestHub({
    redeem: () => undefined,
    onRefused: refused.resolve,
  });
  const ticket = { ticket: "t2", proof: "p2" };
  await assertRejects(() => test.connect({ ticket }), AuthenticationError, "not the parent");
  assertInstanceOf(await refused.promise, AuthenticationError);
});

Deno.test("Hub takes no ticket when it gives none out", async () => {
  await using test = new TestHub();
  const ticket = { ticket: "t1", proof: "p1" };
  await assertRejects(() => test.connect({ ticket }), AuthenticationError);
});

Deno.test("connectSession() refuses one that takes its ticket and has not the proof", async () => {
  await using test = new TestHub({ redeem: () => "p1" });
  const ticket = { ticket: "t1", proof: "p2" };
  await assertRejects(() => test.connect({ ticket }), AuthenticationError, "not the parent");
});

Deno.test("Hub.listen() answers the port that the system chose", async () => {
  await using test = new TestHub();
  assertEquals(test.address.hostname, "127.0.0.1");
  assert(test.address.port > 0);
  assertEquals(test.hub.address, test.address);
});

Deno.test("Hub on every interface is found under the address that it tells", async () => {
  const hub = new Hub({ key: KEY, methods: { one: () => 1 } });
  const address = hub.listen({ hostname: "0.0.0.0", port: 0 });
  const { session, root } = await connectSession(address, { key: KEY });
  assertEquals(await session.call(root, "one", []), 1);
  await session.close();
  await hub.close("over");
});

Deno.test("Hub listens on IPv6 where there is one", async () => {
  const hub = new Hub({ key: KEY, methods: { one: () => 1 } });
  let address: Address;
  try {
    address = hub.listen({ hostname: "::1", port: 0 });
  } catch (error) {
    console.warn(`hub_test: there is no IPv6 here: ${error}`);
    return;
  }
  const { session, root } = await connectSession(address, { key: KEY });
  assertEquals(await session.call(root, "one", []), 1);
  assertStringIncludes(session.peer, "[::1]:");
  await session.close();
  await hub.close("over");
});

Deno.test("Hub.close() closes every connection in order, and tells why", async () => {
  const gate = new Gate();
  const test = new TestHub({ methods: { wait: () => gate.wait() } });
  const { session, root } = await test.connect();
  const call = session.call(root, "wait", []);
  // One in the midst of the handshake.
  using silent = await test.dial();
  await settle();
  await Promise.all([
    assertRejects(() => call, ConnectionLostError, "closed for today"),
    test.hub.close("closed for today"),
  ]);
  await session.closed;
  await readAll(silent);
  await test.hub.close("twice is no harm");
  gate.open();
  await assertRejects(() => test.connect(), Deno.errors.ConnectionRefused);
});

Deno.test("Hub aborts what a client had called, and leaves its seats, when it is gone", async () => {
  const queue = new Queue<number>(0, { returnUnfinished: true });
  for (const item of [1, 2, 3]) queue.putNowait(item);
  await using test = new TestHub({ methods: { lend: () => new Loan(queue) } });
  const { session, root } = await test.connect();
  const object = await session.call(root, "lend", []) as RemoteObject;
  const proxy: Remote<Queue<number>> = makeProxy(session, object);
  assertEquals([await proxy.get(), await proxy.get(), await proxy.get()], [1, 2, 3]);
  await proxy.taskDone();
  const waiting = proxy.get();
  while (queue.statistics().getting === 0) await settle();
  await session.close();
  await assertRejects(() => waiting);
  await guard(test.sessions[0]!.closed, () => "the hub to notice");
  await settle();
  assertEquals(queue.statistics().getting, 0);
  assertEquals([queue.getNowait(), queue.getNowait(), queue.qsize()], [2, 3, 0]);
});

// Those who are refused

Deno.test("Hub refuses a client with another key", async () => {
  await using test = new TestHub();
  const honest = await test.connect();
  await assertRejects(
    () => test.connect({ key: readKey("other") }),
    AuthenticationError,
    "digest sent was rejected",
  );
  assertInstanceOf(await test.refusal(), AuthenticationError);
  assertEquals(await echo(honest, 1), 1);
  await honest.session.close();
});

Deno.test("Hub without allowLegacy refuses a client that answers with MD5", async () => {
  await using test = new TestHub({ allowLegacy: false });
  using conn = await test.dial();
  const stream = new FrameStream(conn, { peer: "hub", maxFrameBytes: MAX_HANDSHAKE_FRAME_BYTES });
  const challenge = await stream.receive();
  const { hmac } = await import("../../ipc/_authentication.ts");
  stream.send(await hmac("md5", KEY, challenge!.subarray(11)));
  assertEquals(await stream.receive(), utf8("#FAILURE#"));
  assertInstanceOf(await test.refusal(), AuthenticationError);
  await test.assertServes();
});

const STRANGERS: [name: string, bytes: Uint8Array<ArrayBuffer>][] = [
  ["HTTP", utf8("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")],
  ["TLS", fromHex("16030100f8010000f40303")],
  ["a frame of 2 GiB", fromHex("7fffffff00000000")],
  ["a long frame beyond any memory", fromHex("ffffffffffffffffffffffff")],
  ["a negative length", fromHex("fffffffe")],
  ["a frame of 257 bytes", fromHex("00000101")],
];
for (const [name, bytes] of STRANGERS) {
  Deno.test(`Hub refuses who sends ${name}, and serves the others meanwhile`, async () => {
    await using test = new TestHub();
    const honest = await test.connect();
    using conn = await test.dial();
    await conn.write(bytes);
    // Its challenge, and nothing more.
    const read = await readAll(conn);
    assert(read === 0 || read === 63, `${read} bytes`);
    assertInstanceOf(await test.refusal(), ProtocolError);
    assertEquals(await echo(honest, "unharmed"), "unharmed");
    await test.assertServes();
    await honest.session.close();
  });
}

Deno.test("Hub survives who connects and leaves at once", async () => {
  await using test = new TestHub();
  for (let i = 0; i < 20; i++) (await test.dial()).close();
  assertInstanceOf(await test.refusal(), ConnectionLostError);
  await test.assertServes();
});

Deno.test("Hub closes a connection that stalls in the handshake after handshakeTimeoutMs", async () => {
  await using test = new TestHub({ handshakeTimeoutMs: 50 });
  using silent = await test.dial();
  using halfway = await test.dial();
  await halfway.write(fromHex("000000"));
  assertEquals(await readAll(silent), 63);
  await readAll(halfway);
  assertInstanceOf(await test.refusal(), ConnectionLostError);
  assertInstanceOf(await test.refusal(), ConnectionLostError);
});

Deno.test("Hub closes a connection that has the key and says no hello in time", async () => {
  await using test = new TestHub({ handshakeTimeoutMs: 100 });
  using conn = await test.dial();
  const stream = new FrameStream(conn, { peer: "hub", maxFrameBytes: MAX_HANDSHAKE_FRAME_BYTES });
  assert(await authenticateServer(stream, KEY));
  await readAll(conn);
  assertInstanceOf(await test.refusal(), ConnectionLostError);
  assertEquals(test.hub.connections, 0);
});

Deno.test("Hub lets a client be that was through the handshake in time", async () => {
  await using test = new TestHub({ handshakeTimeoutMs: 500 });
  const client = await test.connect();
  using silent = await test.dial();
  // When the silent one is closed, so would this one have been.
  await readAll(silent);
  assertEquals(await echo(client, 1), 1);
  await client.session.close();
});

Deno.test("Hub refuses a hello that is none", async () => {
  const hellos = [utf8("hello"), utf8('manyhands/1 {"methods":5}'), utf8("manyhands/2 {}")];
  for (const hello of hellos) {
    await using test = new TestHub();
    using conn = await test.dial();
    const stream = new FrameStream(conn, { peer: "hub", maxFrameBytes: 256 });
    await authenticateServer(stream, KEY);
    stream.send(hello);
    assertEquals(await stream.receive(), undefined);
    assertStringIncludes((await test.refusal()).message, "its first message is not readable");
    assertEquals([test.hub.connections, test.sessions.length], [0, 0]);
  }
});

Deno.test("Hub refuses a first message that is larger than any hello", async () => {
  await using test = new TestHub();
  using conn = await test.dial();
  const stream = new FrameStream(conn, { peer: "hub", maxFrameBytes: MAX_HANDSHAKE_FRAME_BYTES });
  await authenticateServer(stream, KEY);
  stream.send(utf8("manyhands/1 ".padEnd(MAX_HELLO_BYTES + 1)));
  assertStringIncludes((await test.refusal()).message, `the limit is ${MAX_HELLO_BYTES}`);
  await readAll(conn);
});

Deno.test("Hub.close() does not wait for those in the handshake", async () => {
  await using test = new TestHub({ handshakeTimeoutMs: 10 * GUARD_MS });
  using silent = await test.dial();
  // It has its challenge.
  assertEquals(await silent.read(new Uint8Array(100)), 63);
  await guard(test.hub.close("it is over"), () => "the hub to close");
  await readAll(silent);
});

Deno.test("Hub takes no more than maxConnections", async () => {
  await using test = new TestHub({ maxConnections: 2 });
  const clients = [await test.connect(), await test.connect()];
  using third = await test.dial();
  assertEquals(await readAll(third), 0);
  const refusal = await test.refusal();
  assertInstanceOf(refusal, RangeError);
  assertStringIncludes(refusal.message, "2 are open");
  await assertRejects(() => test.connect(), ConnectionLostError);
  await clients[0]!.session.close();
  await guard(test.sessions[0]!.closed, () => "the hub to notice");
  await settle();
  await test.assertServes();
  await clients[1]!.session.close();
});

Deno.test("Hub closes the oldest of too many that have not proved the key", async () => {
  await using test = new TestHub({ handshakeTimeoutMs: 10 * GUARD_MS });
  const strangers: Deno.TcpConn[] = [];
  for (let i = 0; i < MAX_HANDSHAKES; i++) strangers.push(await test.dial());
  // All of them have arrived when the last one has its challenge.
  await strangers.at(-1)!.read(new Uint8Array(100));
  await test.assertServes();
  assertEquals(await readAll(strangers[0]!), 63);
  for (const conn of strangers) conn.close();
});

Deno.test("Hub disconnects a client whose message is above maxMessageBytes, and no other", async () => {
  await using test = new TestHub({ maxMessageBytes: 1_000 });
  const [greedy, honest] = [await test.connect(), await test.connect()];
  assertEquals(await echo(greedy, "x".repeat(900)), "x".repeat(900));
  await assertRejects(() => echo(greedy, "x".repeat(1_001)), ConnectionLostError);
  assertEquals(await echo(honest, 1), 1);
  await honest.session.close();
});

// Those who connect

Deno.test("connectSession() says that nobody is listening", async () => {
  const hub = new Hub({ key: KEY, methods: {} });
  const address = hub.listen(LOOPBACK);
  await hub.close("over");
  await assertRejects(
    () => connectSession(address, { key: KEY }),
    Deno.errors.ConnectionRefused,
    `Cannot connect to ${formatAddress(address)}: nobody is listening there`,
  );
});

Deno.test("connectSession() says which host it does not find", async () => {
  const error = await assertRejects(
    () => connectSession({ hostname: "no-such-host.invalid", port: 5000 }, { key: KEY }),
    Error,
    "Cannot connect to no-such-host.invalid:5000: ",
  );
  assertInstanceOf(error.cause, Error);
});

Deno.test("Hub.listen() says that the port is taken, or the address not of this machine", async () => {
  await using test = new TestHub();
  const second = new Hub({ key: KEY, methods: {} });
  assertThrows(
    () => second.listen(test.address),
    Deno.errors.AddrInUse,
    `Cannot listen on ${formatAddress(test.address)}: the port is taken`,
  );
  assertThrows(
    () => second.listen({ hostname: "192.0.2.1", port: 0 }),
    Error,
    "Cannot listen on 192.0.2.1:0: ",
  );
  await second.close("it never listened");
});

Deno.test("connectSession() looks at an aborted signal first", async () => {
  const signal = AbortSignal.abort(new Error("enough"));
  const connecting = connectSession({ hostname: "127.0.0.1", port: 1 }, { key: KEY, signal });
  assertStrictEquals(await assertRejects(() => connecting), signal.reason);
});

/** A listener whose handshake never comes. */
class SilentListener implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly address = this.#listener.addr as Deno.NetAddr;
  readonly accepted: Promise<Deno.TcpConn> = this.#listener.accept();

  async [Symbol.asyncDispose](): Promise<void> {
    const conn = await this.accepted;
    await readAll(conn);
    conn.close();
    this.#listener.close();
  }
}

Deno.test("connectSession() can be cancelled in the handshake", async () => {
  await using silent = new SilentListener();
  const controller = new AbortController();
  const reason = new Error("enough");
  const connecting = connectSession(silent.address, { key: KEY, signal: controller.signal });
  await silent.accepted;
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => connecting), reason);
});

Deno.test("connectSession() takes no longer than timeoutMs", async () => {
  await using silent = new SilentListener();
  await assertRejects(
    () => connectSession(silent.address, { key: KEY, timeoutMs: 20 }),
    TimeoutError,
    `Cannot connect to ${formatAddress(silent.address)}: no answer within 20 ms`,
  );
  await assertRejects(
    () => connectSession(silent.address, { key: KEY, timeoutMs: -1 }),
    RangeError,
  );
});

Deno.test("connectSession() refuses a server that is no manager", async () => {
  for (const bytes of [utf8("HTTP/1.1 400 Bad Request\r\n\r\n"), shortFrame(utf8("welcome"))]) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const connecting = connectSession(listener.addr as Deno.NetAddr, { key: KEY });
    using conn = await listener.accept();
    await conn.write(bytes);
    await assertRejects(() => connecting, ProtocolError);
    assertEquals(await readAll(conn), 0);
  }
});

Deno.test("connectSession() refuses a server that has the key and speaks another protocol", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connecting = connectSession(listener.addr as Deno.NetAddr, { key: KEY });
  using conn = await listener.accept();
  const stream = new FrameStream(conn, { peer: "client", maxFrameBytes: 256 });
  const { hmac } = await import("../../ipc/_authentication.ts");
  // Python before 3.12.
  stream.send(utf8("#CHALLENGE#"), crypto.getRandomValues(new Uint8Array(20)));
  await stream.receive();
  stream.send(utf8("#WELCOME#"));
  const challenge = await stream.receive();
  stream.send(await hmac("md5", KEY, challenge!.subarray(11)));
  await assertRejects(() => connecting, ProtocolError, "does not speak the native protocol");
});

Deno.test("connectSession() tells that the server was gone before it said hello", async () => {
  await using test = new TestHub();
  const server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connecting = connectSession(server.addr as Deno.NetAddr, { key: KEY });
  // A relay that passes the handshake on, and then is gone.
  const [near, far] = [await server.accept(), await test.dial()];
  const passed = Promise.all([
    near.readable.pipeTo(far.writable).catch(() => {}),
    (async () => {
      const buffer = new Uint8Array(1024);
      const challenge = await far.read(buffer);
      await near.write(buffer.subarray(0, challenge!));
      await far.read(buffer);
      near.close();
      far.close();
    })().catch(() => {}),
  ]);
  await assertRejects(() => connecting, ConnectionLostError);
  await passed;
  server.close();
});

Deno.test("writeHello() and Hub agree on the largest list of methods", async () => {
  const names = Array.from({ length: 10_000 }, (_, i) => `method${i}`);
  const methods = Object.fromEntries(names.map((name) => [name, () => name]));
  await using test = new TestHub({ methods });
  assert(writeHello({ methods: names }).length > 65_536);
  const { session, root } = await test.connect();
  assertEquals(await session.call(root, "method9999", []), "method9999");
  await session.close();
});

// Python

const ignore = !await pythonAvailable();
if (ignore) console.warn("hub_test: there is no python3, so nothing is tested with it");

leakTest("Hub tells a manager's client of Python in words that it cannot be served", async () => {
  await using test = new TestHub();
  const honest = await test.connect();
  const code = `
import sys
from multiprocessing.managers import BaseManager, RemoteError
manager = BaseManager(('127.0.0.1', int(sys.argv[1])), b'abc')
try:
    manager.connect()
except RemoteError as error:
    print(type(error).__name__, error)
`;
  const { stdout, stderr } = await runPython(code, { args: [String(test.address.port)] });
  assertStringIncludes(stdout, "RemoteError", stderr);
  assertStringIncludes(stdout, "This manager speaks the native protocol of @manyhands/concurrency");
  const refusal = await test.refusal();
  assertInstanceOf(refusal, ProtocolError);
  assertStringIncludes(refusal.message, "it speaks Python's side of the protocol");
  assertEquals(await echo(honest, 1), 1);
  await honest.session.close();
}, { ignore });

leakTest("Hub refuses a manager's client of Python with another key", async () => {
  await using test = new TestHub();
  const code = `
import sys
from multiprocessing import AuthenticationError
from multiprocessing.managers import BaseManager
try:
    BaseManager(('127.0.0.1', int(sys.argv[1])), b'other').connect()
except AuthenticationError as error:
    print('refused:', error)
`;
  const { stdout, stderr } = await runPython(code, { args: [String(test.address.port)] });
  assertStringIncludes(stdout, "refused: digest sent was rejected", stderr);
  assertInstanceOf(await test.refusal(), AuthenticationError);
  await test.assertServes();
}, { ignore });

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { TimeoutError } from "../../coroutine/mod.ts";
import { BaseManager, type BaseManagerOptions } from "../../distributed/mod.ts";
import {
  type Address,
  AuthenticationError,
  ConnectionLostError,
  ProtocolError,
} from "../../ipc/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";

/** Peers that are no managers and no clients of one. */

const Manager = BaseManager.register("one", { callable: () => 1 });

/** Listens, and does something with each connection. */
class Listener implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;

  constructor(handle: (conn: Deno.Conn) => Promise<unknown> = () => Promise.resolve()) {
    this.#accepting = this.#accept(handle);
  }

  get address(): Address {
    return { hostname: "127.0.0.1", port: this.#listener.addr.port };
  }

  async #accept(handle: (conn: Deno.Conn) => Promise<unknown>): Promise<void> {
    const handling: Promise<unknown>[] = [];
    for await (const conn of this.#listener) {
      this.#conns.add(conn);
      handling.push(handle(conn).catch(() => {}));
    }
    await Promise.all(handling);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) {
      try {
        conn.close();
      } catch {
        // It is closed already.
      }
    }
    await this.#accepting;
  }
}

function frame(text: string, announced: number = text.length): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + text.length);
  new DataView(bytes.buffer).setInt32(0, announced);
  bytes.set(new TextEncoder().encode(text), 4);
  return bytes;
}

async function send(conn: Deno.Conn, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

// What a client meets

leakTest("BaseManager.connect() where nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const client = new Manager({ address: ["127.0.0.1", port], authkey: "abc" });
  const text = `Cannot connect to 127.0.0.1:${port}: nobody is listening there`;
  await assertRejects(() => client.connect(), Deno.errors.ConnectionRefused, text);
  // It has not been used, and may try again.
  await using server = new Manager({ address: ["127.0.0.1", port], authkey: "abc" }).getServer();
  await client.connect();
  assertEquals([await client.one(), server.statistics().connections], [1, 1]);
  await client.close();
});

async function connectionError(
  handle: (conn: Deno.Conn) => Promise<unknown>,
  options: BaseManagerOptions = {},
): Promise<unknown> {
  await using listener = new Listener(handle);
  const client = new Manager({ ...options, address: listener.address, authkey: "abc" });
  return await assertRejects(() => client.connect({ timeoutMs: 10_000 }));
}

leakTest("BaseManager.connect() to a server of HTTP", async () => {
  const answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
  const error = await connectionError((conn) => send(conn, new TextEncoder().encode(answer)));
  // "HTTP" is read as the length of a frame.
  assertInstanceOf(error, ProtocolError);
});

leakTest("BaseManager.connect() to an echo, which never begins", async () => {
  await using listener = new Listener(async (conn) => {
    const buffer = new Uint8Array(1024);
    for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
      await send(conn, buffer.slice(0, n));
    }
  });
  const client = new Manager({ address: listener.address, authkey: "abc" });
  await assertRejects(() => client.connect({ timeoutMs: 100 }), TimeoutError, "no answer within");
});

leakTest("BaseManager.connect() to one who sends no challenge, or a wrong one", async () => {
  assertInstanceOf(await connectionError((conn) => send(conn, frame("hello"))), ProtocolError);
  const short = await connectionError((conn) => send(conn, frame("#CHALLENGE#short")));
  assertInstanceOf(short, AuthenticationError);
  const unknown = `#CHALLENGE#{sha1}${"x".repeat(40)}`;
  assertInstanceOf(
    await connectionError((conn) => send(conn, frame(unknown))),
    AuthenticationError,
  );
  const old = await connectionError((conn) => send(conn, frame(`#CHALLENGE#${"x".repeat(20)}`)), {
    allowLegacyAuth: false,
  });
  assertInstanceOf(old, AuthenticationError);
});

leakTest("BaseManager.connect() to one who announces a huge or a negative length", async () => {
  for (const length of [257, 2 ** 31 - 1, -2]) {
    const error = await connectionError((conn) => send(conn, frame("", length)));
    assertInstanceOf(error, ProtocolError, String(length));
  }
  const long = new Uint8Array(12).fill(0xff);
  assertInstanceOf(await connectionError((conn) => send(conn, long)), ProtocolError);
});

leakTest("BaseManager.connect() to one who hangs up", async () => {
  const atOnce = await connectionError((conn) => Promise.resolve(conn.close()));
  assertInstanceOf(atOnce, ConnectionLostError);
  const midst = await connectionError(async (conn) => {
    await send(conn, frame("#CHALL", 50));
    conn.close();
  });
  assertInstanceOf(midst, ConnectionLostError);
});

leakTest("BaseManager.connect() to one who accepts and says nothing", async () => {
  await using listener = new Listener();
  const client = new Manager({ address: listener.address, authkey: "abc" });
  const { message } = await assertRejects(() => client.connect({ timeoutMs: 50 }), TimeoutError);
  assertEquals(
    message,
    `Cannot connect to 127.0.0.1:${listener.address.port}: no answer within 50 ms`,
  );
  const controller = new AbortController();
  const connecting = client.connect({ signal: controller.signal });
  await assertPending(connecting, "connect()");
  const reason = new Error("enough");
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => connecting), reason);
  const { signal } = controller;
  assertStrictEquals(await assertRejects(() => client.connect({ signal })), reason);
});

leakTest(
  "BaseManager.connect() to one who has not the key, and says that it welcomes",
  async () => {
    // It cannot answer the client's own challenge.
    const error = await connectionError(async (conn) => {
      await send(conn, frame(`#CHALLENGE#{sha256}${"x".repeat(40)}`));
      const buffer = new Uint8Array(1024);
      await conn.read(buffer);
      await send(conn, frame("#WELCOME#"));
      await conn.read(buffer);
      await send(conn, frame(`{sha256}${"y".repeat(32)}`));
      await conn.read(buffer);
    });
    assertInstanceOf(error, AuthenticationError);
  },
);

// What a server meets

/** Does something to a server that is no handshake, and answers why the server refused it. */
async function refusal(
  handle: (conn: Deno.TcpConn) => Promise<unknown>,
  options: BaseManagerOptions = {},
): Promise<unknown> {
  const refused = Promise.withResolvers<unknown>();
  await using server = new Manager({
    ...options,
    address: "127.0.0.1:0",
    authkey: "abc",
    onRefused: refused.resolve,
  }).getServer();
  await using client = new Manager({ address: server.address, authkey: "abc" });
  await client.connect();
  const { hostname, port } = server.address;
  using conn = await Deno.connect({ hostname, port });
  await handle(conn);
  const error = await refused.promise;
  // Others are served as before.
  assertEquals(await client.one(), 1);
  assertEquals(server.statistics().connections, 1);
  return error;
}

leakTest("Server refuses a client of HTTP", async () => {
  const request = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assertInstanceOf(await refusal((conn) => send(conn, request)), ProtocolError);
});

leakTest("Server refuses a wrong answer, a huge length and a hang-up", async () => {
  const wrong = `{sha256}${"x".repeat(32)}`;
  assertInstanceOf(await refusal((conn) => send(conn, frame(wrong))), AuthenticationError);
  for (const length of [257, 2 ** 31 - 1, -2]) {
    assertInstanceOf(await refusal((conn) => send(conn, frame("", length))), ProtocolError);
  }
  assertInstanceOf(await refusal((conn) => conn.closeWrite()), ConnectionLostError);
});

leakTest("Server closes a connection that says nothing, after handshakeTimeoutMs", async () => {
  const error = await refusal(async (conn) => {
    const buffer = new Uint8Array(1024);
    let count: number | null = 0;
    while (count !== null) count = await conn.read(buffer).catch(() => null);
  }, { handshakeTimeoutMs: 50 });
  assert(error instanceof Error);
});

leakTest("Server closes connections beyond maxConnections at once", async () => {
  const refused = Promise.withResolvers<unknown>();
  const options = { authkey: "abc", maxConnections: 1, onRefused: refused.resolve };
  await using server = new Manager({ ...options, address: "127.0.0.1:0" }).getServer();
  await using first = new Manager({ address: server.address, authkey: "abc" });
  await first.connect();
  await using second = new Manager({ address: server.address, authkey: "abc" });
  await assertRejects(() => second.connect(), ConnectionLostError);
  assertInstanceOf(await refused.promise, RangeError);
  assertEquals(await first.one(), 1);
});

leakTest("Server disconnects a client that sends more than maxMessageBytes", async () => {
  const Echo = BaseManager.register("echo", { callable: (bytes: Uint8Array) => bytes.length });
  const options = { authkey: "abc", maxMessageBytes: 100_000 };
  await using server = new Echo({ ...options, address: "127.0.0.1:0" }).getServer();
  await using large = new Echo({ address: server.address, authkey: "abc" });
  await using small = new Echo({ address: server.address, authkey: "abc" });
  await Promise.all([large.connect(), small.connect()]);
  await assertRejects(() => large.echo(new Uint8Array(200_000)), ConnectionLostError);
  assertEquals(await small.echo(new Uint8Array(50_000)), 50_000);
});

leakTest("BaseManager disconnects from a server that sends more than maxMessageBytes", async () => {
  const Large = BaseManager.register("large", { callable: () => new Uint8Array(200_000) })
    .register("one", { callable: () => 1 });
  await using server = new Large({ address: "127.0.0.1:0", authkey: "abc" }).getServer();
  const options = { address: server.address, authkey: "abc" };
  await using client = new Large({ ...options, maxMessageBytes: 100_000 });
  await client.connect();
  const inFlight = assertRejects(() => client.large(), ProtocolError, "the limit is 100000");
  await inFlight;
  await using other = new Large(options);
  await other.connect();
  assertEquals((await other.large()).length, 200_000);
});

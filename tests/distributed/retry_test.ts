import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { CancelledError, spawn, TimeoutError } from "../../coroutine/mod.ts";
import { Reconnector } from "../../distributed/_reconnector.ts";
import { DEFAULT_RETRY } from "../../distributed/_retry.ts";
import { BaseManager, type RetryOptions } from "../../distributed/mod.ts";
import { AuthenticationError, ConnectionClosedError, ConnectionLostError } from "../../ipc/mod.ts";
import { Gate } from "../support/gate.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending, settle } from "../support/settle.ts";
import { clientOf, newLife, RETRY, serve, somewhere, stopServer } from "./_retrying.ts";

/** Time in which a client that tries would have tried several times: another one does. */
async function longEnough(): Promise<void> {
  await using client = clientOf(somewhere());
  await assertRejects(() => client.connect({ timeoutMs: 50 }), TimeoutError);
}

leakTest("BaseManager.connect() with retry waits for a manager that is not up yet", async () => {
  const address = somewhere();
  await using client = clientOf(address);
  const connecting = client.connect();
  await assertPending(connecting);
  await using _server = serve(address, newLife());
  await connecting;
  assertEquals(await (await client.object()).call(1), 1);
});

leakTest(
  "BaseManager.connect() with retry waits for a host whose name is not known yet",
  async () => {
    await using server = serve(somewhere(), newLife());
    const { connect } = Deno;
    const asked: unknown[] = [];
    const isKnown = new Gate();
    // A resolver that learns of the host later.
    Deno.connect = (async (options: Deno.ConnectOptions) => {
      asked.push(options.hostname);
      if (!isKnown.isOpen) {
        throw new Error("failed to lookup address information: Name or service not known");
      }
      return await connect({ ...options, hostname: "127.0.0.1" });
    }) as typeof Deno.connect;
    try {
      const { port } = server.address;
      await using client = clientOf({ hostname: "tasks.invalid", port });
      const connecting = client.connect();
      while (asked.length < 3) await settle();
      await assertPending(connecting);
      isKnown.open();
      await connecting;
      assertEquals(await (await client.object()).call(1), 1);
      assertEquals(new Set(asked), new Set(["tasks.invalid"]));
    } finally {
      Deno.connect = connect;
    }
  },
);

leakTest("BaseManager.connect() gives up a host whose name is not known", async () => {
  const address = { hostname: "no-such-host.invalid", port: 5000 };
  const said = "Cannot connect to no-such-host.invalid:5000: ";
  await using once = clientOf(address, { retry: undefined });
  const { name } = await assertRejects(() => once.connect(), Error, said);
  assertEquals(name, "HostNotFound");
  await using client = clientOf(address, { retry: { ...RETRY, maxAttempts: 2 } });
  const error = await assertRejects(() => client.connect(), ConnectionLostError, "in 2 tries");
  assertInstanceOf(error.cause, Error, said);
});

leakTest("BaseManager.connect() with retry gives up after maxAttempts", async () => {
  const address = somewhere();
  await using client = clientOf(address, { retry: { ...RETRY, maxAttempts: 3 } });
  const error = await assertRejects(
    () => client.connect(),
    ConnectionLostError,
    "it could not be reached in 3 tries",
  );
  assertInstanceOf(error.cause, Deno.errors.ConnectionRefused);
  // It can be tried again.
  await using _server = serve(address, newLife());
  await client.connect();
});

leakTest("BaseManager.connect() with retry ends with its time, its signal, its task", async () => {
  const address = somewhere();
  await using client = clientOf(address);
  await assertRejects(
    () => client.connect({ timeoutMs: 20 }),
    TimeoutError,
    "could not be reached within",
  );
  const stop = new AbortController();
  const connecting = assertRejects(
    () => client.connect({ signal: stop.signal }),
    Error,
    "enough",
  );
  stop.abort(new Error("enough"));
  await connecting;
  const task = spawn(() => client.connect());
  await settle();
  task.cancel();
  await assertRejects(async () => await task, CancelledError);
  await using _server = serve(address, newLife());
  await client.connect();
});

leakTest("BaseManager: without retry a lost manager is an error at once", async () => {
  const address = somewhere();
  const server = serve(address, newLife());
  await using client = clientOf(address, { retry: undefined });
  await client.connect();
  const object = await client.object();
  await server.shutdown();
  await assertRejects(() => object.call(1), ConnectionLostError, "was shut down");
  await using _again = serve(address, newLife());
  await assertRejects(() => object.call(1), ConnectionLostError, "was shut down");
  await assertRejects(() => client.object(), ConnectionLostError, "was shut down");
});

leakTest("BaseManager: a client that nobody waits for does not try", async () => {
  const server = serve(somewhere(), newLife());
  await using client = clientOf(server.address);
  await client.connect();
  const object = await client.object();
  await stopServer(server, object.hang());
  const stop = new AbortController();
  // An argument that is an option of waiting.
  const calling = assertRejects(() => object.call({ signal: stop.signal }), Error, "enough");
  await settle();
  stop.abort(new Error("enough"));
  await calling;
  let tries = 0;
  using listener = Deno.listen(server.address);
  const accepting = (async () => {
    for await (const conn of listener) {
      tries++;
      conn.close();
    }
  })();
  await longEnough();
  assertEquals(tries, 0);
  const trying = assertRejects(() => client.object(), ConnectionClosedError);
  while (tries < 3) await settle();
  await client.close();
  await trying;
  const before = tries;
  await longEnough();
  assert(tries <= before + 1, `${tries - before} more`);
  listener.close();
  await accepting;
});

leakTest("BaseManager: a manager that refuses the key ends the client at once", async () => {
  const address = somewhere();
  const server = serve(address, newLife());
  await using client = clientOf(address);
  await client.connect();
  const object = await client.object();
  await stopServer(server, object.hang());
  const calls = [1, 2].map((n) => assertRejects(() => object.call(n), AuthenticationError));
  await settle();
  const refused: unknown[] = [];
  const other = serve(address, newLife(), {
    authkey: "other",
    onRefused: (error) => refused.push(error),
  });
  await Promise.all(calls);
  assertEquals(refused.length, 1);
  await assertRejects(() => object.call(3), AuthenticationError);
  await assertRejects(() => client.object(), AuthenticationError);
  assertEquals(refused.length, 1);
  await other.shutdown();
});

leakTest("BaseManager.close() ends the tries and what waits for them", async () => {
  const address = somewhere();
  const server = serve(address, newLife());
  const client = clientOf(address);
  await client.connect();
  const object = await client.object();
  await stopServer(server, object.hang());
  const calling = assertRejects(() => object.call(1), ConnectionClosedError, "was closed here");
  await settle();
  await client.close();
  await calling;
  await assertRejects(() => object.call(1), ConnectionClosedError);
  const unconnected = clientOf(address);
  const connecting = assertRejects(() => unconnected.connect(), ConnectionClosedError);
  await settle();
  await unconnected.close();
  await connecting;
});

leakTest("BaseManager.shutdown() with retry", async () => {
  const address = somewhere();
  const server = serve(address, newLife());
  const client = clientOf(address);
  await client.connect();
  await client.shutdown();
  await server.serveForever();
  // One that is gone already is down.
  const again = serve(address, newLife());
  const late = clientOf(address);
  await late.connect();
  const object = await late.object();
  await stopServer(again, object.hang());
  const calling = assertRejects(() => object.call(1), ConnectionClosedError);
  await settle();
  await late.shutdown();
  await calling;
});

leakTest("BaseManager: with retry over TLS, and a certificate that is refused", async () => {
  const { authority, server: pair, expired } = await import("./fixtures/tls_certificates.ts");
  const address = somewhere();
  const server = serve(address, newLife(), { tls: pair });
  await using client = clientOf(address, { tls: { caCerts: [authority.cert] } });
  await client.connect();
  const object = await client.object();
  await stopServer(server, object.hang());
  const again = serve(address, newLife(), { tls: pair });
  assertEquals(await object.call(1), 1);
  await stopServer(again, object.hang());
  await using _last = serve(address, newLife(), { tls: expired });
  await assertRejects(() => object.call(2), AuthenticationError, "it expired on");
  await assertRejects(() => object.call(3), AuthenticationError, "it expired on");
});

const WRONG: [unknown, string][] = [
  [5, '"retry" must be true or an object'],
  [{ attempts: 5 }, '"retry" has no option "attempts"'],
  [{ maxAttempts: 0 }, '"retry.maxAttempts" must be a number from 1'],
  [{ minTimeoutMs: -1 }, '"retry.minTimeoutMs" must be a number from 0'],
  [{ multiplier: 0.5 }, '"retry.multiplier" must be a number from 1'],
  [{ jitter: 2 }, '"retry.jitter" must be a number from 0 to 1'],
  [{ jitter: "much" }, '"retry.jitter" must be a number from 0 to 1'],
];
for (const [retry, text] of WRONG) {
  Deno.test(`BaseManager() refuses retry ${JSON.stringify(retry)}`, () => {
    const error = assertThrows(() => new BaseManager({ retry: retry as RetryOptions }), Error);
    assert(error.message.includes(text), error.message);
  });
}

Deno.test("Reconnector tries anew for one who asks again before others know that it failed", async () => {
  let tries = 0;
  const connection = { isClosed: false, close: () => Promise.resolve() };
  const reconnector = new Reconnector({
    peer: "a peer",
    settings: { ...DEFAULT_RETRY, maxAttempts: 1 },
    open: () => {
      if (++tries === 1) return Promise.reject(new ConnectionLostError("not yet"));
      return Promise.resolve(connection);
    },
  });
  const again = reconnector.ready({}).catch(() => reconnector.ready({}));
  // With a limit it takes some more turns until the wait has ended.
  const other = assertRejects(
    () => reconnector.ready({ timeoutMs: 60_000 }),
    ConnectionLostError,
    "in 1 tries",
  );
  assertStrictEquals(await again, connection);
  await other;
  assertEquals(tries, 2);
});

leakTest("BaseManager: a field of retry that is undefined is as if it were not there", async () => {
  await using server = serve(somewhere(), newLife());
  const retry = { ...RETRY, maxAttempts: undefined, jitter: undefined };
  await using client = clientOf(server.address, { retry });
  await client.connect();
  assertEquals(await (await client.object()).call(1), 1);
});

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Queue, TimeoutError } from "../../coroutine/mod.ts";
import {
  BaseManager,
  type BaseManagerOptions,
  type Server,
  serveTasks,
  SyncManager,
  WorkerPool,
} from "../../distributed/mod.ts";
import {
  type Address,
  AuthenticationError,
  ConnectionLostError,
  ProtocolError,
  type SharedList,
  type TlsOptions,
} from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { Relay } from "../faults/relay.ts";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, runPython } from "../support/python.ts";
import { settle } from "../support/settle.ts";
import * as certificates from "./fixtures/tls_certificates.ts";
import { Counter, pushCount } from "./sync_targets.ts";
import { getPid } from "./targets.ts";

const { authority, server: serverPair, client: clientPair } = certificates;
const SERVER: TlsOptions = serverPair;
const CLIENT: TlsOptions = { caCerts: [authority.cert] };
const MUTUAL: TlsOptions = { ...serverPair, ...CLIENT, requireClientCert: true };
const MODULE = import.meta.resolve("./targets.ts");

const Manager = BaseManager.register("echo", {
  callable: () => ({
    back: (value: unknown) => value,
    later: async (value: unknown) => {
      await settle();
      return value;
    },
    wait: ({ signal }: { signal?: AbortSignal } = {}) =>
      new Promise<void>((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
      }),
  }),
});

interface Served {
  address: Address;
  refused: unknown[];
  /** The first one. */
  refusal: Promise<unknown>;
  server: Server;
}

/** A server with what it refused. */
function serve(
  tls: TlsOptions | undefined,
  options: BaseManagerOptions = {},
): AsyncDisposable & Served {
  const refused: unknown[] = [];
  const { promise: refusal, resolve } = Promise.withResolvers<unknown>();
  const onRefused = (error: unknown) => {
    refused.push(error);
    resolve(error);
  };
  const server = new Manager({ authkey: "key", tls, onRefused, ...options }).getServer();
  return {
    address: server.address,
    refused,
    refusal,
    server,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function connect(
  address: Address,
  tls: TlsOptions | undefined,
  options: BaseManagerOptions = {},
): Promise<InstanceType<typeof Manager>> {
  const manager = new Manager({ address, authkey: "key", tls, ...options });
  await manager.connect();
  return manager;
}

leakTest("BaseManager: tls encrypts what is sent, both ways", async () => {
  await using served = serve(SERVER);
  const seen: Uint8Array[] = [];
  // What goes over the wire is looked at on its way.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const passing = (async () => {
    const near = await listener.accept();
    const far = await Deno.connect({ hostname: "127.0.0.1", port: served.address.port });
    const pass = async (from: Deno.Conn, to: Deno.Conn) => {
      const buffer = new Uint8Array(65_536);
      try {
        for (let count; (count = await from.read(buffer)) !== null;) {
          seen.push(buffer.slice(0, count));
          for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
        }
      } catch {
        // One of the two was closed.
      }
      for (const conn of [from, to]) {
        try {
          conn.close();
        } catch {
          // It is closed already.
        }
      }
    };
    await Promise.all([pass(near, far), pass(far, near)]);
  })();
  const port = listener.addr.port;
  const client = await connect({ hostname: "127.0.0.1", port }, CLIENT);
  const echo = await client.echo();
  assertEquals(await echo.back("a word that nobody else reads"), "a word that nobody else reads");
  await client.close();
  await passing;
  const wire = seen.map((bytes) => new TextDecoder("latin1").decode(bytes)).join("");
  assert(wire.length > 1_000);
  for (const word of ["nobody else", "CHALLENGE", "WELCOME", "back"]) {
    assertEquals(wire.includes(word), false, word);
  }
});

leakTest("BaseManager: over TLS calls go both ways, of all sizes, many at a time", async () => {
  await using served = serve(SERVER);
  await using client = await connect(served.address, CLIENT);
  const echo = await client.echo();
  const large = crypto.getRandomValues(new Uint8Array(65_536));
  const many = new Uint8Array(5_000_000).map((_, n) => large[n % large.length]!);
  assertEquals(await echo.back(many), many);
  const numbers = Array.from({ length: 500 }, (_, n) => n);
  assertEquals(await Promise.all(numbers.map((n) => echo.back(n))), numbers);
  const stop = new AbortController();
  const waiting = assertRejects(() => echo.wait({ signal: stop.signal }), Error, "enough");
  stop.abort(new Error("enough"));
  await waiting;
});

leakTest("BaseManager: over TLS small messages do not wait for acknowledgements", async () => {
  await using served = serve(SERVER);
  await using client = await connect(served.address, CLIENT);
  const echo = await client.echo();
  const stop = new AbortController();
  const tookMs: number[] = [];
  for (let n = 0; n < 40; n++) {
    const since = performance.now();
    // Nothing answers the first of the two.
    const waiting = assertRejects(() => echo.wait({ signal: stop.signal }));
    await Promise.resolve();
    await new Promise((resolve) => queueMicrotask(() => queueMicrotask(() => resolve(0))));
    assertEquals(await echo.back(n), n);
    void waiting;
    // And the other way: two answers, one after the other.
    assertEquals(await Promise.all([echo.back(n), echo.later(n)]), [n, n]);
    tookMs.push(performance.now() - since);
  }
  const median = tookMs.sort((a, b) => a - b)[20]!;
  // With Nagle's algorithm on either side it is 40 ms.
  assert(median < 25, `${median} ms`);
  stop.abort(new Error("enough"));
});

leakTest("BaseManager.start() serves over TLS from a process of its own", async () => {
  const Own = BaseManager.register("getPid", { callable: getPid });
  await using manager = new Own({ module: MODULE, tls: { ...SERVER, ...CLIENT } });
  await manager.start();
  assert(await manager.getPid() !== Deno.pid);
});

leakTest("serveTasks() and WorkerPool work over TLS", async () => {
  const jobs = { square: (n: number) => n * n };
  await using pool = new WorkerPool({ address: "127.0.0.1:0", authkey: "key", tls: SERVER });
  const address = pool.address;
  const worker = serveTasks({ address, authkey: "key", module: jobs, tls: CLIENT });
  assertEquals(await pool.map(jobs.square, [1, 2, 3]), [1, 4, 9]);
  pool.close();
  await pool.join();
  await worker;
});

leakTest("BaseManager: the key is proved inside of TLS", async () => {
  await using served = serve(SERVER);
  await assertRejects(
    () => connect(served.address, CLIENT, { authkey: "other" }),
    AuthenticationError,
    "the keys differ",
  );
  assert(await served.refusal instanceof AuthenticationError);
});

const DISTRUSTED: [string, TlsOptions, TlsOptions, string][] = [
  ["an unknown authority", SERVER, {}, "nobody whom this side trusts vouches for it"],
  [
    "another authority",
    SERVER,
    { caCerts: [certificates.stranger.cert] },
    "nobody whom this side trusts vouches for it",
  ],
  ["an expired certificate", certificates.expired, CLIENT, "it expired on Jan  1 00:00:00 2021"],
  [
    "a certificate for another name",
    certificates.elsewhere,
    CLIENT,
    "it is made out for DNS:elsewhere.example",
  ],
];
for (const [what, server, client, text] of DISTRUSTED) {
  leakTest(`BaseManager.connect() refuses ${what}`, async () => {
    await using served = serve(server);
    const since = performance.now();
    const error = await assertRejects(
      () => connect(served.address, client),
      AuthenticationError,
      text,
    );
    assert(error.message.startsWith("Cannot connect to 127.0.0.1:"), error.message);
    assert(performance.now() - since < 5_000);
  });
}

leakTest("BaseManager.connect() takes a certificate for the name that it is told", async () => {
  await using served = serve(certificates.elsewhere);
  const tls = { ...CLIENT, serverName: "elsewhere.example" };
  await using client = await connect(served.address, tls);
  assertEquals(await (await client.echo()).back(1), 1);
});

leakTest("BaseManager: a client certificate lets a client in", async () => {
  await using served = serve(MUTUAL);
  await using client = await connect(served.address, { ...CLIENT, ...clientPair });
  assertEquals(await (await client.echo()).back(1), 1);
  assertEquals(served.refused, []);
});

const UNCERTIFIED: [string, TlsOptions, string][] = [
  ["without a certificate", CLIENT, "there was none"],
  [
    "of another authority",
    { ...CLIENT, ...certificates.pretender },
    "nobody whom this side trusts",
  ],
  [
    "with a certificate for servers",
    { ...CLIENT, ...certificates.elsewhere },
    "nobody whom this side trusts",
  ],
];
for (const [what, tls, text] of UNCERTIFIED) {
  leakTest(`Server refuses a client ${what} when it must have one`, async () => {
    await using served = serve(MUTUAL);
    const error = await assertRejects(
      // It has the right key.
      () => connect(served.address, tls),
      AuthenticationError,
      "the client certificate was not accepted",
    );
    assert(error.message.includes(text), error.message);
    assert(await served.refusal instanceof AuthenticationError);
    assertEquals(served.server.statistics().connections, 0);
  });
}

leakTest("Server tells a client without TLS that it needs it", async () => {
  await using served = serve(SERVER, { handshakeTimeoutMs: 200 });
  await assertRejects(
    () => connect(served.address, undefined),
    AuthenticationError,
    'it says "this port speaks TLS only"',
  );
  assert(await served.refusal instanceof ProtocolError);
});

leakTest("BaseManager.connect() with TLS to a server without", async () => {
  await using served = serve(undefined);
  await assertRejects(
    () => connect(served.address, CLIENT),
    ProtocolError,
    "it does not speak TLS",
  );
});

leakTest("Server tells a Python client that it speaks TLS", async () => {
  await using served = serve(SERVER, { handshakeTimeoutMs: 200 });
  const { stdout } = await runPython(
    `
import sys
from multiprocessing.managers import BaseManager
m = BaseManager(address=("127.0.0.1", int(sys.argv[1])), authkey=b"key")
try:
    m.connect()
except BaseException as e:
    print(type(e).__name__, e, "TLS" in repr(e))
`,
    { args: [String(served.address.port)] },
  );
  // Python before 3.12 asserts it.
  assert(/^(AuthenticationError|AssertionError) .*#REFUSED#this port speaks TLS only/.test(stdout));
}, { ignore: !await pythonAvailable() });

leakTest("Server gives up a TLS handshake that does not go on", async () => {
  await using served = serve(SERVER, { handshakeTimeoutMs: 100 });
  const { hostname, port } = served.address;
  using half = await Deno.connect({ hostname, port });
  // The head of a record, and nothing of what it announces.
  await half.write(new Uint8Array([0x16, 3, 1, 1, 0]));
  const buffer = new Uint8Array(100);
  const count = await half.read(buffer).catch(() => null);
  assertEquals(count, null);
  await using client = await connect(served.address, CLIENT);
  assertEquals(await (await client.echo()).back(1), 1);
  assert(await served.refusal instanceof ConnectionLostError);
  assertEquals(served.refused.length, 1);
});

leakTest("Server takes nonsense in place of TLS for what it is", async () => {
  await using served = serve(SERVER);
  const { hostname, port } = served.address;
  for (const nonsense of [[0x16, 3, 1, 0, 4, 9, 9, 9, 9], [1, 2, 3], [0x16]]) {
    using conn = await Deno.connect({ hostname, port });
    await conn.write(new Uint8Array(nonsense));
    await conn.closeWrite();
    while (await conn.read(new Uint8Array(1_000)).catch(() => null) !== null);
  }
  await using client = await connect(served.address, CLIENT);
  assertEquals(await (await client.echo()).back(1), 1);
  assertEquals(served.refused.length, 3);
});

leakTest("Server.shutdown() does not wait for TLS handshakes", async () => {
  const served = serve(SERVER);
  const { hostname, port } = served.address;
  using silent = await Deno.connect({ hostname, port });
  using half = await Deno.connect({ hostname, port });
  await half.write(new Uint8Array([0x16, 3, 1, 1, 0]));
  const client = await connect(served.address, CLIENT);
  const echo = await client.echo();
  const waiting = assertRejects(() => echo.wait(), ConnectionLostError, "was shut down");
  await served.server.shutdown();
  await waiting;
  await client.close();
  void silent;
});

leakTest("BaseManager: a TLS connection that is cut in the midst of a call", async () => {
  await using served = serve(SERVER);
  await using relay = new Relay(served.address.port);
  await using client = await connect(relay.address, CLIENT);
  const echo = await client.echo();
  const waiting = assertRejects(() => echo.wait(), ConnectionLostError);
  assertEquals(await echo.back(1), 1);
  relay.cut();
  await waiting;
  await assertRejects(() => echo.back(2), ConnectionLostError);
});

leakTest("BaseManager.connect() over TLS takes no longer than it may", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = listener.accept();
  const { hostname, port } = listener.addr;
  const manager = new Manager({ address: { hostname, port }, authkey: "key", tls: CLIENT });
  await assertRejects(() => manager.connect({ timeoutMs: 50 }), TimeoutError);
  (await accepting).close();
});

leakTest("Server: what a client held is free when its TLS connection is cut", async () => {
  const queue = new Queue<number>();
  const Master = BaseManager.register("getTasks", { callable: () => queue });
  await using server = new Master({ authkey: "key", tls: SERVER }).getServer();
  await using relay = new Relay(server.address.port);
  const client = new Master({ address: relay.address, authkey: "key", tls: CLIENT });
  await client.connect();
  const tasks = await client.getTasks();
  const getting = assertRejects(() => tasks.get(), ConnectionLostError);
  assertEquals(await tasks.qsize(), 0);
  relay.fallSilent();
  await queue.put(7);
  relay.cut();
  await getting;
  assertEquals(await queue.get(), 7);
  await client.close();
});

const WRONG: [string, unknown, string][] = [
  ["no object", "cert", '"tls" must be an object'],
  ["an unknown option", { ca: "x" }, '"tls" has no option "ca"'],
  ["a key without a certificate", { key: serverPair.key }, 'both "cert" and "key"'],
  ["a certificate that is none", { ...serverPair, cert: "x" }, '"tls.cert" is not readable'],
  ["a key that is none", { ...serverPair, key: "x" }, '"tls.key" is not readable'],
  ["the key of another", { ...serverPair, key: clientPair.key }, "is not the key of"],
  ["an authority that is none", { caCerts: ["x"] }, '"tls.caCerts" is not readable'],
  ["authorities that are no array", { caCerts: authority.cert }, "must be an array of PEM texts"],
  [
    "nobody to vouch for clients",
    { ...serverPair, requireClientCert: true },
    'needs "tls.caCerts"',
  ],
];
for (const [what, tls, text] of WRONG) {
  Deno.test(`BaseManager() refuses tls with ${what}`, () => {
    assertThrows(() => new BaseManager({ tls: tls as TlsOptions }), TypeError, text);
  });
}

Deno.test("BaseManager.getServer() refuses tls without a certificate", () => {
  const manager = new Manager({ authkey: "key", tls: CLIENT });
  assertThrows(() => manager.getServer(), TypeError, 'the "cert" and the "key" of the server');
});

leakTest(
  "BaseManager: what is passed to another process is reached by tls from there, too",
  async () => {
    const Sharing = SyncManager.register("counter", { callable: () => new Counter() });
    await using server = new Sharing({ authkey: "key", tls: SERVER }).getServer();
    const manager = new Sharing({ address: server.address, authkey: "key", tls: CLIENT });
    await using _manager = manager;
    await manager.connect();
    await using list = await manager.list<number>();
    await using counter = await manager.counter();
    await using child = new Process({
      module: import.meta.resolve("./sync_targets.ts"),
      target: pushCount as (counter: unknown, list: SharedList<number>) => Promise<void>,
      args: [counter, list],
    });
    await child.start();
    await child.result();
    assertEquals([await list.toArray(), await counter.add(1)], [[2], 3]);
  },
);

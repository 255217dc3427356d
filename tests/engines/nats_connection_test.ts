import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { EngineUnavailableError } from "../../distributed/mod.ts";
import {
  NatsConnection,
  NatsCounter,
  NatsDict,
  type NatsOptions,
  openNats,
} from "../../distributed/engines/nats.ts";
import { NatsSource } from "../../distributed/engines/_nats_owner.ts";
import { listQueues, pingEngine } from "../../distributed/engines/_nats_queue_list.ts";
import { AuthenticationError, ConnectionClosedError, ProtocolError } from "../../ipc/mod.ts";
import * as certificates from "../distributed/fixtures/tls_certificates.ts";
import { startProgram } from "../support/child_program.ts";
import { freePort } from "../support/free_port.ts";
import { leakTest } from "../support/leaks.ts";
import {
  type NatsServer,
  type NatsServerOptions,
  natsTest,
  startNatsCluster,
  startNatsServer,
} from "../support/nats_server.ts";
import { settle } from "../support/settle.ts";
import { TlsFront } from "./_tls_front.ts";
import { until } from "./until.ts";

const { authority, stranger, server: serverPair, elsewhere, expired, client, pretender } =
  certificates;

/** Keys that everybody knows. */
const SEED = "SUALPYTQP5J26CBNGQBM5IETETFG377SWOG7I5C5I5FOONXGC42J6JDNPI";
const PUBLIC = "UDR6CDJKK47ZXPZ6UBYM26OIG2EWFAH4D6WD766MDKWFK2K6BQ4ENGS7";
const OTHER_SEED = "SUAE62QY6XXTFTFGV7FZHGUBEQISQBH4YKNWN55LT46CGSMTRHP4OIM3NA";

/** Connects, and asks the server something that needs the login. */
async function ask(options: NatsOptions): Promise<void> {
  await using nats = await openNats(options);
  await using dict = new NatsDict<string, number>(nats, "asked");
  await dict.set("a", 1);
  assertEquals(await dict.get("a"), 1);
}

/** A server with TLS, and with a certificate of its own. */
function tlsServer(
  pair: { cert: string; key: string },
  { verify = false }: { verify?: boolean } = {},
): NatsServerOptions {
  const clients = verify ? 'ca_file: "ca.crt", verify: true' : "";
  return {
    config: `tls { cert_file: "server.crt", key_file: "server.key", ${clients} }`,
    files: { "server.crt": pair.cert, "server.key": pair.key, "ca.crt": authority.cert },
  };
}

// ---- Options ----

leakTest("openNats() refuses options that cannot be right, before it connects", async () => {
  const servers = "nats://127.0.0.1:1";
  const wrong: [unknown, string][] = [
    [undefined, "the options must be an object"],
    [{}, '"servers"'],
    [{ servers: [] }, '"servers" is empty'],
    [{ servers: 4222 }, "got number"],
    [{ servers: "http://127.0.0.1:4222" }, "nats://HOST:PORT"],
    [{ servers: "127.0.0.1:99999" }, "nats://HOST:PORT"],
    [{ servers: "127.0.0.1:0" }, "nats://HOST:PORT"],
    [{ servers: "nats://ann:secret@127.0.0.1:4222" }, "must not carry a login"],
    [{ servers: ["nats://a:1", "tls://b:1"] }, "both"],
    [{ servers, user: "ann" }, '"user" and "password" need each other'],
    [{ servers, password: "x" }, '"user" and "password" need each other'],
    [{ servers, token: "" }, "must not be empty"],
    [{ servers, token: 5 }, "must be a string"],
    [{ servers, token: "x", nkeySeed: SEED }, "not several"],
    [{ servers, nkeySeed: PUBLIC }, "not the seed of an nkey"],
    [{ servers, tls: { caCerts: ["no"] } }, '"tls.caCerts" is not readable'],
    [{ servers, tls: { cert: client.cert } }, '"key"'],
    [{ servers, tls: { requireClientCert: true } }, "is for servers"],
    [{ servers, tls: { handshakeFirst: 1 } }, "must be a boolean"],
    [{ servers, tls: "yes" }, '"tls" must be an object'],
    [{ servers, inboxPrefix: "a.>" }, "without wildcards"],
    [{ servers, connectTimeoutMs: "1" }, "must be a number"],
    [{ servers, retry: { tries: 3 } }, 'has no option "tries"'],
  ];
  for (const [options, text] of wrong) {
    await assertRejects(() => openNats(options as NatsOptions), TypeError, text);
  }
  const outside = [{ connectTimeoutMs: 0 }, { requestTimeoutMs: -1 }, { pingIntervalMs: 0.5 }];
  for (const options of outside) {
    await assertRejects(() => openNats({ servers, ...options }), RangeError);
  }
});

leakTest("openNats() never shows a seed or a login in what it throws", async () => {
  const secret = "SUnoSeedAtAll";
  const seed = await assertRejects(() => openNats({ servers: "a", nkeySeed: secret }), TypeError);
  const login = await assertRejects(() => openNats({ servers: `ann:${secret}@a` }), TypeError);
  for (const error of [seed, login]) {
    assert(!`${error.message} ${String(error.cause)} ${error.stack}`.includes(secret));
  }
});

leakTest("new NatsConnection() is for openNats() alone", async () => {
  await assertRejects(async () => await new NatsConnection({}).close(), TypeError, "openNats()");
});

// ---- Who is let in ----

const LOGINS: [
  name: string,
  config: string,
  right: Partial<NatsOptions>,
  Partial<NatsOptions>[],
][] = [
  ["a token", 'authorization { token: "abc" }', { token: "abc" }, [{ token: "abd" }, {}]],
  [
    "a user and a password",
    'authorization { users: [ { user: "ann", password: "x y" } ] }',
    { user: "ann", password: "x y" },
    [{ user: "ann", password: "xy" }, { user: "bob", password: "x y" }, {}],
  ],
  [
    "an nkey",
    `authorization { users: [ { nkey: "${PUBLIC}" } ] }`,
    { nkeySeed: SEED },
    [{ nkeySeed: OTHER_SEED }, {}],
  ],
];

for (const [name, config, right, wrong] of LOGINS) {
  natsTest(`openNats() logs in with ${name}, and rejects when it is refused`, async () => {
    await using server = await startNatsServer({ config });
    await ask({ servers: server.url, ...right });
    for (const login of wrong) {
      await assertRejects(
        () => openNats({ servers: server.url, ...login }),
        AuthenticationError,
        `Cannot connect to ${server.address}: the login was refused`,
      );
    }
  });
}

natsTest("openNats() is refused twenty times in a row, and the process lives on", async () => {
  await using server = await startNatsServer({ config: 'authorization { token: "abc" }' });
  const code = `
    import { openNats } from "@manyhands/concurrency/distributed/nats";
    const servers = Deno.args[0];
    let refused = 0;
    for (let i = 0; i < 20; i++) {
      try {
        await openNats({ servers, token: "wrong" + i });
      } catch (error) {
        if (error.name === "AuthenticationError") refused++;
      }
    }
    // What comes late would come now.
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 5));
    const nats = await openNats({ servers, token: "abc" });
    console.log("READY", refused, nats.connected);
    await nats.close();
  `;
  await using program = await startProgram({ code }, {
    flags: [`--allow-net=${server.address}`],
    args: [server.url],
  });
  assertEquals(program.ready, "20 true");
  assertEquals((await program.status).code, 0);
  assertEquals(program.stderr, "");
});

// ---- TLS ----

natsTest("openNats() encrypts, and knows the server by an authority's text", async () => {
  await using server = await startNatsServer(tlsServer(serverPair));
  const tls = { caCerts: [authority.cert] };
  await ask({ servers: server.url, tls });
  await ask({ servers: `tls://127.0.0.1:${server.port}`, tls });
  const wrong = await assertRejects(
    () => openNats({ servers: server.url, tls: { caCerts: [stranger.cert] } }),
    AuthenticationError,
  );
  assertStringIncludes(wrong.message, "nobody whom this side trusts vouches for it");
  await assertRejects(
    () => openNats({ servers: `tls://127.0.0.1:${server.port}` }),
    AuthenticationError,
  );
  await assertRejects(
    () => openNats({ servers: server.url }),
    ProtocolError,
    `Cannot connect to ${server.address}: it speaks TLS only`,
  );
});

natsTest("openNats() refuses a server's certificate for another name, or of the past", async () => {
  const caCerts = [authority.cert];
  {
    await using server = await startNatsServer(tlsServer(elsewhere));
    const { url: servers } = server;
    await assertRejects(
      () => openNats({ servers, tls: { caCerts } }),
      AuthenticationError,
      "made out for",
    );
    await ask({ servers, tls: { caCerts, serverName: "elsewhere.example" } });
  }
  await using server = await startNatsServer(tlsServer(expired));
  await assertRejects(
    () => openNats({ servers: server.url, tls: { caCerts } }),
    AuthenticationError,
    "expired",
  );
});

natsTest("openNats() shows a client certificate to a server that asks for it", async () => {
  await using server = await startNatsServer(tlsServer(serverPair, { verify: true }));
  const { url: servers } = server;
  const caCerts = [authority.cert];
  await ask({ servers, tls: { caCerts, ...client } });
  const begin = performance.now();
  for (const pair of [undefined, pretender]) {
    await assertRejects(
      () => openNats({ servers, tls: { caCerts, ...pair } }),
      AuthenticationError,
      "the certificate of this side was refused",
    );
  }
  assert(performance.now() - begin < 5_000, "it waits until the time for connecting is over");
});

natsTest("openNats() refuses TLS where the server has none", async () => {
  await using server = await startNatsServer();
  await assertRejects(
    () => openNats({ servers: server.url, tls: {} }),
    ProtocolError,
    "it does not speak TLS",
  );
});

natsTest("openNats() begins with TLS where the server does not greet before", async () => {
  await using server = await startNatsServer();
  await using front = new TlsFront(server.port, serverPair);
  const servers = front.address;
  const tls = { caCerts: [authority.cert], handshakeFirst: true };
  await using nats = await openNats({ servers, tls });
  await using dict = new NatsDict<string, number>(nats, "kept");
  await dict.set("a", 1);
  assertEquals(await dict.get("a"), 1);
  front.cut();
  // Also when the connection is made anew.
  assertEquals([await dict.get("a"), nats.statistics().reconnects], [1, 1]);

  const wrong = await assertRejects(
    () => openNats({ servers, tls: { ...tls, caCerts: [stranger.cert] } }),
    AuthenticationError,
  );
  assertStringIncludes(wrong.message, "nobody whom this side trusts vouches for it");
  await assertRejects(
    () => openNats({ servers, tls: { ...tls, serverName: "elsewhere.example" } }),
    AuthenticationError,
    "made out for",
  );
  // Each side waits for the other one to begin.
  const { caCerts } = tls;
  await assertRejects(
    () => openNats({ servers, tls: { caCerts }, connectTimeoutMs: 200 }),
    EngineUnavailableError,
  );
});

leakTest("openNats() says that its certificate was refused, also before any greeting", async () => {
  // It asks for a certificate, and there is none.
  const { createServer } = await import("node:tls");
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  const asking = { requestCert: true, rejectUnauthorized: true, ca: [authority.cert] };
  const front = createServer({ ...serverPair, ...asking }, (socket) => socket.destroy());
  front.listen(0, "127.0.0.1", resolve);
  await listening;
  const servers = `127.0.0.1:${(front.address() as { port: number }).port}`;
  await assertRejects(
    () => openNats({ servers, tls: { caCerts: [authority.cert], handshakeFirst: true } }),
    AuthenticationError,
    "the certificate of this side was refused",
  );
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  front.close(() => close());
  await closed;
});

natsTest("openNats() refuses to begin with TLS where the server greets first", async () => {
  await using server = await startNatsServer(tlsServer(serverPair));
  const tls = { caCerts: [authority.cert], handshakeFirst: true };
  await assertRejects(() => openNats({ servers: server.url, tls }), ProtocolError, "TLS");
});

// ---- Who is not there ----

leakTest("openNats() tells a server that is not there from one that is none", async () => {
  const closed = `127.0.0.1:${freePort()}`;
  const error = await assertRejects(() => openNats({ servers: closed }), EngineUnavailableError);
  assertEquals(
    error.message,
    `Cannot reach the engine at ${closed}: Cannot connect to ${closed}: nobody is listening there`,
  );
  await using web = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("hello"),
  );
  // It waits for a request, as a NATS client waits for a greeting.
  const servers = `127.0.0.1:${web.addr.port}`;
  await assertRejects(() => openNats({ servers, connectTimeoutMs: 200 }), EngineUnavailableError);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const greetings: [string, typeof ProtocolError | typeof EngineUnavailableError, string][] = [
    ["SSH-2.0-OpenSSH_9.2\r\n", ProtocolError, "it is no NATS server"],
    ["INFO {server}\r\n", ProtocolError, "it is no NATS server"],
    // It says much, and never ends a line.
    ["x".repeat(300_000), ProtocolError, "it is no NATS server"],
    [
      "",
      EngineUnavailableError,
      `Lost the connection to 127.0.0.1:${port} before it said anything`,
    ],
  ];
  for (const [text, kind, expected] of greetings) {
    const greeting = (async () => {
      using conn = await listener.accept();
      for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
        rest = rest.subarray(await conn.write(rest).catch(() => rest.length));
      }
      if (text !== "") await conn.read(new Uint8Array(16)).catch(() => {});
    })();
    const retry = { maxAttempts: 1 };
    const servers = `127.0.0.1:${port}`;
    await assertRejects(() => openNats({ servers, retry }), kind, expected);
    await greeting;
  }
});

natsTest("openNats() takes the server that is there, and finds the others later", async () => {
  await using a = await startNatsServer();
  await using b = await startNatsServer();
  await b.kill();
  await using stack = new AsyncDisposableStack();
  const connections: NatsConnection[] = [];
  // Each begins with any of the two.
  for (const name of ["1", "2", "3", "4", "5", "6"]) {
    connections.push(stack.use(await openNats({ servers: [b.url, a.url], name })));
  }
  for (const nats of connections) assertEquals(nats.server, a.address);
  await b.restart();
  await a.kill();
  for (const nats of connections) {
    await until(() => nats.statistics().reconnects === 1, "the other server");
    assertEquals([nats.connected, nats.server], [true, b.address]);
  }
});

// ---- Permissions ----

const ASK = `
  import { NatsDict, openNats } from "@manyhands/concurrency/distributed/nats";
  try {
    await using nats = await openNats({ servers: Deno.args[0] });
    await using dict = new NatsDict(nats, "asked");
    await dict.set("a", 1);
    console.log("READY", await dict.get("a"));
  } catch (error) {
    console.log("READY", error instanceof Deno.errors.NotCapable, error.message);
  }
`;

natsTest("openNats() needs --allow-net=HOST:PORT, and nothing else", async () => {
  await using server = await startNatsServer();
  const run = async (flags: string[], servers: string): Promise<string> => {
    await using program = await startProgram({ code: ASK }, { flags, args: [servers] });
    await program.status;
    return program.ready;
  };
  const { address, port } = server;
  assertEquals(await run([`--allow-net=${address}`], address), "1");
  assertEquals(await run([`--allow-net=localhost:${port}`], `localhost:${port}`), "1");
  const missing = `true Cannot connect to ${address}: run again with --allow-net=${address}`;
  assertEquals(await run([], address), missing);
  assertEquals(await run([`--allow-net=127.0.0.1:${port === 1 ? 2 : port - 1}`], address), missing);
});

natsTest("openNats() connects to the listed nodes of a cluster only", async () => {
  await using cluster = await startNatsCluster();
  const [node] = cluster.nodes as [NatsServer];
  const source = new NatsSource({ servers: node.url });
  const { nc } = await source.open("look");
  assertEquals(nc.info?.connect_urls?.length, 3);
  assertEquals(nc.getServers().map(({ listen }) => listen), [node.address]);
  await source.close();
  await using program = await startProgram({ code: ASK }, {
    flags: [`--allow-net=${node.address}`],
    args: [node.url],
  });
  assertEquals(program.ready, "1");
});

// ---- Sharing and closing ----

natsTest("openNats() gives one connection to all with the same options", async () => {
  await using server = await startNatsServer();
  const clients = async (): Promise<unknown> =>
    (await server.monitor("connz"))?.["num_connections"];
  const options = { servers: server.url, name: "shared" };
  const [a, b] = await Promise.all([openNats(options), openNats({ ...options })]);
  await using dict = new NatsDict(options, "shared");
  await using counter = new NatsCounter(options, "shared");
  await Promise.all([dict.set("a", 1), counter.add(1)]);
  assertEquals(await clients(), 1);
  await using other = await openNats({ ...options, name: "other" });
  assertEquals(await clients(), 2);
  await a.close();
  await a.close();
  assertEquals(a.connected, false);
  await assertRejects(() => a.ping(), ConnectionClosedError, "Cannot ping the engine");
  await b.ping();
  await dict.close();
  await counter.close();
  await b.close();
  await other.ping();
  await until(async () => await clients() === 1, "the shared connection to be closed");
});

natsTest("NatsConnection.close() ends a connection that is being made anew", async () => {
  await using server = await startNatsServer();
  const nats = await openNats({ servers: server.url });
  await server.kill();
  await until(() => !nats.connected, "the connection to be lost");
  await assertRejects(() => nats.ping(), EngineUnavailableError);
  const waiting = assertRejects(() => nats.waitConnected(), ConnectionClosedError);
  await nats.close();
  await waiting;
});

natsTest("a NatsConnection stays the one's who opened it", async () => {
  await using server = await startNatsServer();
  await using nats = await openNats({ servers: server.url });
  const dict = new NatsDict(nats, "a");
  await dict.set("a", 1);
  await dict.close();
  await assertRejects(() => dict.get("a"), ConnectionClosedError, "it is closed");
  await nats.ping();
  const left = new NatsDict(nats, "a");
  await nats.close();
  await assertRejects(() => left.get("a"), ConnectionClosedError, "the connection is closed");
});

natsTest("a NatsConnection is made anew after its server has restarted", async () => {
  await using server = await startNatsServer();
  await using nats = await openNats({ servers: server.url });
  await using dict = new NatsDict<string, number>(nats, "kept");
  await dict.set("a", 1);
  for (let round = 1; round <= 3; round++) {
    await server.kill();
    const reading = dict.get("a");
    await server.restart();
    assertEquals(await reading, 1);
    assertEquals(nats.statistics().reconnects, round);
  }
  assertStringIncludes(String(nats), `${server.address}, connected`);
});

natsTest("NatsConnection shows its server, the version of it, and its state", async () => {
  await using server = await startNatsServer();
  const nats = await openNats({ servers: server.url });
  assertEquals(/^\d+\.\d+\.\d+/.test(nats.serverVersion), true);
  assertEquals(Deno.inspect(nats), `NatsConnection { ${server.address}, connected }`);
  await server.kill();
  await until(() => !nats.connected, "the connection to be lost");
  assertEquals(Deno.inspect(nats), `NatsConnection { ${server.address}, lost }`);
  await nats.close();
  assertEquals(Deno.inspect(nats), `NatsConnection { ${server.address}, closed }`);
});

natsTest("a NatsConnection whose login is refused later is given up, and says so", async () => {
  const config = (token: string): string => `authorization { token: "${token}" }`;
  await using server = await startNatsServer({ config: config("abc") });
  const options = { servers: server.url, token: "abc" };
  await using nats = await openNats(options);
  await server.kill();
  await until(() => !nats.connected, "the connection to be lost");
  await server.configure(config("new"));
  await server.restart();
  const error = await assertRejects(() => nats.waitConnected(), AuthenticationError);
  assertStringIncludes(error.message, "the engine refused the login");
  await assertRejects(() => nats.ping(), AuthenticationError);
  // Another one with the same options begins anew.
  await server.configure(config("abc"));
  await server.restart();
  await ask(options);
});

natsTest("a NatsConnection with a limit of tries is given up after them", async () => {
  await using server = await startNatsServer();
  const retry = { maxAttempts: 2, minTimeoutMs: 1, maxTimeoutMs: 5 };
  await using nats = await openNats({ servers: server.url, retry });
  await server.kill();
  await until(() => !nats.connected, "the connection to be lost");
  await assertRejects(() => nats.waitConnected(), EngineUnavailableError, "no try to connect");
});

natsTest("an object connects anew when its own connection was given up", async () => {
  await using server = await startNatsServer();
  const retry = { maxAttempts: 1, minTimeoutMs: 1, maxTimeoutMs: 1 };
  const source = new NatsSource({ servers: server.url, retry });
  const { nc } = await source.open("try");
  await server.kill();
  await until(() => nc.isClosed(), "the connection to be given up");
  await assertRejects(() => source.open("try"), EngineUnavailableError);
  await server.restart();
  assertEquals((await source.open("try")).isConnected, true);
  await source.close();
});

natsTest("a NatsConnection notices a server that is silent", async () => {
  await using server = await startNatsServer();
  await using nats = await openNats({ servers: server.url, pingIntervalMs: 200 });
  await using dict = new NatsDict<string, number>(nats, "kept", { patienceMs: 300 });
  await dict.set("a", 1);
  await server.kill("SIGSTOP");
  const isUnavailable = (error: unknown): boolean => error instanceof EngineUnavailableError;
  await until(() => dict.get("a").then(() => false, isUnavailable), "the server to be silent");
  await until(() => !nats.connected, "the silence to be noticed");
  await server.kill("SIGCONT");
  assert(await nats.waitConnected({ timeoutMs: 20_000 }));
  assertEquals(await dict.get("a"), 1);
});

natsTest("a NatsConnection begins anew at once when something throws that it calls", async () => {
  await using server = await startNatsServer();
  const source = new NatsSource({ servers: server.url });
  const client = await source.open("try");
  const { nc } = client;
  const log = console.log;
  // The client prints what was thrown.
  console.log = () => {};
  try {
    nc.subscribe("here", {
      callback() {
        throw new Error("not ready for that");
      },
    });
    nc.publish("here");
    await until(() => client.reconnects === 1, "the connection to be made anew", 2_000);
  } finally {
    console.log = log;
  }
  assert(await client.whenConnected({ timeoutMs: 5_000 }));
  await source.close();
});

natsTest("an engine that is away cannot be pinged, and one without queues lists none", async () => {
  await using server = await startNatsServer();
  const source = new NatsSource({ servers: server.url, requestTimeoutMs: 500 });
  assertEquals(await listQueues(source), []);
  await pingEngine(source);
  await server.kill();
  await assertRejects(() => pingEngine(source), EngineUnavailableError, "Cannot ping the engine");
  await source.close();
});

leakTest("a NatsSource that is closed in a pause opens nothing any more", async () => {
  const source = new NatsSource({ servers: `127.0.0.1:${freePort()}` });
  const opening = source.open("try", { deadline: performance.now() + 10_000 });
  const failing = assertRejects(() => opening, Error);
  // Nobody listens there: that is known long before the pause is over.
  await settle();
  await source.close();
  await failing;
  await assertRejects(() => source.open("try"), ConnectionClosedError, "it is closed");
});

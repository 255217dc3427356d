import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { TimeoutError } from "../../coroutine/mod.ts";
import {
  type Address,
  AuthenticationError,
  connect,
  ConnectionClosedError,
  ConnectionLostError,
  EofError,
  Listener,
  type ListenerOptions,
  ProtocolError,
  type TlsOptions,
} from "../../ipc/mod.ts";
import * as certificates from "../distributed/fixtures/tls_certificates.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";

/** Listeners and connections with TLS. What they do in common with all others is in `connection_test.ts`. */

const { authority, server: serverPair, client: clientPair } = certificates;
const SERVER: TlsOptions = serverPair;
const CLIENT: TlsOptions = { caCerts: [authority.cert] };
const MUTUAL: TlsOptions = { ...SERVER, ...CLIENT, requireClientCert: true };

interface Served extends AsyncDisposable {
  readonly listener: Listener;
  readonly address: Address;
  /** Why the first one was not let in. */
  readonly refusal: Promise<unknown>;
}

function listen(tls: TlsOptions | undefined, options: ListenerOptions = {}): Served {
  const { promise: refusal, resolve: onRefused } = Promise.withResolvers<unknown>();
  const listener = new Listener("127.0.0.1:0", { tls, onRefused, ...options });
  return {
    listener,
    address: listener.address as Address,
    refusal,
    [Symbol.asyncDispose]: () => listener.close(),
  };
}

leakTest("Listener: tls encrypts what is sent", async () => {
  await using served = listen(SERVER);
  using middle = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const seen: Uint8Array[] = [];
  const passing = (async () => {
    const near = await middle.accept();
    const far = await Deno.connect({ hostname: "127.0.0.1", port: served.address.port });
    const pass = async (from: Deno.TcpConn, to: Deno.TcpConn) => {
      const buffer = new Uint8Array(65_536);
      for (let count; (count = await from.read(buffer).catch(() => null)) !== null;) {
        seen.push(buffer.slice(0, count));
        await to.write(buffer.subarray(0, count)).catch(() => {});
      }
      await to.closeWrite().catch(() => {});
    };
    await Promise.all([pass(near, far), pass(far, near)]);
    near.close();
    far.close();
  })();
  const accepting = served.listener.accept();
  const address = { hostname: "127.0.0.1", port: middle.addr.port };
  const client = await connect(address, { tls: CLIENT });
  const server = await accepting;
  await client.send("a word that nobody else reads");
  assertEquals(await server.recv(), "a word that nobody else reads");
  await server.send("nor this one");
  assertEquals(await client.recv(), "nor this one");
  await client.close();
  await server.close();
  await passing;
  const wire = seen.map((bytes) => new TextDecoder("latin1").decode(bytes)).join("");
  assertEquals([wire.includes("nobody"), wire.includes("nor this")], [false, false]);
  assertEquals(wire.charCodeAt(0), 0x16);
});

for (
  const [what, pair, text] of [
    ["of a stranger", certificates.pretender, "nobody whom this side trusts vouches for it"],
    ["for another host", certificates.elsewhere, "it is made out for"],
    ["that is over", certificates.expired, "it expired on"],
  ] as const
) {
  leakTest(`connect() does not accept a certificate ${what}`, async () => {
    await using served = listen(pair, { authkey: "key" });
    const accepting = served.listener.accept().catch((error) => error);
    const { message } = await assertRejects(
      () => connect(served.address, { authkey: "key", tls: CLIENT }),
      AuthenticationError,
      "its certificate was not accepted",
    );
    assert(message.includes(text), message);
    // The listener hears no more than that it was left.
    assert(await accepting instanceof ConnectionLostError);
  });
}

leakTest(
  "connect() says when a certificate begins to hold, where the clock is behind",
  async () => {
    await using served = listen(certificates.expired, { authkey: "key" });
    const accepting = served.listener.accept().catch((error) => error);
    const { now } = Date;
    // What the certificate begins with is 2020.
    Date.now = () => Date.UTC(2019);
    try {
      await assertRejects(
        () => connect(served.address, { authkey: "key", tls: CLIENT }),
        AuthenticationError,
        "its certificate was not accepted: it begins to hold on Jan  1 00:00:00 2020 GMT",
      );
    } finally {
      Date.now = now;
    }
    assert(await accepting instanceof ConnectionLostError);
  },
);

leakTest("Listener says that a client of others does not accept its certificate", async () => {
  await using served = listen(SERVER);
  const { hostname, port } = served.address;
  const accepting = assertRejects(
    () => served.listener.accept(),
    AuthenticationError,
    "the TLS handshake failed: ",
  );
  using client = await Deno.connectTls({ hostname, port, caCerts: [certificates.stranger.cert] });
  await assertRejects(() => client.handshake(), Deno.errors.InvalidData);
  await accepting;
});

leakTest("Listener tells an acceptor of a client that leaves without a word", async () => {
  await using served = listen(SERVER, { authkey: "key" });
  const accepting = assertRejects(() => served.listener.accept(), ProtocolError);
  const { hostname, port } = served.address;
  using client = await Deno.connect({ hostname, port });
  await client.closeWrite();
  await accepting;
  // Nobody is told anything who does not want to know.
  assertEquals(await client.read(new Uint8Array(100)), null);
});

leakTest("connect() takes a certificate for the name that it is told", async () => {
  await using served = listen(certificates.elsewhere);
  const tls = { ...CLIENT, serverName: "elsewhere.example" };
  const [server, client] = await Promise.all([
    served.listener.accept(),
    connect(served.address, { tls }),
  ]);
  await client.send(1);
  assertEquals(await server.recv(), 1);
  await client.close();
  await server.close();
});

for (const authkey of [undefined, "key"]) {
  const how = authkey === undefined ? "without a key" : "with a key";

  leakTest(`Listener lets clients with a certificate in, ${how}`, async () => {
    await using served = listen(MUTUAL, { authkey });
    const [server, client] = await Promise.all([
      served.listener.accept(),
      connect(served.address, { authkey, tls: { ...CLIENT, ...clientPair } }),
    ]);
    await client.send(1);
    assertEquals(await server.recv(), 1);
    await client.close();
    await server.close();
  });

  leakTest(`Listener gives up a TLS handshake that does not go on, ${how}`, async () => {
    // Long enough for one that goes on, also where much else goes on.
    await using served = listen(SERVER, { authkey, handshakeTimeoutMs: 1_000 });
    const accepting = served.listener.accept();
    accepting.catch(() => {});
    const { hostname, port } = served.address;
    using half = await Deno.connect({ hostname, port });
    // The head of a record, and nothing of what it announces.
    await half.write(new Uint8Array([0x16, 3, 1, 1, 0]));
    const reading = half.read(new Uint8Array(100)).catch(() => null);
    assertEquals(await guard(reading, () => "the end of the connection"), null);
    assert(await guard(served.refusal, () => "the refusal") instanceof TimeoutError);
    const client = await connect(served.address, { authkey, tls: CLIENT });
    const server = await guard(accepting, () => "a connection");
    await server.close();
    await client.close();
  });
}

for (
  const [what, tls, text] of [
    ["without a certificate", CLIENT, "there was none"],
    ["of another authority", { ...CLIENT, ...certificates.pretender }, "nobody whom this side"],
  ] as const
) {
  leakTest(`Listener refuses a client ${what} when it must have one`, async () => {
    await using served = listen(MUTUAL, { authkey: "key" });
    const accepting = assertRejects(() => served.listener.accept(), AuthenticationError, text);
    const { message } = await assertRejects(
      () => connect(served.address, { authkey: "key", tls }),
      AuthenticationError,
      "the client certificate was not accepted",
    );
    assert(message.includes(text), message);
    await accepting;
  });

  leakTest(`Listener without a key refuses a client ${what}`, async () => {
    await using served = listen(MUTUAL);
    const accepting = assertRejects(() => served.listener.accept(), AuthenticationError, text);
    // A client is done before the listener has looked at its certificate.
    await using client = await connect(served.address, { tls });
    await assertRejects(() => client.recv(), EofError, "closed the connection");
    await accepting;
  });
}

// One with TLS and one without

leakTest("Listener tells a client with a key and without TLS that it needs it", async () => {
  await using served = listen(SERVER, { authkey: "key", handshakeTimeoutMs: 200 });
  const accepting = assertRejects(
    () => served.listener.accept(),
    ProtocolError,
    "it does not speak TLS",
  );
  await assertRejects(
    () => connect(served.address, { authkey: "key" }),
    AuthenticationError,
    'it says "this port speaks TLS only"',
  );
  await accepting;
});

leakTest("Listener closes the connection of a client without key and TLS", async () => {
  await using served = listen(SERVER);
  const accepting = assertRejects(
    () => served.listener.accept(),
    ProtocolError,
    "it does not speak TLS",
  );
  await using client = await connect(served.address);
  await client.send("hello");
  // Nothing that could be taken for a message.
  await assertRejects(() => client.recv(), EofError, "closed the connection");
  await accepting;
});

leakTest("connect() with TLS and a key to a listener without TLS", async () => {
  await using served = listen(undefined, { authkey: "key" });
  const accepting = served.listener.accept().catch((error) => error);
  await assertRejects(
    () => connect(served.address, { authkey: "key", tls: CLIENT }),
    ProtocolError,
    "it does not speak TLS",
  );
  assert(await accepting instanceof Error);
});

leakTest("connect() with TLS to a listener without key and TLS", async () => {
  await using served = listen(undefined);
  const accepting = served.listener.accept();
  const connecting = assertRejects(
    () => connect(served.address, { tls: CLIENT }),
    ConnectionLostError,
    "in the TLS handshake",
  );
  await using server = await accepting;
  // What a TLS client says first is the length of a message that is too long.
  await assertRejects(() => server.recv(), ProtocolError);
  await server.close();
  await connecting;
});

leakTest("Listener.close() does not wait for TLS handshakes", async () => {
  const served = listen(SERVER);
  const accepting = assertRejects(() => served.listener.accept(), ConnectionClosedError);
  const { hostname, port } = served.address;
  using half = await Deno.connect({ hostname, port });
  await half.write(new Uint8Array([0x16, 3, 1, 1, 0]));
  await served.listener.close();
  await accepting;
});

// What cannot be

const WRONG: [string, unknown, string][] = [
  ["no object", "cert", '"tls" must be an object'],
  ["an unknown option", { ...SERVER, ca: "x" }, '"tls" has no option "ca"'],
  ["the key of another", { ...SERVER, key: clientPair.key }, "is not the key of"],
  ["no certificate", CLIENT, '"tls" must have the "cert" and the "key" of the listener'],
  ["nobody to vouch for clients", { ...SERVER, requireClientCert: true }, 'needs "tls.caCerts"'],
];
for (const [what, tls, text] of WRONG) {
  Deno.test(`Listener() refuses tls with ${what}`, () => {
    const options = { tls: tls as TlsOptions };
    const { message } = assertThrows(() => new Listener("127.0.0.1:0", options), TypeError, text);
    assert(message.startsWith("Cannot listen: "), message);
  });
}

Deno.test("connect() refuses tls that cannot be used", async () => {
  const tls = { ca: "x" } as TlsOptions;
  await assertRejects(() => connect("127.0.0.1:9", { tls }), TypeError, "Cannot connect: ");
  const { port1, port2 } = new MessageChannel();
  await assertRejects(
    () => connect(port1, { tls: CLIENT }),
    TypeError,
    'over a message port with "authkey", "family" or "tls"',
  );
  port1.close();
  port2.close();
});

Deno.test("Listener() and connect() refuse tls over a Unix socket", {
  ignore: Deno.build.os === "windows",
}, async () => {
  assertThrows(
    () => new Listener(undefined, { family: "AF_UNIX", tls: SERVER }),
    TypeError,
    '"tls": it is for TCP only',
  );
  await assertRejects(
    () => connect("/tmp/nobody", { tls: CLIENT }),
    TypeError,
    'Cannot connect on /tmp/nobody with "tls"',
  );
});

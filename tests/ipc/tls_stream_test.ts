import { assertEquals, assertRejects } from "@std/assert";
import { encryptAccepted, encryptOpened } from "../../ipc/_tls.ts";
import { authority, server as serverPair } from "../distributed/fixtures/tls_certificates.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { settle } from "../support/settle.ts";

/** What is below a TLS connection, watched, and broken at will. */
function watch(conn: Deno.TcpConn) {
  const state = { isBroken: false, read: 0 };
  const watched = new Proxy(conn, {
    get(target, name) {
      if (name === "read") {
        return async (buffer: Uint8Array) => {
          const count = await target.read(buffer);
          state.read += count ?? 0;
          return count;
        };
      }
      if (name === "write") {
        return (bytes: Uint8Array) =>
          state.isBroken
            ? Promise.reject(new Deno.errors.BrokenPipe("Broken pipe"))
            : target.write(bytes);
      }
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { conn: watched, state };
}

async function open() {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [accepted, opened] = await Promise.all([
    listener.accept(),
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
  ]);
  const [below, above] = [watch(accepted), watch(opened)];
  const tls = { caCerts: [authority.cert] };
  const [server, client] = await Promise.all([
    encryptAccepted(below.conn, serverPair, { peer: "the client", silenceMs: 1_000 }),
    encryptOpened(above.conn, tls, { peer: "the server", hostname: "127.0.0.1" }),
  ]);
  return {
    server,
    client,
    below: below.state,
    above: above.state,
    [Symbol.dispose]() {
      server.close();
      client.close();
    },
  };
}

leakTest("TLS: a write whose bytes could not be sent rejects, and those after it", async () => {
  using opened = await open();
  const { client, above } = opened;
  const bytes = new Uint8Array(1_000);
  assertEquals(await client.write(bytes), 1_000);
  above.isBroken = true;
  for (let n = 0; n < 3; n++) {
    const writing = assertRejects(() => client.write(bytes), Deno.errors.BrokenPipe);
    await guard(writing, () => "the end of the write");
  }
});

leakTest("TLS: nothing is read that nobody wants, and all of it in the end", async () => {
  using opened = await open();
  const { client, server, below } = opened;
  const length = 16 * 1024 * 1024;
  const sending = client.write(new Uint8Array(length));
  for (let turn = 0; turn < 20; turn++) await settle();
  const before = below.read;
  assertEquals(before < 1024 * 1024, true, `${before} bytes were read`);
  const buffer = new Uint8Array(100_000);
  let got = 0;
  while (got < length) got += await guard(server.read(buffer), () => "bytes") ?? 0;
  assertEquals(got, length);
  await sending;
});

import { assertEquals, assertRejects } from "@std/assert";
import { TimeoutError } from "../../coroutine/mod.ts";
import { PythonConnection } from "../../distributed/_python_connection.ts";
import { type Address, ConnectionLostError, type TlsOptions } from "../../ipc/mod.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { PythonServer } from "./_python_wire.ts";
import { authority } from "./fixtures/tls_certificates.ts";

/** Connections to a Python server that is slow, or says nothing at all. */

const KEY = "a key";
const key = new TextEncoder().encode(KEY);

/** Accepts one connection, says nothing, and answers when the other side has closed it. */
function sayNothing(): { address: Address; left: Promise<void> } & Disposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accept = async () => {
    using conn = await listener.accept();
    const buffer = new Uint8Array(4096);
    for (;;) {
      // One that is reset has ended as well.
      if (await conn.read(buffer).catch(() => null) === null) return;
    }
  };
  return {
    address: { hostname: "127.0.0.1", port: listener.addr.port },
    left: accept(),
    [Symbol.dispose]: () => listener.close(),
  };
}

for (
  const [how, tls] of [
    ["", undefined],
    [", also in the midst of the encryption", { caCerts: [authority.cert] }],
  ] as [string, TlsOptions | undefined][]
) {
  leakTest(`PythonConnection.open() leaves a server that says nothing${how}`, async () => {
    using server = sayNothing();
    const { address } = server;
    await assertRejects(
      () => PythonConnection.open({ address, key, tls }, { timeoutMs: 50 }),
      TimeoutError,
      "no answer within 50 ms",
    );
    await guard(server.left, () => "the end of the connection");
  });
}

leakTest(
  "PythonConnection.open() leaves a server that it reaches after it was stopped",
  async () => {
    using server = sayNothing();
    const stop = new AbortController();
    const opening = PythonConnection.open({ address: server.address, key }, {
      signal: stop.signal,
    });
    stop.abort(new Error("stopped"));
    await assertRejects(() => opening, Error, "stopped");
    await guard(server.left, () => "the end of the connection");
  },
);

leakTest("PythonConnection.close() fails the request that waits, and those behind it", async () => {
  await using server = new PythonServer({ authkey: KEY, answers: { wait: () => "nothing" } });
  const connection = await PythonConnection.open({ address: server.address, key });
  const request = new Uint8Array(1);
  const exchanges = [1, 2].map(() => connection.exchange(request, () => "an answer"));
  const failures = exchanges.map((exchange) => assertRejects(() => exchange, ConnectionLostError));
  connection.close();
  await guard(Promise.all(failures), () => "the ends of the requests");
  assertEquals(connection.isClosed, true);
});

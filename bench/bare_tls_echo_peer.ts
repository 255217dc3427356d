/**
 * The bare cost of an encrypted message to another process and back, with the runtime's own TLS.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { authority, server as pair } from "../tests/distributed/fixtures/tls_certificates.ts";
import { measure, type Peer } from "./harness.ts";

/** About as many bytes as a small call has. */
const MESSAGE_BYTES = 24;

/**
 * Makes a peer that sends a small message over `node:tls` to another process, and waits for it to come back.
 *
 * @param goal The least ratio that counts as met: 0.5 means that ours may take twice as long.
 * @param times How many messages, one after the other, make a pass.
 * @returns The peer.
 */
export function bareTlsEchoPeer(goal: number, times: number): Peer {
  let child: Deno.ChildProcess | undefined;
  let server: Server | undefined;
  let socket: TLSSocket | undefined;
  let arrived: ((count: number) => void) | undefined;
  return {
    name: "bare node:tls message",
    goal,
    async setup(): Promise<void> {
      server = createServer({ cert: pair.cert, key: pair.key });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const program = new URL("./peers/bare_tls_echo.ts", import.meta.url).pathname;
      const flags = ["run", "--no-check", `--allow-net=127.0.0.1:${port}`];
      const args = [...flags, program, String(port), authority.cert];
      child = new Deno.Command(Deno.execPath(), { args, stdin: "null" }).spawn();
      [socket] = await once(server, "secureConnection") as [TLSSocket];
      socket.setNoDelay(true);
      socket.on("data", (bytes: Buffer) => arrived?.(bytes.length));
    },
    run: () =>
      measure(async () => {
        const message = new Uint8Array(MESSAGE_BYTES);
        for (let n = 0; n < times; n++) {
          const { promise, resolve } = Promise.withResolvers<void>();
          let left = MESSAGE_BYTES;
          arrived = (count) => {
            left -= count;
            if (left === 0) resolve();
          };
          socket!.write(message);
          await promise;
        }
        return times;
      }),
    async teardown(): Promise<void> {
      socket?.end();
      await child?.status;
      server?.close();
      child = server = socket = undefined;
    },
  };
}

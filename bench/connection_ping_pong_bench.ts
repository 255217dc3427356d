/**
 * Small messages between two processes, there and back.
 *
 * @module
 */

import { connectionContestant, pingPong } from "./connection_subject.ts";
import { expectResult, measure, type Peer, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";

/** Small messages between two processes, there and back. */
export const scenario: Scenario = {
  name: "connection ping-pong",
  description:
    "5,000 messages of 64 bytes to another process and back; an operation is a round trip",
  ours: connectionContestant("ipc Listener and connect over TCP", "tcp", pingPong),
  peers: [
    pythonPeer({
      name: "CPython Listener and Client",
      goal: 1,
      program: "connection.py",
      args: ["ping-pong", "tcp"],
    }),
    bareTcp(),
  ],
};

const TRIPS = 5_000;
const MESSAGE_BYTES = 64;

/** What the network costs: bare sockets, without messages. Ours may take 1.5 times as long. */
function bareTcp(): Peer {
  let listener: Deno.TcpListener | undefined;
  let child: Deno.ChildProcess | undefined;
  let conn: Deno.TcpConn | undefined;
  return {
    name: "bare Deno.connect",
    goal: 1 / 1.5,
    async setup(): Promise<void> {
      listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const echo = new URL("./peers/tcp_echo.ts", import.meta.url).href;
      const { port } = listener.addr;
      child = new Deno.Command(Deno.execPath(), {
        args: ["run", "--allow-net=127.0.0.1", echo, String(port)],
        stdin: "null",
      }).spawn();
      conn = await listener.accept();
      conn.setNoDelay(true);
    },
    run: () =>
      measure(async () => {
        const message = new Uint8Array(MESSAGE_BYTES);
        const buffer = new Uint8Array(65_536);
        for (let trip = 0; trip < TRIPS; trip++) {
          await conn!.write(message);
          let received = 0;
          while (received < MESSAGE_BYTES) received += await conn!.read(buffer) ?? NaN;
          expectResult("the length", received, MESSAGE_BYTES);
        }
        return TRIPS;
      }),
    async teardown(): Promise<void> {
      conn?.close();
      listener?.close();
      await child?.status;
    },
  };
}

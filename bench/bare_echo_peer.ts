/**
 * The bare cost of a message to another process and back, over what ours uses as well: the part of a
 * call that no library can save.
 *
 * @module
 */

import { measure, type Peer } from "./harness.ts";

/** About as many bytes as a small call has. */
const MESSAGE_BYTES = 24;

/**
 * Makes a peer that sends a small message to another process, and waits for it to come back.
 *
 * @param goal The least ratio that counts as met: 0.5 means that ours may take twice as long.
 * @param times How many messages, one after the other, make a pass.
 * @returns The peer.
 */
export function bareEchoPeer(goal: number, times: number): Peer {
  let child: Deno.ChildProcess | undefined;
  let connection: Deno.TcpConn | undefined;
  return {
    name: "bare TCP message",
    goal,
    async setup(): Promise<void> {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = listener.addr;
      const program = new URL("./peers/bare_echo.ts", import.meta.url).pathname;
      const args = ["run", `--allow-net=127.0.0.1:${port}`, program, String(port)];
      child = new Deno.Command(Deno.execPath(), { args, stdin: "null" }).spawn();
      connection = await listener.accept();
      connection.setNoDelay(true);
    },
    run: () =>
      measure(async () => {
        const message = new Uint8Array(MESSAGE_BYTES);
        const buffer = new Uint8Array(1024);
        for (let n = 0; n < times; n++) {
          await connection!.write(message);
          for (let got = 0; got < MESSAGE_BYTES;) {
            const count = await connection!.read(buffer);
            if (count === null) throw new Error("The other process has ended");
            got += count;
          }
        }
        return times;
      }),
    async teardown(): Promise<void> {
      connection?.close();
      await child?.status;
      connection = child = undefined;
    },
  };
}

/**
 * The bare cost of a mebibyte that goes to another process, over what ours uses as well: the other process reads
 * into the same buffer again and again, and hands nothing over.
 *
 * @module
 */

import { measure, type Peer } from "./harness.ts";

const MEGABYTE = 1024 * 1024;

/**
 * Makes a peer that writes to another process without any library.
 *
 * @param goal The least ratio that counts as met: 0.5 means that ours may take twice as long.
 * @param times How many mebibytes make a pass.
 * @returns The peer.
 */
export function bareStreamPeer(goal: number, times: number): Peer {
  let child: Deno.ChildProcess | undefined;
  let connection: Deno.TcpConn | undefined;
  return {
    name: "bare TCP bytes",
    goal,
    async setup(): Promise<void> {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = listener.addr;
      const program = new URL("./peers/bare_sink.ts", import.meta.url).pathname;
      const args = ["run", `--allow-net=127.0.0.1:${port}`, program, String(port), String(times)];
      child = new Deno.Command(Deno.execPath(), { args, stdin: "null" }).spawn();
      connection = await listener.accept();
      connection.setNoDelay(true);
    },
    run: () =>
      measure(async () => {
        const bytes = new Uint8Array(MEGABYTE);
        for (let n = 0; n < times; n++) {
          for (let at = 0; at < MEGABYTE;) at += await connection!.write(bytes.subarray(at));
        }
        const count = await connection!.read(new Uint8Array(1));
        if (count === null) throw new Error("The other process has ended");
        return times;
      }),
    async teardown(): Promise<void> {
      connection?.close();
      await child?.status;
      connection = child = undefined;
    },
  };
}

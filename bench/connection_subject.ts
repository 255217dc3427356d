/**
 * Two processes that are connected, for the connection scenarios: started at setup, ended at teardown.
 *
 * @module
 */

import { type Address, type Connection, Listener, pipe } from "../ipc/mod.ts";
import { Process } from "../process/mod.ts";
import { type Contestant, expectResult, measure } from "./harness.ts";
import { answer, callIn, MEGABYTE } from "./subjects/answering.ts";

const MODULE = new URL("./subjects/answering.ts", import.meta.url);
const TRIPS = 5_000;
const MESSAGES = 200;

/** How two processes are connected. */
export type Way = "pipe" | "tcp";

/**
 * Makes a contestant that sends messages to another process.
 *
 * @param name Its name.
 * @param way How the two are connected.
 * @param pass Does some operations with the connection, checks them, and answers how many they were.
 * @returns The contestant.
 */
export function connectionContestant(
  name: string,
  way: Way,
  pass: (connection: Connection) => Promise<number>,
): Contestant {
  const open: AsyncDisposable[] = [];
  let connection: Connection | undefined;
  return {
    name,
    async setup(): Promise<void> {
      if (way === "pipe") {
        const [here, there] = pipe();
        const child = new Process({ module: MODULE, target: answer, args: [there] });
        open.push(there, child);
        await child.start();
        connection = here;
      } else {
        const listener = new Listener();
        const child = new Process({
          module: MODULE,
          target: callIn,
          args: [listener.address as Address],
          permissions: { net: ["127.0.0.1"] },
        });
        open.push(listener, child);
        await child.start();
        connection = await listener.accept();
      }
    },
    run() {
      const opened = connection;
      if (opened === undefined) throw new Error(`Cannot run ${name}: it was not set up`);
      return measure(() => pass(opened));
    },
    async teardown(): Promise<void> {
      await connection?.close();
      connection = undefined;
      for (const owner of open.splice(0).reverse()) await owner[Symbol.asyncDispose]();
    },
  };
}

/**
 * Small messages, there and back.
 *
 * @param connection To the other process.
 * @returns How many there were.
 */
export async function pingPong(connection: Connection): Promise<number> {
  const message = new Uint8Array(64);
  for (let trip = 0; trip < TRIPS; trip++) {
    await connection.sendBytes(message);
    expectResult("the length", (await connection.recvBytes()).length, message.length);
  }
  return TRIPS;
}

/**
 * Large messages, one way.
 *
 * @param connection To the other process.
 * @returns How many there were.
 */
export async function throughput(connection: Connection): Promise<number> {
  const message = new Uint8Array(MEGABYTE);
  for (let sent = 0; sent < MESSAGES; sent++) await connection.sendBytes(message);
  await connection.sendBytes(new Uint8Array(1));
  const count = Number(new TextDecoder().decode(await connection.recvBytes()));
  expectResult("the count", count, MESSAGES);
  return MESSAGES;
}

import { connect, type Connection, type ConnectionOptions } from "../../ipc/mod.ts";

/** What the tests of connections run in processes of their own. */

export function square(n: number): number {
  return n * n;
}

/** Sends ten messages. Its end closes the connection. */
export async function sendTen(
  connection: Connection<[number, number], unknown>,
  sender: number,
): Promise<void> {
  for (let n = 0; n < 10; n++) await connection.send([n, sender]);
}

/** Sends back what comes, until the other side closes. */
export async function echo(connection: Connection): Promise<number> {
  let count = 0;
  for await (const value of connection) {
    await connection.send(value);
    count++;
  }
  return count;
}

/** The same with bytes. */
export async function echoBytes(connection: Connection): Promise<void> {
  while (await connection.poll({ timeoutMs: 60_000 })) {
    let bytes: Uint8Array;
    try {
      bytes = await connection.recvBytes();
    } catch {
      return;
    }
    await connection.sendBytes(bytes);
  }
}

/** Receives one message and returns it. */
export async function receiveOne(connection: Connection<never, unknown>): Promise<unknown> {
  return await connection.recv();
}

/** Sends one message, and returns at once. */
export async function sendOne(connection: Connection, value: unknown): Promise<void> {
  await connection.send(value);
}

/** Says that it runs, and waits for ever. */
export async function hang(connection: Connection): Promise<void> {
  await connection.send("running");
  await new Promise(() => {});
}

/** Sends a message without end. */
export async function sendHuge(connection: Connection, bytes: number): Promise<void> {
  await connection.send("begins");
  await connection.sendBytes(new Uint8Array(bytes));
}

/** Connects, and sends its process id. */
export async function callIn(
  address: string | { hostname: string; port: number },
  options: ConnectionOptions,
): Promise<void> {
  await using connection = await connect<string>(address, options);
  await connection.send("hello");
}

/** Passes the end on to a process of its own, and ends when that has. */
export async function passOn(connection: Connection): Promise<void> {
  const { Process } = await import("../../process/mod.ts");
  await using child = new Process({ module: import.meta.url, target: echo, args: [connection] });
  await child.start();
  await connection.close();
  await child.join();
}

/**
 * What the other process of the connection scenarios does.
 *
 * @module
 */

import { type Address, connect, type Connection, EofError } from "../../ipc/mod.ts";

/** The size of large messages. */
export const MEGABYTE = 1024 * 1024;

/**
 * Echoes small messages; counts large ones, and tells the count at the first small one.
 *
 * @param connection What comes, and where the answers go.
 */
export async function answer(connection: Connection): Promise<void> {
  let count = 0;
  for (;;) {
    let message: Uint8Array;
    try {
      message = await connection.recvBytes();
    } catch (error) {
      if (error instanceof EofError) return;
      throw error;
    }
    if (message.length === MEGABYTE) {
      count++;
    } else if (count > 0) {
      await connection.sendBytes(new TextEncoder().encode(String(count)));
      count = 0;
    } else {
      await connection.sendBytes(message);
    }
  }
}

/**
 * The same over a connection that this process makes.
 *
 * @param address Where somebody listens.
 */
export async function callIn(address: Address): Promise<void> {
  await using connection = await connect(address);
  await answer(connection);
}

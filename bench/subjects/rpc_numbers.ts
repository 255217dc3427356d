/**
 * What the rpc scenarios call: numbers, in a server process.
 *
 * @module
 */

import { RpcServer } from "../../distributed/mod.ts";
import type { Address, Queue } from "../../ipc/mod.ts";

/** What is served. */
export const numbersApi = {
  /** The next number. */
  next(n: number): number {
    return n + 1;
  },
  /** So many numbers. */
  *count(to: number): Generator<number> {
    for (let n = 1; n <= to; n++) yield n;
  },
};

/**
 * Serves until the process is ended.
 *
 * @param authkey The key of the clients.
 * @param address Is told where.
 */
export async function serveNumbers(authkey: string, address: Queue<Address>): Promise<void> {
  await using server = new RpcServer(numbersApi, { authkey });
  await address.put(server.address);
  await server.serveForever();
}

/**
 * How long the caller of a function still waits.
 *
 * @module
 */

import { timeLeft } from "./_rpc_deadline.ts";

/**
 * How long the caller of the running function still waits for it: for a function that an `RpcServer` serves, and
 * for all that it calls. The limit travels: a call that such a function makes to another server has it as well,
 * less the time that has passed.
 *
 * When the time is over the function is cancelled, as a task is; nothing has to be done for that.
 *
 * @example A function that does as much as there is time for
 * ```ts
 * import { RpcClient, RpcServer, rpcTimeLeftMs } from "@manyhands/concurrency/distributed";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const api = { left: () => rpcTimeLeftMs() };
 * await using server = new RpcServer(api, { authkey: "key" });
 * await using client = await RpcClient.connect<typeof api>({
 *   address: server.address,
 *   authkey: "key",
 * });
 * const left = await RpcClient.within(client.api, { timeoutMs: 5000 }).left();
 * assert(left > 0 && left <= 5000);
 * assertEquals(rpcTimeLeftMs(), Infinity);
 * ```
 *
 * @returns Milliseconds, 0 when the time is over; `Infinity` when there is no limit.
 */
export function rpcTimeLeftMs(): number {
  return Math.max(0, timeLeft());
}

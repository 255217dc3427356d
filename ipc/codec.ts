/**
 * How the objects that connections carry become bytes.
 *
 * @module
 */

/**
 * Makes bytes of objects, and objects of bytes: what `send` and `recv` of a connection use. Both sides of a
 * connection need the same one.
 *
 * @example Connections that speak JSON
 * ```ts
 * import { type Codec, pipe } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const json: Codec = {
 *   encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
 *   decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)),
 * };
 * const [here, there] = pipe<number[]>({ codec: json });
 * await there.send([1, 2]);
 * assertEquals(new TextDecoder().decode(await here.recvBytes()), "[1,2]");
 * ```
 */
export interface Codec {
  /**
   * Makes the bytes of one message.
   *
   * @param value What is sent.
   * @returns Its bytes.
   */
  encode(value: unknown): Uint8Array;
  /**
   * Reads one message.
   *
   * @param bytes The bytes of the message; they belong to whoever is called.
   * @returns What was sent.
   */
  decode(bytes: Uint8Array<ArrayBuffer>): unknown;
}

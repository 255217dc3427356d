/**
 * How connections are encrypted.
 *
 * @module
 */

/**
 * Encrypts connections (TLS 1.2 or 1.3), and says by which certificates the two sides know each other. The
 * texts are PEM, as `Deno.readTextFile` gives them.
 *
 * Both sides of a connection need it: one with TLS and one without do not understand each other. The key is
 * proved inside of TLS as well.
 *
 * @example A server, and clients that trust an authority of one's own
 * ```ts
 * import { BaseManager } from "@manyhands/concurrency/distributed";
 * import type { TlsOptions } from "@manyhands/concurrency/ipc";
 * import { assertThrows } from "@std/assert";
 *
 * export async function serverTls(): Promise<TlsOptions> {
 *   const cert = await Deno.readTextFile("server.crt");
 *   return { cert, key: await Deno.readTextFile("server.key") };
 * }
 *
 * export async function clientTls(): Promise<TlsOptions> {
 *   return { caCerts: [await Deno.readTextFile("ca.crt")] };
 * }
 *
 * // new BaseManager({ address: "0.0.0.0:5000", authkey, tls: await serverTls() }).getServer();
 * // new BaseManager({ address: "tasks.example:5000", authkey, tls: await clientTls() });
 *
 * // What cannot be right is told at once.
 * assertThrows(() => new BaseManager({ tls: { cert: "of whom?" } }), TypeError, '"key"');
 * ```
 */
export interface TlsOptions {
  /**
   * The certificate of this side, with those between it and the authority behind it. A server needs one; a client
   * shows it to servers that ask for it.
   *
   * @default {undefined}
   */
  cert?: string | undefined;
  /**
   * The private key of the certificate.
   *
   * @default {undefined}
   */
  key?: string | undefined;
  /**
   * The authorities, or the very certificates, that this side trusts, in place of those that the runtime trusts.
   *
   * @default {those that the runtime trusts}
   */
  caCerts?: readonly string[] | undefined;
  /**
   * For a client: the name or address for which the server's certificate must be made out.
   *
   * @default {the host of the address}
   */
  serverName?: string | undefined;
  /**
   * For a server: whether clients must show a certificate for which one of `caCerts` vouches, and which is made
   * out for clients.
   *
   * @default {false}
   */
  requireClientCert?: boolean | undefined;
}

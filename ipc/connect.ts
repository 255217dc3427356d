/**
 * Connecting to a listener.
 *
 * @module
 */

import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { readKey } from "./_authentication.ts";
import { connectionInternals } from "./_connection_internals.ts";
import { checkCodec, checkMessageLimit } from "./_connection_options.ts";
import { DEFAULT_HANDSHAKE_TIMEOUT_MS } from "./_limits.ts";
import { explainAt } from "./_network_errors.ts";
import { type AddressFamily, formatPlace, type Place, readPlace } from "./_place.ts";
import { openPort } from "./_port_channel.ts";
import { closeSocket, hostToDial, openSocket, readEncryption, type Socket } from "./_socket.ts";
import type { AddressLike } from "./address.ts";
import type { Codec } from "./codec.ts";
import "./connection.ts";
import type { Connection } from "./connection.ts";
import type { TlsOptions } from "./tls_options.ts";

/** Options for {@linkcode connect}. */
export interface ConnectionOptions extends WaitOptions {
  /**
   * How long connecting and the handshake may take together, in milliseconds.
   *
   * @default {20_000}
   */
  timeoutMs?: number | undefined;
  /**
   * The kind of address, when it does not follow from the address: text with a slash, or that begins with a
   * zero character, is the path of a Unix socket; all else is TCP.
   *
   * @default {undefined}
   */
  family?: AddressFamily | undefined;
  /**
   * The key that both sides must have. Without one there is no handshake.
   *
   * @default {undefined}
   */
  authkey?: string | Uint8Array | undefined;
  /**
   * Whether Python 3.11 and older, which know HMAC-MD5 only, may prove the key so.
   *
   * @default {true}
   */
  allowLegacyAuth?: boolean | undefined;
  /**
   * Encrypts the connection, when the listener does so too. Over TCP only.
   *
   * @default {undefined: it is not encrypted}
   */
  tls?: TlsOptions | undefined;
  /**
   * The largest message, in bytes.
   *
   * @default {268_435_456}
   */
  maxMessageBytes?: number | undefined;
  /**
   * Makes bytes of objects, in place of this package's own way.
   *
   * @default {undefined}
   */
  codec?: Codec | undefined;
}

/**
 * Connects to a listener: of this package, or Python's
 * (Python's {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.connection.Client | multiprocessing.connection.Client}).
 *
 * - It tries once: when nobody listens, it rejects at once.
 * - With an `authkey` both sides prove that they have it. A listener with a key that gets a connection without
 *   one waits for the proof; the other way round this side waits for the challenge: until `timeoutMs`.
 * - With `tls` the connection is encrypted, and the listener's certificate must be made out for the host of the
 *   address, or for `tls.serverName`.
 * - Given a message port, it makes a connection to whoever has the other port and does the same: another
 *   thread, or the same one. There is no handshake, since nobody else can have the port.
 *
 * Needs `--allow-net=HOST:PORT`; for a Unix socket
 * `--allow-net=unix:PATH --allow-read=PATH --allow-write=PATH`; for a message port nothing.
 *
 * @example Bytes over TCP
 * ```ts
 * import { connect, Listener } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using listener = new Listener();
 * await using client = await connect(listener.address);
 * await using server = await listener.accept();
 * await client.sendBytes(new Uint8Array([1, 2, 3]));
 * assertEquals(await server.recvBytes(), new Uint8Array([1, 2, 3]));
 * ```
 *
 * @example Between two message ports
 * ```ts
 * import { connect } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const { port1, port2 } = new MessageChannel();
 * await using here = await connect<string>(port1);
 * await using there = await connect<string>(port2);
 * await here.send("hello");
 * assertEquals(await there.recv(), "hello");
 * ```
 *
 * @typeParam Out What is sent.
 * @typeParam In What is received.
 * @param address Where somebody listens, as a {@linkcode Listener} takes it, or a message port.
 * @param options The key, limits, and what stops the wait.
 * @returns The connection.
 * @throws {TypeError} When the address cannot be read, or an option is of the wrong kind.
 * @throws {RangeError} When a number is outside its range, or the system has no such family.
 * @throws {AuthenticationError} When the two sides do not have the same key, or the listener's certificate is not
 * accepted.
 * @throws {ProtocolError} When the other side does not shake hands as it should, or does not speak TLS.
 * @throws {ConnectionLostError} When the other side left in the handshake.
 * @throws {Deno.errors.ConnectionRefused} When nobody listens there.
 * @throws {Deno.errors.NotCapable} When a permission is missing; the message names it.
 * @throws {TimeoutError} When it took longer than `timeoutMs`.
 */
export async function connect<Out = unknown, In = Out>(
  address: AddressLike | MessagePort,
  options: ConnectionOptions = {},
): Promise<Connection<Out, In>> {
  const action = "Cannot connect";
  const { signal, family, authkey, allowLegacyAuth: allowLegacy, tls } = options;
  const timeoutMs = checkTimeout(options.timeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS);
  const maxMessageBytes = checkMessageLimit(action, options.maxMessageBytes);
  const codec = checkCodec(action, options.codec);
  const key = authkey === undefined ? undefined : readKey(authkey);
  const settings = { maxMessageBytes, codec };
  signal?.throwIfAborted();
  if (address instanceof MessagePort) {
    if (key !== undefined || family !== undefined || tls !== undefined) {
      throw new TypeError(
        `${action} over a message port with "authkey", "family" or "tls": it has none`,
      );
    }
    return connectionInternals.create(openPort(address), settings) as Connection<Out, In>;
  }
  const place = readPlace(action, address, family);
  const encryption = readEncryption("connect", place, tls);
  const peer = formatPlace(place);
  let socket: Socket | undefined;
  let isGivenUp = false;
  const connecting = runOutsideTasks(async () => {
    socket = await openPlace(place);
    if (isGivenUp) closeSocket(socket);
    return await openSocket(socket, {
      peer,
      side: "connecting",
      key,
      allowLegacy,
      encryption,
      ...settings,
    });
  });
  connecting.catch(() => {});
  try {
    const connection = await waitWithin(connecting, { signal, timeoutMs }, () => {
      throw new TimeoutError(`${action} to ${peer}: no answer within ${timeoutMs} ms`);
    });
    return connection as unknown as Connection<Out, In>;
  } catch (error) {
    isGivenUp = true;
    closeSocket(socket);
    throw error;
  }
}

async function openPlace(place: Place): Promise<Socket> {
  try {
    if (place.family === "AF_UNIX") {
      return await Deno.connect({ transport: "unix", path: place.path });
    }
    const { hostname, port } = place.address;
    return await Deno.connect({ hostname: hostToDial(hostname), port });
  } catch (error) {
    throw explainAt(error, "Cannot connect to", place);
  }
}

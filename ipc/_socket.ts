import {
  authenticateClient,
  authenticateServer,
  MAX_HANDSHAKE_FRAME_BYTES,
} from "./_authentication.ts";
import { connectionInternals, type ConnectionSettings } from "./_connection_internals.ts";
import { FrameStream } from "./_frame_stream.ts";
import { type HalfClosable, StreamChannel } from "./_stream_channel.ts";
import { checkTls, encryptAccepted, encryptOpened } from "./_tls.ts";
import { formatPlace, type Place } from "./_place.ts";
import "./connection.ts";
import type { Connection } from "./connection.ts";
import type { TlsOptions } from "./tls_options.ts";

/** A connected socket: TCP or Unix. */
export type Socket = Deno.TcpConn | Deno.UnixConn;

/** Options for {@linkcode openSocket}. */
export interface OpenSocketOptions extends ConnectionSettings {
  /** Who is on the other side, for the texts of errors. */
  readonly peer: string;
  /** Which side of the handshake this is. */
  readonly side: "listening" | "connecting";
  /** No handshake without one. */
  readonly key: Uint8Array<ArrayBuffer> | undefined;
  readonly allowLegacy: boolean | undefined;
  /** Encrypts the connection, and how that is done. */
  readonly encryption?: Encryption | undefined;
}

/** How a connection is encrypted. */
export interface Encryption {
  readonly tls: TlsOptions;
  /** The host to which this side connects. */
  readonly hostname: string;
  /** How long one who comes in may say nothing before he is told that TLS is spoken here. */
  readonly silenceMs: number;
}

/** Shakes hands when there is a key, and makes a connection of a socket. */
export async function openSocket(
  socket: Socket,
  options: OpenSocketOptions,
): Promise<Connection> {
  const { peer, key, side, allowLegacy, maxMessageBytes } = options;
  // Small messages must not wait for the acknowledgement of the one before.
  if ("setNoDelay" in socket) socket.setNoDelay(true);
  const stream = await encrypt(socket, options);
  const frames = new FrameStream(stream, { peer, maxFrameBytes: MAX_HANDSHAKE_FRAME_BYTES });
  if (key !== undefined) {
    if (side === "listening") await authenticateClient(frames, key, { allowLegacy });
    else await authenticateServer(frames, key, { allowLegacy });
  }
  frames.maxFrameBytes = maxMessageBytes;
  return connectionInternals.create(new StreamChannel(frames, stream), options) as Connection;
}

async function encrypt(
  socket: Socket,
  { encryption, peer, side, key }: OpenSocketOptions,
): Promise<HalfClosable> {
  if (encryption === undefined) return socket;
  const { tls, hostname, silenceMs } = encryption;
  const conn = socket as Deno.TcpConn;
  return side === "connecting"
    ? await encryptOpened(conn, tls, { peer, hostname })
    // Whoever does not wait for a challenge would take the reason for a message.
    : await encryptAccepted(conn, tls, { peer, silenceMs, isMute: key === undefined });
}

/**
 * Reads a `tls` option.
 *
 * @param action What is tried, for the texts of errors: "listen".
 * @param place Where.
 * @param silenceMs How long one who comes in may say nothing before he is told that TLS is spoken here.
 * @throws {TypeError} When it cannot be used, or not there.
 */
export function readEncryption(
  action: string,
  place: Place,
  tls: TlsOptions | undefined,
  silenceMs = Infinity,
): Encryption | undefined {
  checkTls(action, tls);
  if (tls === undefined) return undefined;
  if (place.family === "AF_UNIX") {
    throw new TypeError(`Cannot ${action} on ${formatPlace(place)} with "tls": it is for TCP only`);
  }
  return { tls, hostname: hostToDial(place.address.hostname), silenceMs };
}

/** Not every system takes the addresses that mean "every interface" for this machine. */
const THIS_MACHINE: Record<string, string> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** The host of an address to connect to. */
export function hostToDial(hostname: string): string {
  return THIS_MACHINE[hostname] ?? hostname;
}

/** Closes a socket that may be closed already. */
export function closeSocket(socket: Socket | undefined): void {
  try {
    socket?.close();
  } catch {
    // It is closed already.
  }
}

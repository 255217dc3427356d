import {
  authenticateClient,
  authenticateServer,
  MAX_HANDSHAKE_FRAME_BYTES,
} from "./_authentication.ts";
import { connectionInternals, type ConnectionSettings } from "./_connection_internals.ts";
import { FrameStream } from "./_frame_stream.ts";
import { StreamChannel } from "./_stream_channel.ts";
import "./connection.ts";
import type { Connection } from "./connection.ts";

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
}

/** Shakes hands when there is a key, and makes a connection of a socket. */
export async function openSocket(
  socket: Socket,
  options: OpenSocketOptions,
): Promise<Connection> {
  const { peer, side, key, allowLegacy, maxMessageBytes } = options;
  // Small messages must not wait for the acknowledgement of the one before.
  if ("setNoDelay" in socket) socket.setNoDelay(true);
  const frames = new FrameStream(socket, { peer, maxFrameBytes: MAX_HANDSHAKE_FRAME_BYTES });
  if (key !== undefined) {
    if (side === "listening") await authenticateClient(frames, key, { allowLegacy });
    else await authenticateServer(frames, key, { allowLegacy });
  }
  frames.maxFrameBytes = maxMessageBytes;
  return connectionInternals.create(new StreamChannel(frames, socket), options) as Connection;
}

/** Closes a socket that may be closed already. */
export function closeSocket(socket: Socket | undefined): void {
  try {
    socket?.close();
  } catch {
    // It is closed already.
  }
}

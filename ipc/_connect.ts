import type { LentMethod } from "../coroutine/_lending.ts";
import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import {
  authenticateServer,
  MAX_HANDSHAKE_FRAME_BYTES,
  showTicket,
  type Ticket,
} from "./_authentication.ts";
import { type ByteStream, FrameStream } from "./_frame_stream.ts";
import {
  DEFAULT_HANDSHAKE_TIMEOUT_MS,
  DEFAULT_MAX_MESSAGE_BYTES,
  MAX_HELLO_BYTES,
} from "./_limits.ts";
import { readHello, writeHello } from "./_messages.ts";
import type { ReferenceScope } from "./_reference.ts";
import { type RemoteObject, rootObject, Session } from "./_session.ts";
import { type Address, formatAddress } from "./address.ts";
import { ConnectionLostError, ProtocolError } from "./errors.ts";
import type { TlsOptions } from "./tls_options.ts";

/** Options for {@linkcode connectSession}. */
export interface ConnectOptions extends WaitOptions {
  key: Uint8Array<ArrayBuffer>;
  /** What the other side may call here. */
  methods?: Readonly<Record<string, LentMethod>> | undefined;
  /** What a child process shows to its parent, in place of the key. */
  ticket?: Ticket | undefined;
  /** What the connection is for the references that cross on it. */
  scope?: ReferenceScope | undefined;
  maxMessageBytes?: number | undefined;
  allowLegacy?: boolean | undefined;
  /** Encrypts the connection. */
  tls?: TlsOptions | undefined;
}

/** A connection, and the object that the other side offers first. */
export interface Connected {
  readonly session: Session;
  readonly root: RemoteObject;
}

/** The other side has the key, and speaks Python's side of the protocol, or that of a later version. */
export class NotNativeError extends ProtocolError {}

/** Connects to a hub, proves the key, has the other side prove it, and starts a session. */
export async function connectSession(
  address: Address,
  options: ConnectOptions,
): Promise<Connected> {
  // A child ends with its parent, and the first timer of a process costs 4 ms.
  const limitMs = options.ticket === undefined ? DEFAULT_HANDSHAKE_TIMEOUT_MS : Infinity;
  const timeoutMs = Math.min(checkTimeout(options.timeoutMs), limitMs);
  const { signal } = options;
  signal?.throwIfAborted();
  const peer = formatAddress(address);
  let conn: Deno.TcpConn | undefined;
  let isGivenUp = false;
  const connecting = connectTcp(address, peer).then((opened) => {
    conn = opened;
    if (isGivenUp) closeQuietly(conn);
    return shakeHands(conn, address, options);
  });
  connecting.catch(() => {});
  try {
    return await waitWithin(connecting, { signal, timeoutMs }, () => {
      throw new TimeoutError(`Cannot connect to ${peer}: no answer within ${timeoutMs} ms`);
    });
  } catch (error) {
    isGivenUp = true;
    closeQuietly(conn);
    throw error;
  }
}

async function shakeHands(
  conn: Deno.TcpConn,
  address: Address,
  options: ConnectOptions,
): Promise<Connected> {
  const peer = formatAddress(address);
  const bytes = await openStream(conn, address, options.tls);
  const stream = new FrameStream(bytes, { peer, maxFrameBytes: MAX_HANDSHAKE_FRAME_BYTES });
  const methods = options.methods ?? {};
  const { key, allowLegacy, ticket } = options;
  const hello = writeHello({ methods: Object.keys(methods), ticket: ticket?.ticket });
  if (ticket !== undefined) {
    await showTicket(stream, ticket, hello);
  } else if (!await authenticateServer(stream, key, { allowLegacy }, hello)) {
    throw new NotNativeError(
      `Cannot connect to ${peer}: it has the key, but does not speak the native protocol of this package`,
    );
  }
  stream.maxFrameBytes = MAX_HELLO_BYTES;
  const frame = await stream.receive();
  if (frame === undefined) {
    throw new ConnectionLostError(`Lost the connection to ${peer} before it said hello`);
  }
  const answer = readHello(frame);
  if (answer === undefined) {
    throw new ProtocolError(`Cannot connect to ${peer}: its first message is not readable`);
  }
  stream.maxFrameBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  const session = new Session(stream, { methods, background: true, scope: options.scope });
  session.start();
  return { session, root: rootObject(answer) };
}

/** The name of the error when a host is not known: the runtime has no class for it. */
export const HOST_NOT_FOUND = "HostNotFound";

/** What systems say of such a host: the first of Linux and macOS, the numbers of Windows. */
const UNRESOLVED = /^failed to lookup address information|\(os error 1100[1-4]\)/;

/** The host of an address to connect to: not every system takes "every interface" for this machine. */
function hostOf({ hostname }: Address): string {
  return hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "::1" : hostname;
}

/** Makes a connection that was opened to an address ready for what it carries. */
export async function openStream(
  conn: Deno.TcpConn,
  address: Address,
  tls: TlsOptions | undefined,
): Promise<ByteStream> {
  // Small messages must not wait for the acknowledgement of the one before.
  conn.setNoDelay(true);
  // As the other side does.
  conn.setKeepAlive(true);
  if (tls === undefined) return conn;
  // Who does not encrypt does not load it.
  const { encryptOpened } = await import("./_tls.ts");
  return await encryptOpened(conn, tls, {
    peer: formatAddress(address),
    hostname: hostOf(address),
  });
}

/** Opens a connection to an address. */
export async function connectTcp(address: Address, peer: string): Promise<Deno.TcpConn> {
  try {
    return await Deno.connect({ hostname: hostOf(address), port: address.port });
  } catch (error) {
    throw explain(error, `Cannot connect to ${peer}`, "nobody is listening there", peer);
  }
}

/**
 * Says in a network error what was tried, and which flag is missing, and keeps its class.
 *
 * @param error What the runtime threw.
 * @param action What was tried.
 * @param usual What refused connections and taken addresses usually mean.
 * @param permission What `--allow-net` would have to name.
 */
export function explain(
  error: unknown,
  action: string,
  usual: string,
  permission: string,
): unknown {
  const options = { cause: error };
  if (error instanceof Deno.errors.NotCapable) {
    return new Deno.errors.NotCapable(
      `${action}: run again with --allow-net=${permission}`,
      options,
    );
  }
  if (error instanceof Deno.errors.ConnectionRefused) {
    return new Deno.errors.ConnectionRefused(`${action}: ${usual}`, options);
  }
  if (error instanceof Deno.errors.AddrInUse) {
    return new Deno.errors.AddrInUse(`${action}: ${usual}`, options);
  }
  if (error instanceof Error) {
    const name = UNRESOLVED.test(error.message) ? HOST_NOT_FOUND : error.name;
    return Object.assign(new Error(`${action}: ${error.message}`, options), { name });
  }
  return error;
}

function closeQuietly(conn: Deno.TcpConn | undefined): void {
  try {
    conn?.close();
  } catch {
    // It is closed already.
  }
}

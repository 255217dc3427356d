import type { LentMethod } from "../coroutine/_lending.ts";
import { authenticateClient, MAX_HANDSHAKE_FRAME_BYTES, type Redeem } from "./_authentication.ts";
import { explain } from "./_connect.ts";
import { type ByteStream, FrameStream } from "./_frame_stream.ts";
import {
  DEFAULT_HANDSHAKE_TIMEOUT_MS,
  DEFAULT_MAX_CONNECTIONS,
  DEFAULT_MAX_MESSAGE_BYTES,
  MAX_HANDSHAKES,
  MAX_HELLO_BYTES,
} from "./_limits.ts";
import { type Hello, readHello, writeHello } from "./_messages.ts";
import {
  isPickle,
  PromptStream,
  type PythonDoor,
  type PythonGuest,
  refusePython,
} from "./_python_door.ts";
import type { ReferenceScope } from "./_reference.ts";
import { Session } from "./_session.ts";
import { type Address, formatAddress } from "./address.ts";
import { ProtocolError } from "./errors.ts";
import type { TlsOptions } from "./tls_options.ts";

/** How long to wait after a connection could not be accepted, for lack of descriptors for example. */
const ACCEPT_RETRY_MS = 10;

/** Options for {@linkcode Hub}. */
export interface HubOptions {
  key: Uint8Array<ArrayBuffer>;
  /** Takes a ticket in place of the key. */
  redeem?: Redeem | undefined;
  /** What each borrower may call first. */
  methods: Readonly<Record<string, LentMethod>>;
  /** Told of each connection that has proved the key. */
  onSession?: ((session: Session, hello: Hello) => void) | undefined;
  /** Serves those who speak Python's side of the protocol. Without it they are refused. */
  python?: PythonDoor | undefined;
  /** Called before a newcomer is challenged. What it waits for counts as time of the handshake. */
  beforeHandshake?: ((from: Address) => Promise<void> | undefined) | undefined;
  /** Told of each connection that failed: a wrong key, another protocol, a stall; and where it came from. */
  onRefused?: ((error: unknown, from?: Address) => void) | undefined;
  /** Counts the calls of native borrowers. */
  tally?: { calls: number } | undefined;
  /** What each connection is for the references that cross on it. */
  scope?: (() => ReferenceScope) | undefined;
  /** Whether the process may end although the hub listens. */
  background?: boolean | undefined;
  maxMessageBytes?: number | undefined;
  handshakeTimeoutMs?: number | undefined;
  maxConnections?: number | undefined;
  allowLegacy?: boolean | undefined;
  /** Encrypts the connections. */
  tls?: TlsOptions | undefined;
}

/**
 * Lends objects over TCP to whoever has the key.
 *
 * What arrives before the key is proved is bounded in size, time and number; what arrives afterwards in
 * size. A connection that fails never harms the others.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #sessions = new Set<Session>();
  readonly #guests = new Set<PythonGuest>();
  /** Connections that have not proved the key yet, oldest first. */
  readonly #newcomers = new Set<Deno.TcpConn>();
  readonly #pending = new Set<Promise<void>>();
  #listener: Deno.TcpListener | undefined;
  #address: Address | undefined;
  #accepting: Promise<void> | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
  }

  /** Where the hub listens. */
  get address(): Address | undefined {
    return this.#address;
  }

  /** How many connections have proved the key. */
  get connections(): number {
    return this.#sessions.size + this.#guests.size;
  }

  /**
   * Starts to listen.
   *
   * @returns The address, with the port that the system chose when port 0 was asked for.
   */
  listen(address: Address): Address {
    const { hostname, port } = address;
    const wanted = formatAddress(address);
    try {
      this.#listener = Deno.listen({ hostname, port });
    } catch (error) {
      // A port that the system chooses cannot be named before.
      const permission = port === 0 ? hostname : wanted;
      throw explain(error, `Cannot listen on ${wanted}`, "the port is taken", permission);
    }
    if (this.#options.background === true) this.#listener.unref();
    this.#address = { hostname, port: this.#listener.addr.port };
    this.#accepting = this.#accept(this.#listener);
    return this.#address;
  }

  /**
   * Stops to listen and closes every connection in order.
   *
   * @param reason What the other sides are told.
   */
  async close(reason: string): Promise<void> {
    // The event loop must wait for what is awaited below, also when it did not have to before.
    this.#listener?.ref();
    this.#listener?.close();
    this.#listener = undefined;
    for (const conn of this.#newcomers) {
      conn.ref();
      close(conn);
    }
    await Promise.all([
      ...[...this.#sessions].map((session) => session.close(reason)),
      ...[...this.#guests].map((guest) => guest.close()),
    ]);
    await this.#accepting;
    await Promise.all(this.#pending);
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    for (;;) {
      let conn: Deno.TcpConn;
      try {
        conn = await listener.accept();
      } catch (error) {
        if (this.#listener !== listener) return;
        // One connection failed before it was there, or descriptors ran out: the next may succeed.
        this.#options.onRefused?.(error);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_RETRY_MS));
        continue;
      }
      // It was closed while this one came in: nobody would close it.
      if (this.#listener !== listener) return close(conn);
      const serving = this.#serve(conn).finally(() => this.#pending.delete(serving));
      this.#pending.add(serving);
    }
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    const { maxConnections = DEFAULT_MAX_CONNECTIONS, onRefused } = this.#options;
    if (this.connections + this.#newcomers.size >= maxConnections) {
      close(conn);
      onRefused?.(new RangeError(`Cannot take a connection: ${maxConnections} are open`));
      return;
    }
    if (this.#newcomers.size >= MAX_HANDSHAKES) {
      for (const oldest of this.#newcomers) {
        close(oldest);
        this.#newcomers.delete(oldest);
        break;
      }
    }
    this.#newcomers.add(conn);
    if (this.#options.background === true) conn.unref();
    const { handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = this.#options;
    const timer = setTimeout(() => close(conn), handshakeTimeoutMs);
    if (this.#options.background === true) Deno.unrefTimer(Number(timer));
    // It cannot be asked for once the connection is closed.
    const { hostname, port } = conn.remoteAddr;
    const from = { hostname, port };
    try {
      await this.#options.beforeHandshake?.(from);
      await this.#welcome(conn);
    } catch (error) {
      close(conn);
      onRefused?.(error, from);
    } finally {
      clearTimeout(timer);
      this.#newcomers.delete(conn);
    }
  }

  async #welcome(conn: Deno.TcpConn): Promise<void> {
    const { key, allowLegacy, redeem, methods, maxMessageBytes, python } = this.#options;
    const { background = false, tally } = this.#options;
    const { hostname, port } = conn.remoteAddr;
    conn.setNoDelay(true);
    // A host that has lost its power says nothing: in some hours the system finds out.
    conn.setKeepAlive(true);
    const peer = formatAddress({ hostname, port });
    const bytes = await this.#encrypt(conn, peer);
    const prompt = python === undefined ? undefined : new PromptStream(bytes);
    const stream = new FrameStream(prompt ?? bytes, {
      peer,
      maxFrameBytes: MAX_HANDSHAKE_FRAME_BYTES,
    });
    await authenticateClient(stream, key, { allowLegacy, redeem });
    // A Python peer's first request has the arguments of what it creates.
    const maxFrameBytes = maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    stream.maxFrameBytes = python === undefined ? MAX_HELLO_BYTES : maxFrameBytes;
    let frame = stream.take()?.slice();
    if (frame === undefined) {
      prompt?.promiseShort();
      frame = await stream.receive();
    }
    // The other side only wanted to try the key, or was closed with the hub.
    if (frame === undefined || this.#listener === undefined) return stream.close();
    if (isPickle(frame) && python !== undefined) {
      const { hostname: host, port: here } = conn.localAddr as Deno.NetAddr;
      const guest = python({
        stream,
        prompt: prompt!,
        first: frame,
        local: { hostname: host, port: here },
        remote: { hostname, port },
      });
      this.#guests.add(guest);
      guest.closed.then(() => this.#guests.delete(guest));
      return;
    }
    if (isPickle(frame)) {
      await refusePython(stream);
      stream.close();
      throw new ProtocolError(
        `Cannot serve ${stream.peer}: it speaks Python's side of the protocol`,
      );
    }
    const hello = readHello(frame);
    if (hello === undefined) {
      throw new ProtocolError(`Cannot serve ${stream.peer}: its first message is not readable`);
    }
    stream.maxFrameBytes = maxFrameBytes;
    stream.send(writeHello({ methods: Object.keys(methods) }));
    const session = new Session(stream, {
      methods,
      background,
      tally,
      scope: this.#options.scope?.(),
    });
    this.#sessions.add(session);
    session.closed.then(() => this.#sessions.delete(session));
    session.start();
    this.#options.onSession?.(session, hello);
  }

  async #encrypt(conn: Deno.TcpConn, peer: string): Promise<ByteStream> {
    const { tls, handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = this.#options;
    if (tls === undefined) return conn;
    // Who does not encrypt does not load it.
    const { encryptAccepted } = await import("./_tls.ts");
    // Those who are told that they must speak TLS have to be told in time.
    return await encryptAccepted(conn, tls, { peer, silenceMs: handshakeTimeoutMs / 2 });
  }
}

function close(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // It is closed already.
  }
}

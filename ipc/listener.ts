/**
 * Where connections come in.
 *
 * @module
 */

import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { readKey } from "./_authentication.ts";
import { checkCodec, checkMessageLimit } from "./_connection_options.ts";
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, MAX_HANDSHAKES } from "./_limits.ts";
import { Line } from "./_line.ts";
import { listenerInternals } from "./_listener_internals.ts";
import { explainAt } from "./_network_errors.ts";
import { type AddressFamily, formatPlace, type Place, readPlace } from "./_place.ts";
import {
  closeSocket,
  openSocket,
  type OpenSocketOptions,
  readEncryption,
  type Socket,
} from "./_socket.ts";
import { type Address, type AddressLike, formatAddress } from "./address.ts";
import type { Codec } from "./codec.ts";
import type { Connection } from "./connection.ts";
import { ConnectionClosedError } from "./errors.ts";
import type { TlsOptions } from "./tls_options.ts";

export type { AddressFamily };

/** How long to wait after a connection could not be accepted, for lack of descriptors for example. */
const ACCEPT_RETRY_MS = 10;

/** The name of a socket in a folder of its own. */
const SOCKET_NAME = "listener";

const DEFAULT_BACKLOG = 128;
const LARGEST_BACKLOG = 65_535;

/** Options for {@linkcode Listener}. */
export interface ListenerOptions {
  /**
   * The kind of address, when it does not follow from the address: text with a slash, or that begins with a
   * zero character, is the path of a Unix socket; all else is TCP.
   *
   * @default {undefined}
   */
  family?: AddressFamily | undefined;
  /**
   * The key that the other side must prove to have, as this side proves it. Without one there is no
   * handshake, and anybody who reaches the address is let in.
   *
   * @default {undefined}
   */
  authkey?: string | Uint8Array | undefined;
  /**
   * How many connections over TCP the system lets wait until they are accepted. It refuses more.
   *
   * @default {128}
   */
  backlog?: number | undefined;
  /**
   * How long the handshake may take, in milliseconds. Who is slower is closed.
   *
   * @default {20_000}
   */
  handshakeTimeoutMs?: number | undefined;
  /**
   * Whether Python 3.11 and older, which know HMAC-MD5 only, may prove the key so.
   *
   * @default {true}
   */
  allowLegacyAuth?: boolean | undefined;
  /**
   * Encrypts the connections. It must have the `cert` and the `key` of the listener. Over TCP only.
   *
   * @default {undefined: they are not encrypted}
   */
  tls?: TlsOptions | undefined;
  /**
   * The largest message of the connections, in bytes.
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
  /**
   * Told of each connection that was not let in, with the reason.
   *
   * @default {undefined}
   */
  onRefused?: ((error: unknown) => void) | undefined;
}

/** One that came in, or failed to. */
type Arrival =
  | { readonly connection: Connection<unknown, unknown>; readonly from: Address | "" }
  | { readonly error: unknown };

/**
 * Listens for connections: from processes of Deno or Python, on this machine or others, over TCP or a Unix
 * socket.
 *
 * - It listens as soon as it is made. Connections that come while nobody accepts wait in the system, and
 *   what they send is not lost.
 * - With an `authkey` both sides prove that they have it, by Python's handshake; the key does not travel.
 *   Handshakes are bounded in size, time and number, and go on beside each other: one who stalls does not
 *   hold up the next.
 * - With `tls` what is sent is encrypted, and the listener shows its certificate; it can ask for those of clients. A
 *   client that does not speak TLS, or whose certificate is not accepted, is told so when both have an `authkey`,
 *   where it waits for the challenge. Without one its connection is closed, which it learns from its first receive.
 * - {@linkcode accept} rejects when one who came in does not have the key, as Python's does, and the listener
 *   goes on. The iteration passes over those.
 * - {@linkcode close} removes the file of a Unix socket. Connections that were accepted stay open.
 *
 * Needs `--allow-net=HOST:PORT`; for a Unix socket
 * `--allow-net=unix:PATH --allow-read=PATH --allow-write=PATH`. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.connection.Listener | multiprocessing.connection.Listener}.
 *
 * @example A service with a key
 * ```ts
 * import { connect, Listener } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using listener = new Listener<string>("127.0.0.1:0", { authkey: "secret" });
 * const served = (async () => {
 *   await using connection = await listener.accept();
 *   await connection.send(`hello, ${await connection.recv()}`);
 * })();
 *
 * await using connection = await connect<string>(listener.address, { authkey: "secret" });
 * await connection.send("world");
 * assertEquals(await connection.recv(), "hello, world");
 * await served;
 * ```
 *
 * @typeParam Out What is sent over its connections.
 * @typeParam In What is received over them.
 */
export class Listener<Out = unknown, In = Out> implements AsyncDisposable {
  static {
    listenerInternals.is = (object) => object instanceof Listener;
    listenerInternals.isReady = (listener) => (listener as Listener).#isReady();
    listenerInternals.watch = (listener, onChange) => (listener as Listener).#watch(onChange);
  }

  readonly #place: Place;
  readonly #listener: Deno.TcpListener | Deno.UnixListener;
  readonly #socketOptions: Omit<OpenSocketOptions, "peer">;
  readonly #handshakeTimeoutMs: number;
  readonly #onRefused: ((error: unknown) => void) | undefined;
  readonly #folder: string | undefined;
  readonly #acceptors = new Line();
  readonly #watchers = new Set<() => void>();
  readonly #arrivals: Arrival[] = [];
  /** Connections whose handshake goes on, oldest first; why they were closed, when they were. */
  readonly #newcomers = new Map<Socket, Error | undefined>();
  readonly #pending = new Set<Promise<void>>();
  /** What came out of handshakes: not what is wrong with the listener. */
  readonly #failures = new WeakSet<object>();
  #lastAccepted: Address | "" | undefined;
  #isAccepting = false;
  #holding = 0;
  #isClosed = false;

  /**
   * Listens.
   *
   * @param address Where: `"HOST:PORT"`, `["HOST", PORT]` or `{ hostname, port }` for TCP, where port 0 lets
   * the system choose one; a path for a Unix socket; a name that begins with a zero character for one of
   * Linux's that are in no folder. Left out: a free port on this machine, or a new path in the folder of
   * temporary files if `family` is `"AF_UNIX"`.
   * @param options The key, and limits.
   * @throws {TypeError} When the address cannot be read, or an option is of the wrong kind.
   * @throws {RangeError} When a number is outside its range, or the system has no such family.
   * @throws {Deno.errors.AddrInUse} When something listens there already.
   * @throws {Deno.errors.NotCapable} When a permission is missing; the message names it.
   */
  constructor(address?: AddressLike, options: ListenerOptions = {}) {
    const action = "Cannot listen";
    const { family, authkey, backlog = DEFAULT_BACKLOG, onRefused, tls } = options;
    const { handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS, allowLegacyAuth } = options;
    if (!Number.isInteger(backlog) || backlog < 1 || backlog > LARGEST_BACKLOG) {
      throw new RangeError(
        `${action}: "backlog" must be from 1 to ${LARGEST_BACKLOG}, got ${backlog}`,
      );
    }
    const settings = {
      side: "listening" as const,
      key: authkey === undefined ? undefined : readKey(authkey),
      allowLegacy: allowLegacyAuth,
      maxMessageBytes: checkMessageLimit(action, options.maxMessageBytes),
      codec: checkCodec(action, options.codec),
    };
    this.#handshakeTimeoutMs = checkTimeout(handshakeTimeoutMs, "handshakeTimeoutMs");
    this.#onRefused = onRefused;
    let place = readPlace(
      action,
      address ?? (family === "AF_UNIX" ? SOCKET_NAME : "127.0.0.1:0"),
      family,
    );
    // Those who are told that they must speak TLS have to be told in time.
    const encryption = readEncryption("listen", place, tls, this.#handshakeTimeoutMs / 2);
    if (tls !== undefined && tls.cert === undefined) {
      throw new TypeError(`${action}: "tls" must have the "cert" and the "key" of the listener`);
    }
    this.#socketOptions = { ...settings, encryption };
    if (address === undefined && place.family === "AF_UNIX") {
      this.#folder = Deno.makeTempDirSync({ prefix: "manyhands-" });
      place = { ...place, path: `${this.#folder}/${SOCKET_NAME}` };
    }
    try {
      this.#listener = place.family === "AF_INET"
        ? Deno.listen({ ...place.address, tcpBacklog: backlog })
        : Deno.listen({ transport: "unix", path: place.path });
    } catch (error) {
      this.#removeFolder();
      throw explainAt(error, `${action} on`, place);
    }
    const { addr } = this.#listener;
    this.#place = place.family === "AF_INET" && addr.transport === "tcp"
      ? { ...place, address: { hostname: place.address.hostname, port: addr.port } }
      : place;
    this.#listener.unref();
    if (place.family === "AF_UNIX") globalThis.addEventListener("unload", this.#onUnload);
  }

  /** Where it listens, for `connect()`: host and port, or the path of a Unix socket. */
  get address(): Address | string {
    return this.#place.family === "AF_INET" ? this.#place.address : this.#place.path;
  }

  /**
   * Where the connection that was accepted last came from; an empty string for a Unix socket, as in Python;
   * `undefined` before the first.
   */
  get lastAccepted(): Address | "" | undefined {
    return this.#lastAccepted;
  }

  /**
   * Waits for a connection, and for the handshake if there is a key.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns The connection.
   * @throws {AuthenticationError} When one who came in does not have the key, or no certificate of those that are
   * asked for. The listener goes on.
   * @throws {ProtocolError} When one who came in did not shake hands. The listener goes on.
   * @throws {ConnectionLostError} When one who came in left in the handshake. The listener goes on.
   * @throws {ConnectionClosedError} When the listener was or is closed.
   * @throws {TimeoutError} When nobody came within `timeoutMs`.
   */
  async accept(options: WaitOptions = {}): Promise<Connection<Out, In>> {
    checkTimeout(options.timeoutMs);
    options.signal?.throwIfAborted();
    this.#checkOpen();
    if (this.#acceptors.length === 0 && this.#arrivals.length > 0) return this.#takeArrival();
    this.#hold();
    try {
      const what = "Cannot accept: nobody connected";
      const accepted = this.#acceptors.wait(options, what, () => this.#takeArrival());
      this.#accept();
      return await accepted;
    } finally {
      this.#letGo();
    }
  }

  /**
   * Stops to listen. Connections that wait to be accepted are closed; those that were accepted are not.
   * Who waits in {@linkcode accept} gets a `ConnectionClosedError`. A second call does no harm.
   *
   * @returns When nothing is left of it.
   */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      // The event loop must wait for what is awaited below, also when it did not have to before.
      this.#listener.ref();
      for (const newcomer of this.#newcomers.keys()) newcomer.ref();
      this.#closeListener();
      for (const newcomer of this.#newcomers.keys()) closeSocket(newcomer);
      this.#acceptors.failAll(() => this.#closedError());
      for (const watcher of [...this.#watchers]) watcher();
    }
    await Promise.all(this.#pending);
    const left = this.#arrivals.splice(0);
    await Promise.all(
      left.map(async (arrival) => {
        if ("connection" in arrival) await arrival.connection.close();
      }),
    );
  }

  /** Closes it, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Accepts connections until the listener is closed, and passes over those that are not let in.
   *
   * @returns The connections.
   */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Connection<Out, In>> {
    while (!this.#isClosed) {
      let connection: Connection<Out, In>;
      try {
        connection = await this.accept();
      } catch (error) {
        if (this.#isClosed || this.#failures.has(error as object)) continue;
        throw error;
      }
      yield connection;
    }
  }

  readonly #onUnload = () => this.#closeListener();

  #closeListener(): void {
    globalThis.removeEventListener("unload", this.#onUnload);
    try {
      // The runtime removes the file of a Unix socket.
      this.#listener.close();
    } catch {
      // It is closed already.
    }
    this.#removeFolder();
  }

  #removeFolder(): void {
    if (this.#folder === undefined) return;
    try {
      Deno.removeSync(this.#folder, { recursive: true });
    } catch {
      // Somebody else has removed it, or put something there that we must not touch.
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw this.#closedError();
  }

  #closedError(): ConnectionClosedError {
    return new ConnectionClosedError("Cannot accept: the listener is closed");
  }

  #takeArrival(): Connection<Out, In> {
    const arrival = this.#arrivals.shift()!;
    if ("error" in arrival) throw arrival.error;
    this.#lastAccepted = arrival.from;
    return arrival.connection as Connection<never, unknown> as unknown as Connection<Out, In>;
  }

  #isReady(): boolean {
    return this.#isClosed || this.#arrivals.length > 0;
  }

  #watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    this.#hold();
    this.#accept();
    return () => {
      if (this.#watchers.delete(onChange)) this.#letGo();
    };
  }

  #hold(): void {
    if (this.#holding++ === 0 && !this.#isClosed) this.#listener.ref();
  }

  #letGo(): void {
    if (--this.#holding === 0 && !this.#isClosed) this.#listener.unref();
  }

  /** Accepts as long as somebody waits for a connection; what nobody waits for stays in the system. */
  #accept(): void {
    if (this.#isAccepting || this.#isClosed) return;
    this.#isAccepting = true;
    const accepting = runOutsideTasks(() => this.#acceptAll())
      .finally(() => this.#pending.delete(accepting));
    this.#pending.add(accepting);
  }

  async #acceptAll(): Promise<void> {
    try {
      while (!this.#isClosed && (this.#acceptors.length > 0 || this.#watchers.size > 0)) {
        let socket: Socket;
        try {
          socket = await this.#listener.accept();
        } catch (error) {
          if (this.#isClosed) return;
          // One connection failed before it was there, or descriptors ran out: the next may succeed.
          this.#onRefused?.(error);
          await new Promise((resolve) => setTimeout(resolve, ACCEPT_RETRY_MS));
          continue;
        }
        const serving = this.#serve(socket).finally(() => this.#pending.delete(serving));
        this.#pending.add(serving);
      }
    } finally {
      this.#isAccepting = false;
    }
  }

  async #serve(socket: Socket): Promise<void> {
    const { remoteAddr } = socket;
    const from = remoteAddr.transport === "tcp"
      ? { hostname: remoteAddr.hostname, port: remoteAddr.port }
      : "";
    const peer = from === "" ? `the client of ${formatPlace(this.#place)}` : formatAddress(from);
    if (this.#newcomers.size >= MAX_HANDSHAKES) {
      for (const oldest of this.#newcomers.keys()) {
        this.#drop(oldest, new RangeError(`Gave up a connection: ${MAX_HANDSHAKES} came after it`));
        break;
      }
    }
    this.#newcomers.set(socket, undefined);
    const timeoutMs = this.#handshakeTimeoutMs;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const { key, encryption } = this.#socketOptions;
    if ((key !== undefined || encryption !== undefined) && timeoutMs !== Infinity) {
      const text = `Cannot authenticate ${peer}: no answer within ${timeoutMs} ms`;
      timer = setTimeout(() => this.#drop(socket, new TimeoutError(text)), timeoutMs);
    }
    try {
      const connection = await openSocket(socket, { ...this.#socketOptions, peer });
      if (this.#isClosed) return await connection.close();
      this.#arrive({ connection, from });
    } catch (error) {
      closeSocket(socket);
      const reason = this.#newcomers.get(socket);
      this.#onRefused?.(reason ?? error);
      // Whoever is closed for being slow has told nothing that an acceptor could be told.
      if (reason !== undefined || this.#isClosed || this.#acceptors.length === 0) return;
      if (typeof error === "object" && error !== null) this.#failures.add(error);
      this.#arrive({ error });
    } finally {
      clearTimeout(timer);
      this.#newcomers.delete(socket);
    }
  }

  #drop(socket: Socket, reason: Error): void {
    this.#newcomers.set(socket, reason);
    closeSocket(socket);
  }

  #arrive(arrival: Arrival): void {
    this.#arrivals.push(arrival);
    this.#acceptors.next();
    if (this.#arrivals.length > 0) { for (const watcher of [...this.#watchers]) watcher(); }
  }
}

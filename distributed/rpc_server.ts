/**
 * Functions and classes for callers on other machines.
 *
 * @module
 */

import { checkCount, checkFunction } from "../coroutine/_call_settings.ts";
import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { readKey } from "../ipc/_authentication.ts";
import { familyKey } from "../ipc/_family.ts";
import { Hub } from "../ipc/_hub.ts";
import { Loan } from "../ipc/_loan.ts";
import type { Hello } from "../ipc/_messages.ts";
import { rootObject, type Session } from "../ipc/_session.ts";
import {
  type Address,
  type AddressLike,
  formatAddress,
  parseAddress,
  ProtocolError,
  type TlsOptions,
} from "../ipc/mod.ts";
import { checkTls } from "../ipc/_tls.ts";
import { KeyGuard } from "./_key_guard.ts";
import { type CallLimits, RpcCalls } from "./_rpc_calls.ts";
import { describeMembers, type Members, readMembers } from "./_rpc_members.ts";
import type { Description } from "./_rpc_wire.ts";
import { checkLimits } from "./_server_limits.ts";
import type { RpcApi } from "./rpc.ts";
import type { ServerLimits } from "./server.ts";

/** So long {@linkcode RpcServer.shutdown} waits for functions that it has cancelled. */
const SHUTDOWN_GRACE_MS = 1_000;

/** How long a newcomer may take to say that it knows what is served. */
const WELCOME_MS = 20_000;

/** Options for {@linkcode RpcServer}. */
export interface RpcServerOptions extends Omit<ServerLimits, "python" | "tls"> {
  /**
   * Where to listen. Port 0 lets the system choose one.
   *
   * @default {"127.0.0.1:0"}
   */
  address?: AddressLike | undefined;
  /**
   * The key that clients must have as well; text is taken as UTF-8. Whoever has it can call everything that is
   * served. Without it, it is a random key that only this process and its children have.
   *
   * @default {undefined}
   */
  authkey?: string | Uint8Array | undefined;
  /**
   * Encrypts the connections. It must have the `cert` and the `key` of the server.
   *
   * @default {undefined: they are not encrypted}
   */
  tls?: TlsOptions | undefined;
  /**
   * The most calls of one client that run at a time. More are refused with a `RangeError`.
   *
   * @default {10000}
   */
  maxCalls?: number | undefined;
  /**
   * The most objects and streams of the server that one client may have at a time.
   *
   * @default {10000}
   */
  maxObjects?: number | undefined;
  /**
   * How many values of a stream that is an argument the client may be ahead.
   *
   * @default {256}
   */
  lookAhead?: number | undefined;
  /**
   * Told of each connection that was refused: a wrong key, another protocol, a stall.
   *
   * @default {undefined}
   */
  onRefused?: ((error: unknown) => void) | undefined;
  /**
   * Told of errors for which no caller is left: of an object that was freed because its client is gone, and threw.
   *
   * @default {reported by the runtime as an uncaught error}
   */
  onError?: ((error: unknown) => void) | undefined;
}

/** What {@linkcode RpcServer.statistics} tells. */
export interface RpcServerStatistics {
  /** Connections that have proved the key. */
  readonly connections: number;
  /** Connections that were refused since the server began. */
  readonly refused: number;
  /** Functions that run. */
  readonly calls: number;
  /** Objects that clients have. */
  readonly objects: number;
  /** Streams of which clients take. */
  readonly streams: number;
}

/**
 * Serves functions and classes to clients on this machine and others, from its construction on: see
 * {@linkcode RpcClient} for the other side (the counterpart of Python's
 * {@link https://docs.python.org/3/library/xmlrpc.server.html | xmlrpc.server}).
 *
 * - Served are the own functions and classes of an object, or the exports of a module: what it inherits, getters
 *   and names that begin with `_` are not. Nothing else can be called, whatever a client sends.
 * - Each call is a task of its own. It is cancelled when its caller cancels it, waits no longer, or is gone; its
 *   waits end by themselves, and a last argument with a `signal` has one here that aborts.
 * - What a function returns is copied. A generator, a `ReadableStream` or anything else that is iterable and no data
 *   becomes a stream. An object with methods is an error: its class can be served.
 * - Of a class, clients make objects that live here. They are disposed of when their client frees them, or is gone.
 * - Both sides prove that they have the key, which itself never travels. What is sent is encrypted when both sides
 *   have the option `tls`; use it without only in networks that you trust.
 *
 * Needs `--allow-net` for the address.
 *
 * @example Functions, a generator and a class
 * ```ts
 * import { RpcClient, RpcServer } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * class Counter {
 *   #n = 0;
 *   add(by: number): number {
 *     return this.#n += by;
 *   }
 * }
 * const api = {
 *   Counter,
 *   add: (a: number, b: number) => a + b,
 *   *count(to: number) {
 *     for (let n = 1; n <= to; n++) yield n;
 *   },
 * };
 * await using server = new RpcServer(api, { address: "127.0.0.1:0", authkey: "key" });
 *
 * // On another machine; only the type of the api is needed.
 * await using client = await RpcClient.connect<typeof api>({
 *   address: server.address,
 *   authkey: "key",
 * });
 * assertEquals(await client.api.add(2, 3), 5);
 * assertEquals(await Array.fromAsync(client.api.count(3)), [1, 2, 3]);
 * await using counter = await client.api.Counter.create();
 * await counter.add(2);
 * assertEquals(await counter.add(5), 7);
 * ```
 */
export class RpcServer implements AsyncDisposable {
  readonly #api: RpcApi;
  readonly #members: Members;
  readonly #description: Description;
  readonly #limits: CallLimits;
  readonly #onError: (error: unknown) => void;
  readonly #hub: Hub;
  readonly #guard = new KeyGuard();
  readonly #address: Address;
  /** Those who have proved the key, and have not said which connection is theirs. */
  readonly #arrivals = new Map<string, RpcCalls>();
  readonly #clients = new Set<RpcCalls>();
  readonly #stopped = Promise.withResolvers<void>();
  #refused = 0;
  #stopping: Promise<void> | undefined;

  /**
   * Starts to listen and to serve.
   *
   * @param api The functions and classes, by the names that clients call them by.
   * @param options Where, for whom, and within which limits.
   * @throws {TypeError} When there is nothing to serve, or an option is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   * @throws {Deno.errors.AddrInUse} When the port is taken.
   * @throws {Deno.errors.NotCapable} When the permission to listen is missing.
   */
  constructor(api: RpcApi, options: RpcServerOptions = {}) {
    const { address = "127.0.0.1:0", authkey, allowLegacyAuth, onRefused, onError } = options;
    const { maxMessageBytes, handshakeTimeoutMs, maxConnections, tls } = options;
    const { maxCalls = 10_000, maxObjects = 10_000, lookAhead = 256 } = options;
    checkLimits("serve", options);
    checkCount("serve", "maxCalls", maxCalls, 1);
    checkCount("serve", "maxObjects", maxObjects, 1);
    checkCount("serve", "lookAhead", lookAhead, 0);
    if (onRefused !== undefined) checkFunction("serve", '"onRefused"', onRefused);
    if (onError !== undefined) checkFunction("serve", '"onError"', onError);
    checkTls("serve", tls);
    if (tls !== undefined && tls.cert === undefined) {
      throw new TypeError('Cannot serve: "tls" must have the "cert" and the "key" of the server');
    }
    const place = parseAddress(address);
    const key = authkey === undefined ? familyKey() : readKey(authkey);
    this.#api = api;
    this.#members = readMembers(api);
    this.#description = describeMembers(this.#members);
    this.#limits = { maxCalls, maxObjects, lookAhead };
    this.#onError = onError ?? reportError;
    this.#hub = new Hub({
      key,
      maxMessageBytes,
      handshakeTimeoutMs,
      maxConnections,
      allowLegacy: allowLegacyAuth,
      tls,
      beforeHandshake: (from) => this.#guard.delay(from),
      onRefused: (error, from) => {
        this.#refused++;
        if (from !== undefined) this.#guard.refused(error, from);
        onRefused?.(error);
      },
      onSession: (session, hello) => this.#welcome(session, hello, onRefused),
      methods: { open: (_call, token: unknown) => this.#open(token) },
    });
    // What clients call must not end with the task that has made the server.
    this.#address = runOutsideTasks(() => this.#hub.listen(place));
  }

  /** Where the server listens, with the port that the system chose when it was asked for port 0. */
  get address(): Address {
    return this.#address;
  }

  /**
   * Waits until the server is shut down.
   *
   * @param options Stops the wait, or limits it. The server goes on.
   * @returns When the server has stopped.
   * @throws {TimeoutError} When it still served after `timeoutMs`.
   */
  async serveForever(options: WaitOptions = {}): Promise<void> {
    await waitWithin(this.#stopped.promise, options, (timeoutMs) => {
      const where = formatAddress(this.#address);
      throw new TimeoutError(`The server on ${where} still serves after ${timeoutMs} ms`);
    });
  }

  /**
   * Stops to serve: functions that run are cancelled, objects of clients are disposed of, and every connection is
   * closed in order. A second call waits for the first.
   *
   * @returns When everything is closed. Functions that do not end although they were cancelled are waited for no
   * longer than a second.
   */
  async shutdown(): Promise<void> {
    this.#stopping ??= runOutsideTasks(async () => {
      this.#guard.close();
      const clients = [...this.#clients];
      await this.#hub.close("the server was shut down");
      const ended = Promise.all(clients.map((client) => client.ended()));
      await waitWithin(ended.then(() => {}), { timeoutMs: SHUTDOWN_GRACE_MS }, () => {});
      this.#stopped.resolve();
    });
    await this.#stopping;
  }

  /**
   * How much is going on.
   *
   * @returns The figures of this moment.
   */
  statistics(): RpcServerStatistics {
    let [calls, objects, streams] = [0, 0, 0];
    for (const client of this.#clients) {
      calls += client.calls;
      objects += client.objects;
      streams += client.streams;
    }
    return { connections: this.#hub.connections, refused: this.#refused, calls, objects, streams };
  }

  /** Stops to serve, as {@linkcode shutdown} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /** Tells a newcomer what is served, and how to ask for it so that it is known whose calls they are. */
  #welcome(
    session: Session,
    hello: Hello,
    onRefused: ((error: unknown) => void) | undefined,
  ): void {
    const client = rootObject(hello);
    if (!["welcome", "pull", "end"].every((name) => hello.methods.includes(name))) {
      this.#refused++;
      onRefused?.(new ProtocolError(`Cannot serve ${session.peer}: it is no RpcClient`));
      return void session.close("only clients of class RpcClient are served");
    }
    const calls = new RpcCalls({
      api: this.#api,
      members: this.#members,
      limits: this.#limits,
      session,
      client,
      onError: this.#onError,
    });
    const token = crypto.randomUUID();
    this.#arrivals.set(token, calls);
    this.#clients.add(calls);
    void session.closed.then(async () => {
      this.#arrivals.delete(token);
      await calls.ended();
      this.#clients.delete(calls);
    });
    session.call(client, "welcome", [token, this.#description], {
      background: true,
      timeoutMs: WELCOME_MS,
    }).catch(() => session.close("it did not answer"));
  }

  #open(token: unknown): Loan {
    const calls = this.#arrivals.get(token as string);
    if (calls === undefined) throw new TypeError("Cannot open: the token is not known");
    this.#arrivals.delete(token as string);
    return new ApiLoan(calls);
  }
}

/** Lends a client what is served. */
class ApiLoan extends Loan {
  readonly #calls: RpcCalls;

  constructor(calls: RpcCalls) {
    super(calls);
    this.#calls = calls;
  }

  override seat(): ReturnType<Loan["seat"]> {
    return this.#calls.seat();
  }
}

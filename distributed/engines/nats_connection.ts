/**
 * A connection to NATS, for several objects of a program.
 *
 * @module
 */

import type { WaitOptions } from "../../coroutine/wait_options.ts";
import { ConnectionClosedError } from "../../ipc/errors.ts";
import { NatsClient, openClient } from "./_nats_client.ts";
import { setClient } from "./_nats_owner.ts";
import { readNatsOptions } from "./_nats_settings.ts";
import type { NatsOptions } from "./nats_options.ts";

/** What {@linkcode NatsConnection.statistics} tells. */
export interface NatsStatistics {
  /** Whether there is a connection now. */
  connected: boolean;
  /** How often the connection was lost and made anew. */
  reconnects: number;
  /** Messages that came. */
  inMessages: number;
  /** Messages that went. */
  outMessages: number;
  /** Bytes that came. */
  inBytes: number;
  /** Bytes that went. */
  outBytes: number;
}

/**
 * A connection to NATS. Task engines, dictionaries, locks, events and counters take one, or the options of one.
 *
 * - Connections that were opened with the same options are one: it is closed when the last of them is. While it is
 *   open it keeps the process alive.
 * - A connection that is lost is made anew, with pauses that grow. What was in flight fails with an
 *   {@linkcode EngineUnavailableError} or is tried again, as the object says that uses it.
 * - When the login is refused twice in a row, the connection is given up, and every call rejects with an
 *   {@linkcode AuthenticationError}.
 * - Needs `--allow-net=HOST:PORT` for the servers that are listed, and nothing else.
 *
 * @example One connection for a dictionary and a counter
 * ```ts
 * import { NatsCounter, NatsDict, openNats } from "@manyhands/concurrency/distributed/nats";
 *
 * export async function count(servers: string, token: string): Promise<void> {
 *   await using nats = await openNats({ servers, token });
 *   await using seen = new NatsDict<string, string>(nats, "seen");
 *   await using total = new NatsCounter(nats, "total");
 *   await seen.set("last", "a.html");
 *   await total.add(1);
 * }
 * ```
 */
export class NatsConnection implements AsyncDisposable {
  static {
    setClient(NatsConnection, (connection, action) => connection.#open(action));
  }

  readonly #client: NatsClient;
  #isClosed = false;

  /**
   * Made by {@linkcode openNats}.
   *
   * @param client What it has made.
   * @throws {TypeError} When it is called by somebody else.
   */
  constructor(client: object) {
    if (!(client instanceof NatsClient)) {
      throw new TypeError("Cannot make a connection: use openNats()");
    }
    this.#client = client;
  }

  /** Whether there is a connection now; a lost one is being made anew. */
  get connected(): boolean {
    return !this.#isClosed && this.#client.isConnected;
  }

  /** The server that this is connected to, or was last, as `host:port`. */
  get server(): string {
    return this.#client.nc.getServer();
  }

  /** The version of that server, as `2.12.1`; empty when there is no connection. */
  get serverVersion(): string {
    return this.#client.nc.info?.version ?? "";
  }

  /**
   * Waits until there is a connection.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when there was none for `timeoutMs`.
   * @throws {ConnectionClosedError} When it was closed here.
   * @throws {AuthenticationError} When it was given up because the login is refused now.
   * @throws {EngineUnavailableError} When it was given up because no try is left.
   */
  async waitConnected(options: WaitOptions = {}): Promise<boolean> {
    return await this.#open("wait for a connection").whenConnected(options);
  }

  /**
   * How long a message to the server and back takes.
   *
   * @returns The time in milliseconds.
   * @throws {EngineUnavailableError} When there is no connection.
   * @throws {ConnectionClosedError} When it was closed here.
   */
  async ping(): Promise<number> {
    const client = this.#open("ping the engine");
    const begin = performance.now();
    try {
      await client.nc.rtt();
    } catch (error) {
      throw client.explain(error, "Cannot ping the engine");
    }
    return performance.now() - begin;
  }

  /**
   * Whether there is a connection, and what has gone over it.
   *
   * @returns The figures of this moment.
   */
  statistics(): NatsStatistics {
    const { inMsgs, outMsgs, inBytes, outBytes } = this.#client.nc.stats();
    const { connected } = this;
    const { reconnects } = this.#client;
    return {
      connected,
      reconnects,
      inMessages: inMsgs,
      outMessages: outMsgs,
      inBytes,
      outBytes,
    };
  }

  /**
   * Gives this share of the connection up. A second call does no harm.
   *
   * @returns When the connection is closed, if nobody else uses it.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#client.release();
  }

  /** Closes the connection, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The server, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * The server, and whether there is a connection.
   *
   * @returns The text, as `NatsConnection { 10.0.0.7:4222, connected }`.
   */
  toString(): string {
    const state = this.#isClosed ? "closed" : this.connected ? "connected" : "lost";
    return `NatsConnection { ${this.server}, ${state} }`;
  }

  #open(action: string): NatsClient {
    if (!this.#isClosed) return this.#client;
    throw new ConnectionClosedError(`Cannot ${action}: the connection is closed`);
  }
}

/**
 * Connects to NATS, or takes part in a connection with the same options. The login is looked at here; later the
 * connection is made anew when it is lost.
 *
 * @example Connecting, with what can go wrong
 * ```ts
 * import { EngineUnavailableError } from "@manyhands/concurrency/distributed";
 * import { openNats } from "@manyhands/concurrency/distributed/nats";
 * import { assertRejects } from "@std/assert";
 *
 * // Nothing listens there.
 * await assertRejects(() => openNats({ servers: "nats://127.0.0.1:9" }), EngineUnavailableError);
 * await assertRejects(() => openNats({ servers: "127.0.0.1:9", user: "ann" }), TypeError, "password");
 * ```
 *
 * @param options Where, who, and how long.
 * @returns The connection.
 * @throws {TypeError} When an option is of the wrong kind, or two do not go together.
 * @throws {RangeError} When a number is outside of its range.
 * @throws {AuthenticationError} When the login or a certificate is refused.
 * @throws {EngineUnavailableError} When no server can be reached.
 * @throws {ProtocolError} When what answers is no NATS server, or only one side speaks TLS.
 */
export async function openNats(options: NatsOptions): Promise<NatsConnection> {
  return new NatsConnection(await openClient(readNatsOptions(options)));
}

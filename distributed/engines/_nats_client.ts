import { type JetStreamClient, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import {
  type ConnectionOptions,
  NatsConnectionImpl,
  nkeyAuthenticator,
  setTransportFactory,
} from "@nats-io/nats-core/internal";
import { checkTimeout } from "../../coroutine/_check_timeout.ts";
import { waitWithin } from "../../coroutine/_wait_within.ts";
import type { WaitOptions } from "../../coroutine/wait_options.ts";
import { AuthenticationError, ConnectionClosedError, ProtocolError } from "../../ipc/errors.ts";
import { EngineUnavailableError } from "../task_errors.ts";
import { explainNats, isRefusedLogin } from "./_nats_errors.ts";
import type { NatsSettings } from "./_nats_settings.ts";
import { DenoTransport, DIAL_SETTINGS, type DialSettings } from "./_nats_transport.ts";

/** After two pings without an answer a connection counts as lost. */
const MOST_PINGS_OUT = 2;

/**
 * A connection to NATS, that several objects of this program use. It is closed when the last of them has released it.
 */
export class NatsClient {
  /** The connection. Who subscribes or asks over it sees the errors of NATS: {@linkcode explain} says what they are. */
  readonly nc: NatsConnectionImpl;
  /** For confirmed publishing. */
  readonly js: JetStreamClient;
  /** For streams and consumers. */
  readonly manager: JetStreamManager;
  /** How long one request is waited for, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** The servers, for the texts of errors. */
  readonly servers: string;
  readonly #abandon: () => void;
  readonly #failures: unknown[];
  #users = 1;
  #isConnected = true;
  #reconnects = 0;
  /** Why it ended, if this side did not end it. */
  #failure: unknown;
  #isOver = false;
  #wakers: (() => void)[] = [];
  /** Called when the connection is lost or closed. */
  readonly #mourners = new Set<() => void>();
  #ended: Promise<void>;

  constructor(
    nc: NatsConnectionImpl,
    manager: JetStreamManager,
    settings: NatsSettings,
    options: { failures: unknown[]; abandon: () => void },
  ) {
    this.nc = nc;
    this.manager = manager;
    this.js = manager.jetstream();
    this.requestTimeoutMs = settings.requestTimeoutMs;
    this.servers = settings.servers.join(", ");
    this.#abandon = options.abandon;
    this.#failures = options.failures;
    this.#ended = this.#watch();
  }

  /** Whether there is a connection now. */
  get isConnected(): boolean {
    // The events of the client come a little later than what they tell.
    return this.#isConnected && !this.#isOver && this.nc.protocol.connected;
  }

  /** How often the connection was lost and made anew. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** One more object uses the connection. */
  share(): this {
    this.#users++;
    return this;
  }

  /** One object less uses it. */
  async release(): Promise<void> {
    if (--this.#users > 0) return;
    this.#abandon();
    this.#isOver = true;
    this.#tellLoss();
    this.#wake();
    await this.nc.close();
    await this.#ended;
  }

  /**
   * Waits until there is a connection.
   *
   * @returns Whether there is one; `false` when the time is over.
   * @throws {ConnectionClosedError} When it was closed on this side.
   * @throws {AuthenticationError} When it was given up because the login is refused now.
   * @throws {EngineUnavailableError} When it was given up after the last try.
   */
  async whenConnected(options: WaitOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    const end = performance.now() + checkTimeout(options.timeoutMs);
    for (;;) {
      this.check("Cannot reach the engine");
      if (this.isConnected) return true;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const waker = () => resolve(true);
      this.#wakers.push(waker);
      const timeoutMs = Math.max(0, end - performance.now());
      try {
        const { signal } = options;
        if (!await waitWithin(promise, { signal, timeoutMs }, () => false)) return false;
      } finally {
        this.#wakers = this.#wakers.filter((each) => each !== waker);
      }
    }
  }

  /**
   * Follows a request, and does not wait for it any longer when the connection is lost: no answer can come then.
   *
   * @throws {EngineUnavailableError} When the connection is lost meanwhile.
   */
  async whileConnected<T>(request: Promise<T>): Promise<T> {
    const { promise: lost, reject } = Promise.withResolvers<never>();
    const stop = this.onLost(() => {
      reject(new EngineUnavailableError(`Lost the connection to ${this.servers}`));
    });
    // It may fail later, when nobody listens any more.
    request.catch(() => {});
    try {
      return await Promise.race([request, lost]);
    } finally {
      stop();
    }
  }

  /**
   * Calls a function once when the connection is lost or closed.
   *
   * @returns Takes it back.
   */
  onLost(tell: () => void): () => void {
    this.#mourners.add(tell);
    return () => this.#mourners.delete(tell);
  }

  /** Throws when the connection has ended for good. */
  check(action: string): void {
    if (!this.#isOver && !this.nc.isClosed()) return;
    throw this.#whyOver(action);
  }

  /** Says in this package's errors what went wrong. */
  explain(error: unknown, action: string): unknown {
    const explained = explainNats(error, action);
    return explained instanceof ConnectionClosedError ? this.#whyOver(action, error) : explained;
  }

  #whyOver(action: string, cause: unknown = this.#failure): Error {
    const failure = this.#failure;
    if (failure === undefined) {
      const text = `${action}: the connection to the engine is closed`;
      return new ConnectionClosedError(text, { cause });
    }
    if (isRefusedLogin(failure)) return explainNats(failure, action) as AuthenticationError;
    return new EngineUnavailableError(
      `${action}: the connection to ${this.servers} was lost, and no try to connect is left`,
      { cause: failure },
    );
  }

  /** Follows the connection until it is closed. */
  async #watch(): Promise<void> {
    for await (const { type } of this.nc.status()) {
      if (type === "disconnect") {
        this.#isConnected = false;
        this.#tellLoss();
      }
      // Told once for each try that has failed before.
      if (type === "reconnect" && !this.#isConnected) {
        this.#isConnected = true;
        this.#reconnects++;
        this.#failures.length = 0;
        this.#wake();
      }
      if (type === "close") break;
    }
    const failure = await this.nc.closed();
    this.#isConnected = false;
    if (!this.#isOver) {
      this.#failure = failure ?? new Error("The connection was given up");
      this.#abandon();
    }
    this.#isOver = true;
    this.#tellLoss();
    this.#wake();
  }

  #tellLoss(): void {
    const mourners = [...this.#mourners];
    this.#mourners.clear();
    for (const tell of mourners) tell();
  }

  #wake(): void {
    const wakers = this.#wakers;
    this.#wakers = [];
    for (const wake of wakers) wake();
  }
}

/** The connections of this program, by the settings they were made with. */
const clients = new Map<string, Promise<NatsClient>>();

/**
 * Connects, or takes part in a connection with the same settings.
 *
 * @throws {AuthenticationError} When the login or a certificate is refused.
 * @throws {EngineUnavailableError} When no server can be reached.
 * @throws {ProtocolError} When what answers is no NATS server, or one side only speaks TLS.
 * @throws {Deno.errors.NotCapable} When a permission is missing.
 */
export async function openClient(settings: NatsSettings): Promise<NatsClient> {
  const key = JSON.stringify(settings);
  for (;;) {
    const shared = clients.get(key);
    if (shared === undefined) break;
    const client = await shared;
    // It may have been given up while it was waited for.
    if (clients.get(key) === shared) return client.share();
  }
  const abandon = () => {
    if (clients.get(key) === opening) clients.delete(key);
  };
  const opening = connect(settings, abandon);
  clients.set(key, opening);
  try {
    return await opening;
  } catch (error) {
    abandon();
    throw error;
  }
}

async function connect(settings: NatsSettings, abandon: () => void): Promise<NatsClient> {
  const failures: unknown[] = [];
  let nc: NatsConnectionImpl;
  try {
    // The factory is the whole program's: another client of NATS may have set its own meanwhile.
    setTransportFactory({ factory: () => new DenoTransport() });
    nc = await NatsConnectionImpl.connect(
      connectionOptions(settings, failures),
    ) as NatsConnectionImpl;
  } catch (error) {
    throw explainConnect([...failures, error], settings);
  }
  failures.length = 0;
  // The client has forgotten those that it could not reach.
  nc.setServers([...settings.servers]);
  // Without a look at the account's limits: a least-privileged one may not see them.
  const manager = await jetstreamManager(nc, {
    timeout: settings.requestTimeoutMs,
    checkAPI: false,
  });
  return new NatsClient(nc, manager, settings, { failures, abandon });
}

function connectionOptions(settings: NatsSettings, failures: unknown[]): ConnectionOptions {
  const { tls, handshakeFirst, nkeySeed, retry } = settings;
  const dial: DialSettings = { tls, handshakeFirst, failures };
  const options: ConnectionOptions & Record<string, unknown> = {
    servers: [...settings.servers],
    timeout: settings.connectTimeoutMs,
    pingInterval: settings.pingIntervalMs,
    maxPingOut: MOST_PINGS_OUT,
    maxReconnectAttempts: retry.maxAttempts === Infinity ? -1 : retry.maxAttempts,
    reconnectDelayHandler: () => {
      const pauseMs = retry.minTimeoutMs * retry.multiplier ** Math.min(failures.length, 64);
      return Math.min(pauseMs, retry.maxTimeoutMs) * (1 - retry.jitter * Math.random());
    },
    // Servers that nobody has listed would need permissions that nobody has given.
    ignoreClusterUpdates: true,
    resolve: false,
    [DIAL_SETTINGS]: dial,
  };
  if (settings.name !== undefined) options.name = settings.name;
  if (settings.inboxPrefix !== undefined) options.inboxPrefix = settings.inboxPrefix;
  if (settings.token !== undefined) options.token = settings.token;
  if (settings.user !== undefined) options.user = settings.user;
  if (settings.password !== undefined) options.pass = settings.password;
  if (nkeySeed !== undefined) {
    options.authenticator = nkeyAuthenticator(new TextEncoder().encode(nkeySeed));
  }
  return options;
}

/** Why none of the servers could be connected to. What a user can put right comes before what may pass. */
function explainConnect(failures: readonly unknown[], { servers }: NatsSettings): unknown {
  const where = servers.join(", ");
  const find = (isIt: (error: unknown) => boolean) => failures.findLast(isIt);
  const ours = find((error) => error instanceof AuthenticationError);
  if (ours !== undefined) return ours;
  const refused = find(isRefusedLogin);
  if (refused !== undefined) {
    return new AuthenticationError(`Cannot connect to ${where}: the login was refused`, {
      cause: refused,
    });
  }
  const other = find((error) =>
    error instanceof Deno.errors.NotCapable || error instanceof ProtocolError
  );
  if (other !== undefined) return other;
  const last = failures.at(0);
  const reason = last instanceof Error ? last.message : String(last);
  return new EngineUnavailableError(`Cannot reach the engine at ${where}: ${reason}`, {
    cause: last,
  });
}

import { nkeys } from "@nats-io/nats-core";
import { checkCount } from "../../coroutine/_call_settings.ts";
import { checkTls } from "../../ipc/_tls.ts";
import { checkRetry, DEFAULT_RETRY, type RetrySettings } from "../_retry.ts";
import type { NatsOptions, NatsTlsOptions } from "./nats_options.ts";

const DEFAULT_PORT = 4222;
const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_REQUEST_TIMEOUT_MS = 2_000;
const ACTION = "connect to NATS";

/** Options that were checked, none missing. Two that are equal as JSON make the same connection. */
export interface NatsSettings {
  /** As `host:port`. */
  readonly servers: readonly string[];
  readonly token: string | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly nkeySeed: string | undefined;
  readonly tls: Omit<NatsTlsOptions, "handshakeFirst"> | undefined;
  readonly handshakeFirst: boolean;
  readonly name: string | undefined;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly retry: RetrySettings;
  readonly inboxPrefix: string | undefined;
}

/**
 * Checks the options of a connection.
 *
 * @throws {TypeError} When one is of the wrong kind, or two do not go together.
 * @throws {RangeError} When a number is outside of its range.
 */
export function readNatsOptions(options: NatsOptions): NatsSettings {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${ACTION}: the options must be an object, got ${String(options)}`);
  }
  const { token, user, password, nkeySeed, name, inboxPrefix } = options;
  checkTexts({ token, user, password, nkeySeed, name, inboxPrefix });
  const { connectTimeoutMs = DEFAULT_TIMEOUT_MS, requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS } =
    options;
  const { pingIntervalMs = DEFAULT_TIMEOUT_MS } = options;
  checkCount(ACTION, "connectTimeoutMs", connectTimeoutMs, 1);
  checkCount(ACTION, "requestTimeoutMs", requestTimeoutMs, 1);
  checkCount(ACTION, "pingIntervalMs", pingIntervalMs, 1);
  checkLogin({ token, user, password, nkeySeed });
  if (inboxPrefix !== undefined && !/^[^\s.*>]+(\.[^\s.*>]+)*$/.test(inboxPrefix)) {
    throw new TypeError(
      `Cannot ${ACTION}: "inboxPrefix" must be a subject without wildcards, got "${inboxPrefix}"`,
    );
  }
  const { servers, isEncrypted } = readServers(options.servers);
  const { tls, handshakeFirst } = readTls(options.tls ?? (isEncrypted ? {} : undefined));
  const retry = checkRetry(ACTION, options.retry) ?? DEFAULT_RETRY;
  return {
    servers,
    token,
    user,
    password,
    nkeySeed,
    tls,
    handshakeFirst,
    name,
    connectTimeoutMs,
    requestTimeoutMs,
    pingIntervalMs,
    retry,
    inboxPrefix,
  };
}

function checkTexts(texts: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(texts)) {
    if (value === undefined) continue;
    if (typeof value !== "string") {
      throw new TypeError(`Cannot ${ACTION}: "${name}" must be a string, got ${typeof value}`);
    }
    if (value === "") throw new TypeError(`Cannot ${ACTION}: "${name}" must not be empty`);
  }
}

function checkLogin(
  { token, user, password, nkeySeed }: Pick<
    NatsOptions,
    "token" | "user" | "password" | "nkeySeed"
  >,
): void {
  if ((user === undefined) !== (password === undefined)) {
    throw new TypeError(`Cannot ${ACTION}: "user" and "password" need each other`);
  }
  if ([token, user, nkeySeed].filter((each) => each !== undefined).length > 1) {
    throw new TypeError(
      `Cannot ${ACTION}: there must be one of "token", "user" and "nkeySeed", not several`,
    );
  }
  if (nkeySeed === undefined) return;
  try {
    nkeys.fromSeed(new TextEncoder().encode(nkeySeed));
  } catch {
    // Not chained: it may tell of the seed.
    throw new TypeError(`Cannot ${ACTION}: "nkeySeed" is not the seed of an nkey`);
  }
}

function readServers(
  given: unknown,
): { servers: readonly string[]; isEncrypted: boolean } {
  const list: unknown[] = Array.isArray(given) ? given : [given];
  if (list.length === 0) throw new TypeError(`Cannot ${ACTION}: "servers" is empty`);
  const read = list.map(readServer);
  const isEncrypted = read.some(({ scheme }) => scheme === "tls");
  if (isEncrypted && read.some(({ scheme }) => scheme === "nats")) {
    throw new TypeError(`Cannot ${ACTION}: "servers" has both "nats://" and "tls://"`);
  }
  return { servers: [...new Set(read.map(({ server }) => server))], isEncrypted };
}

function readServer(given: unknown): { server: string; scheme: string | undefined } {
  if (typeof given !== "string") {
    throw new TypeError(
      `Cannot ${ACTION}: "servers" must be addresses as "nats://HOST:PORT", got ${typeof given}`,
    );
  }
  if (given.includes("@")) {
    throw new TypeError(
      `Cannot ${ACTION}: an address must not carry a login: use the options "user" and "password", or "token"`,
    );
  }
  const match = /^(?:(nats|tls):\/\/)?(\[[0-9a-f:.]+\]|[^\s:\/\[\]]+)(?::(\d+))?\/?$/i.exec(given);
  const port = Number(match?.[3] ?? DEFAULT_PORT);
  if (match === null || port < 1 || port > 65535) {
    throw new TypeError(
      `Cannot ${ACTION}: "servers" must be addresses as "nats://HOST:PORT", got "${given}"`,
    );
  }
  return { server: `${match[2]}:${port}`, scheme: match[1]?.toLowerCase() };
}

function readTls(
  given: NatsTlsOptions | undefined,
): Pick<NatsSettings, "tls" | "handshakeFirst"> {
  if (given === undefined) return { tls: undefined, handshakeFirst: false };
  if (typeof given !== "object" || given === null) checkTls(ACTION, given);
  const { handshakeFirst = false, ...tls } = given;
  if (typeof handshakeFirst !== "boolean") {
    throw new TypeError(`Cannot ${ACTION}: "tls.handshakeFirst" must be a boolean`);
  }
  if ("requireClientCert" in tls) {
    throw new TypeError(`Cannot ${ACTION}: "tls.requireClientCert" is for servers`);
  }
  checkTls(ACTION, tls);
  return { tls, handshakeFirst };
}

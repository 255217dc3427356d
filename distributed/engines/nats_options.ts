/**
 * How a connection to NATS is made.
 *
 * @module
 */

import type { TlsOptions } from "../../ipc/tls_options.ts";
import type { RetryOptions } from "../retry_options.ts";

/**
 * Encrypts a connection to NATS. The texts are PEM, as `Deno.readTextFile` gives them, so that no program needs
 * permission to read files.
 *
 * Client certificates work with every server: also with those that begin TLS after their greeting, as all did
 * before 2.10.4.
 */
export interface NatsTlsOptions extends Omit<TlsOptions, "requireClientCert"> {
  /**
   * Whether TLS begins before the server says anything: for servers that have `handshake_first: true`.
   *
   * @default {false}
   */
  handshakeFirst?: boolean | undefined;
}

/**
 * Where NATS is, who this program is there, and how long to wait for it.
 *
 * A login is a `token`, a `user` with a `password`, or an `nkeySeed`, and none where the server knows its clients
 * by their certificates. Secrets are taken from here only, never from addresses: those end in messages.
 */
export interface NatsOptions {
  /**
   * The addresses of the servers, as `"nats://10.0.0.7:4222"`, `"tls://nats.example:4222"` or `"10.0.0.7:4222"`.
   * Only these are connected to, also when a cluster tells of more: the permission `--allow-net` with the same
   * addresses is enough.
   */
  servers: string | readonly string[];
  /**
   * A login that is one text.
   *
   * @default {undefined}
   */
  token?: string | undefined;
  /**
   * The name of a user, with `password`.
   *
   * @default {undefined}
   */
  user?: string | undefined;
  /**
   * The password of `user`.
   *
   * @default {undefined}
   */
  password?: string | undefined;
  /**
   * The seed of an Ed25519 key of NATS, a text that begins with `SU`: the server knows the public half only, and the
   * seed is never sent.
   *
   * @default {undefined}
   */
  nkeySeed?: string | undefined;
  /**
   * How to encrypt. An address that begins with `tls://` stands for `{}`.
   *
   * @default {undefined}
   */
  tls?: NatsTlsOptions | undefined;
  /**
   * What the server calls this connection where it lists its clients.
   *
   * @default {undefined}
   */
  name?: string | undefined;
  /**
   * How long one try to connect to one server may take, in milliseconds.
   *
   * @default {5000}
   */
  connectTimeoutMs?: number | undefined;
  /**
   * How long the answer to one request is waited for, in milliseconds. Then it is asked again, until the call has no
   * time left and fails with an {@linkcode EngineUnavailableError}.
   *
   * @default {2000}
   */
  requestTimeoutMs?: number | undefined;
  /**
   * How often the connection is tested when nothing comes over it, in milliseconds. A connection that was cut without
   * a word is given up after about three times as long.
   *
   * @default {5000}
   */
  pingIntervalMs?: number | undefined;
  /**
   * How a lost connection is made anew; `maxAttempts` counts for each server. When no try is left, every call fails.
   *
   * @default {{ maxAttempts: Infinity, minTimeoutMs: 50, maxTimeoutMs: 2000, multiplier: 2, jitter: 0.5 }}
   */
  retry?: RetryOptions | undefined;
  /**
   * What the subjects begin with at which this program receives answers. An account that may not subscribe to
   * `_INBOX.>` needs one of its own.
   *
   * @default {"_INBOX"}
   */
  inboxPrefix?: string | undefined;
}

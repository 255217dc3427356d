import { startLimit } from "../coroutine/_check_timeout.ts";
import type { PeerCertificate, TLSSocket } from "node:tls";
import { type ConnDuplex, loadBuiltin, toDuplex } from "./_conn_duplex.ts";
import { type ByteStream, FrameStream } from "./_frame_stream.ts";
import { writeRefusal } from "./_refusal.ts";
import { AuthenticationError, ConnectionLostError, ProtocolError } from "./errors.ts";
import type { HalfClosable } from "./_stream_channel.ts";
import type { TlsOptions } from "./tls_options.ts";

/**
 * TLS over connections that were opened without it.
 *
 * Deno's own TLS is not used: its connections wait for acknowledgements before they send small messages (there is
 * no `setNoDelay`), and its listener does not ask clients for certificates. Node's, which Deno has built in, does
 * both, over a connection that stays ours.
 */

/** A plain client waits for the challenge, and a TLS client speaks first: so long a silence is that of a plain one. */
const LONGEST_SILENCE_MS = 3_000;

/** The first byte of a TLS connection: the type of a record with a handshake message. */
const TLS_HANDSHAKE = 0x16;

/** What Node calls a certificate for another name. */
const WRONG_NAME = "ERR_TLS_CERT_ALTNAME_INVALID";

/** What each option must be. */
const OPTIONS = {
  cert: ["a PEM text", isText],
  key: ["a PEM text", isText],
  caCerts: ["an array of PEM texts", (value) => Array.isArray(value) && value.every(isText)],
  serverName: ["a string", isText],
  requireClientCert: ["a boolean", (value) => typeof value === "boolean"],
} satisfies Record<keyof TlsOptions, [string, (value: unknown) => boolean]>;

/**
 * Checks a `tls` option.
 *
 * @param action What is being done, for the text of the error: "create a manager".
 * @throws {TypeError} When it cannot be used.
 */
export function checkTls(action: string, tls: TlsOptions | undefined): void {
  if (tls === undefined) return;
  if (typeof tls !== "object" || tls === null) {
    throw new TypeError(`Cannot ${action}: "tls" must be an object, got ${String(tls)}`);
  }
  for (const [name, value] of Object.entries(tls)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      const known = Object.keys(OPTIONS).join(", ");
      throw new TypeError(`Cannot ${action}: "tls" has no option "${name}", it has ${known}`);
    }
    const [wanted, isRight] = OPTIONS[name as keyof TlsOptions];
    if (value !== undefined && !isRight(value)) {
      throw new TypeError(`Cannot ${action}: "tls.${name}" must be ${wanted}`);
    }
  }
  const { cert, key, caCerts, requireClientCert } = tls;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError(`Cannot ${action}: "tls" must have both "cert" and "key", or none of them`);
  }
  if (requireClientCert === true && caCerts === undefined) {
    throw new TypeError(
      `Cannot ${action}: "tls.requireClientCert" needs "tls.caCerts", which vouch for the clients`,
    );
  }
  const { X509Certificate, createPrivateKey } = loadBuiltin<typeof import("node:crypto")>(
    "node:crypto",
  );
  const read = <T>(name: string, parse: () => T): T => {
    try {
      return parse();
    } catch (error) {
      throw new TypeError(`Cannot ${action}: "tls.${name}" is not readable as PEM`, {
        cause: error,
      });
    }
  };
  for (const each of caCerts ?? []) read("caCerts", () => new X509Certificate(each));
  if (cert === undefined || key === undefined) return;
  const certificate = read("cert", () => new X509Certificate(cert));
  const privateKey = read("key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new TypeError(`Cannot ${action}: "tls.key" is not the key of "tls.cert"`);
  }
}

/** Options for {@linkcode encryptAccepted}. */
export interface AcceptOptions {
  /** Who is on the other side, for the texts of errors. */
  readonly peer: string;
  /** How long it may say nothing before it is told that TLS is spoken here. */
  readonly silenceMs: number;
  /** Whether it does not expect to be told anything, and has to make do with the end of the connection. */
  readonly isMute?: boolean | undefined;
}

/** Encrypts a connection that was accepted. */
export async function encryptAccepted(
  conn: Deno.TcpConn,
  tls: TlsOptions,
  { peer, silenceMs, isMute = false }: AcceptOptions,
): Promise<HalfClosable> {
  const first = await readFirst(conn, Math.min(silenceMs, LONGEST_SILENCE_MS));
  if (first?.[0] !== TLS_HANDSHAKE) {
    if (first !== null && !isMute) await refuse(conn, "this port speaks TLS only", peer);
    throw new ProtocolError(`Cannot serve ${peer}: it does not speak TLS`);
  }
  const { cert, key, caCerts, requireClientCert = false } = tls;
  const { createServer } = loadBuiltin<typeof import("node:tls")>("node:tls");
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  // A server of its own, because Node does not tell on whose behalf a shared one has failed.
  const server = createServer({
    cert,
    key,
    ca: caCerts === undefined ? undefined : [...caCerts],
    requestCert: requireClientCert,
    // Looked at below: then the other side can be told.
    rejectUnauthorized: false,
  }, resolve);
  server.on("tlsClientError", reject);
  const under = toDuplex(conn, first);
  const { duplex } = under;
  const onEnd = () => reject(lostInHandshake(peer));
  duplex.on("end", onEnd).on("close", onEnd);
  server.emit("connection", duplex);
  let socket: TLSSocket;
  try {
    socket = await promise;
  } catch (error) {
    throw explainTls(error, `Cannot serve ${peer}`, peer);
  }
  const stream = new TlsStream(socket, under, conn);
  if (requireClientCert && socket.authorized !== true) {
    const reason = `the client certificate was not accepted: ${whyUntrusted(socket)}`;
    if (!isMute) await refuse(stream, reason, peer);
    stream.close();
    throw new AuthenticationError(`Cannot serve ${peer}: ${reason}`);
  }
  return stream;
}

/** Encrypts a connection that was opened, and finds out whether the other side is who it should be. */
export async function encryptOpened(
  conn: Deno.TcpConn,
  tls: TlsOptions,
  { peer, hostname }: { peer: string; hostname: string },
): Promise<HalfClosable> {
  const { cert, key, caCerts, serverName = hostname } = tls;
  const { connect } = loadBuiltin<typeof import("node:tls")>("node:tls");
  const { isIP } = loadBuiltin<typeof import("node:net")>("node:net");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const under = toDuplex(conn);
  const { duplex } = under;
  const socket = connect({
    socket: duplex,
    host: serverName,
    // Only names are sent ahead.
    servername: isIP(serverName) === 0 ? serverName : undefined,
    cert,
    key,
    ca: caCerts === undefined ? undefined : [...caCerts],
    // Looked at below: then there is a certificate of which can be said what is wrong with it.
    rejectUnauthorized: false,
  }, resolve);
  const onEnd = () => reject(lostInHandshake(peer));
  duplex.on("end", onEnd).on("close", onEnd);
  socket.on("error", reject);
  try {
    await promise;
  } catch (error) {
    socket.destroy();
    throw explainTls(error, `Cannot connect to ${peer}`, peer);
  }
  if (socket.authorized !== true) {
    const reason = whyUntrusted(socket);
    socket.destroy();
    throw new AuthenticationError(
      `Cannot connect to ${peer}: its certificate was not accepted: ${reason}`,
    );
  }
  return new TlsStream(socket, under, conn);
}

/** Bytes over TLS. */
class TlsStream implements HalfClosable {
  readonly #socket: TLSSocket;
  readonly #under: ConnDuplex;
  readonly #conn: Deno.TcpConn;
  /** Writes that have not ended. */
  readonly #writing = new Set<(error: unknown) => void>();
  /** What came in and did not fit into the reader's buffer. */
  #rest: Uint8Array | undefined;
  #error: unknown;
  #isOver = false;
  #wake: (() => void) | undefined;

  constructor(socket: TLSSocket, under: ConnDuplex, conn: Deno.TcpConn) {
    this.#socket = socket;
    this.#under = under;
    this.#conn = conn;
    const wake = () => this.#wake?.();
    const end = () => {
      this.#isOver = true;
      wake();
    };
    const fail = (error: Error) => {
      this.#error ??= error;
      end();
      this.#failWriting(this.#error);
    };
    socket.on("readable", wake);
    socket.on("end", end);
    socket.on("close", () => {
      end();
      this.#failWriting(this.#error ?? new Deno.errors.BadResource("The connection was closed"));
    });
    socket.on("error", fail);
    under.duplex.on("error", fail);
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    for (;;) {
      const bytes = this.#rest ?? this.#socket.read() as Uint8Array | null;
      if (bytes !== null) {
        const count = Math.min(bytes.length, buffer.length);
        buffer.set(bytes.subarray(0, count));
        this.#rest = count < bytes.length ? bytes.subarray(count) : undefined;
        return count;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#isOver) return null;
      this.#under.wanted();
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#writing.add(reject);
      this.#socket.write(bytes, (error) => {
        this.#writing.delete(reject);
        const failure = error ?? this.#under.failure;
        if (failure) reject(failure);
        else resolve(bytes.length);
      });
    });
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writing.add(reject);
      this.#socket.end(() => {
        this.#writing.delete(reject);
        resolve();
      });
    });
  }

  close(): void {
    this.#socket.destroy();
    try {
      this.#conn.close();
    } catch {
      // It is closed already.
    }
  }

  ref(): void {
    this.#conn.ref();
  }

  unref(): void {
    this.#conn.unref();
  }

  /** Nobody calls back those whose bytes are left behind. */
  #failWriting(error: unknown): void {
    for (const reject of this.#writing) reject(error);
    this.#writing.clear();
  }
}

/** The first bytes; nothing when there were none in time, `null` at the end of the connection. */
async function readFirst(
  conn: Deno.TcpConn,
  silenceMs: number,
): Promise<Uint8Array | undefined | null> {
  const buffer = new Uint8Array(16 * 1024);
  const { promise: silence, resolve } = Promise.withResolvers<undefined>();
  const timer = startLimit(() => resolve(undefined), silenceMs);
  const reading = conn.read(buffer).then((count) => count === null ? null : buffer.slice(0, count));
  // When it was silent, the connection is closed while this still waits.
  reading.catch(() => {});
  try {
    return await Promise.race([reading, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Says why, in the form in which clients wait for a challenge. */
async function refuse(stream: ByteStream, reason: string, peer: string): Promise<void> {
  const frames = new FrameStream(stream, { peer, maxFrameBytes: 0 });
  frames.send(writeRefusal(reason));
  await frames.flushed();
}

/** What is wrong with the certificate of the other side. */
function whyUntrusted(socket: TLSSocket): string {
  const certificate = socket.getPeerCertificate() as Partial<PeerCertificate> | null;
  const { valid_from: from = "", valid_to: to = "" } = certificate ?? {};
  if (to === "") return "there was none";
  if (Date.parse(to) < Date.now()) return `it expired on ${to}`;
  if (Date.parse(from) > Date.now()) return `it begins to hold on ${from}`;
  const code = String(socket.authorizationError ?? "");
  if (code !== WRONG_NAME) return `nobody whom this side trusts vouches for it (${code})`;
  return `it is made out for ${certificate?.subjectaltname ?? "nobody"}`;
}

function lostInHandshake(peer: string, options?: ErrorOptions): ConnectionLostError {
  return new ConnectionLostError(`Lost the connection to ${peer} in the TLS handshake`, options);
}

/** What went wrong, in this package's errors. */
function explainTls(error: unknown, action: string, peer: string): Error {
  if (error instanceof ConnectionLostError) return error;
  const { message = "" } = error as { message?: string };
  const options = { cause: error };
  if (/InvalidContentType|wrong version number/.test(message)) {
    return new ProtocolError(`${action}: it does not speak TLS`, options);
  }
  // Of a peer whose connection broke, the system tells it in many words; of one that objects, TLS has an alert.
  if (/alert|Certificate|invalid|no certificates/.test(message)) {
    return new AuthenticationError(`${action}: the TLS handshake failed: ${message}`, options);
  }
  return lostInHandshake(peer, options);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

import type { ConnectionOptions, Server, Transport } from "@nats-io/nats-core/internal";
import type { ByteStream } from "../../ipc/_frame_stream.ts";
import { explainAt } from "../../ipc/_network_errors.ts";
import { encryptOpened } from "../../ipc/_tls.ts";
import { type Address, formatAddress } from "../../ipc/address.ts";
import { AuthenticationError, ConnectionLostError, ProtocolError } from "../../ipc/errors.ts";
import type { TlsOptions } from "../../ipc/tls_options.ts";

/**
 * What a connection of ours tells its transports, through the options that the client hands on.
 */
export interface DialSettings {
  /** How to encrypt; nothing when it is not to be. */
  readonly tls: Pick<TlsOptions, "cert" | "key" | "caCerts" | "serverName"> | undefined;
  /** Whether TLS begins before the server has said anything. */
  readonly handshakeFirst: boolean;
  /** Why tries to connect have failed since there was a connection, the last one last. */
  readonly failures: unknown[];
}

/** The field of the options in which the settings are: they are copied field by field. */
export const DIAL_SETTINGS = "manyhandsDial";

const READ_BYTES = 64 * 1024;
const LARGEST_INFO_BYTES = 256 * 1024;
const LONGEST_GOODBYE_MS = 1_000;
/** So many failures are kept: a server may be away for days. */
const MOST_FAILURES = 64;
const LINE_END = 0x0a;
const decoder = new TextDecoder();

/** What a client is told in place of an answer to its login, when TLS has refused its certificate. */
const CERTIFICATE_REFUSED = new TextEncoder().encode("-ERR 'Authorization Violation'\r\n");

/**
 * The bytes between the NATS client and a server, over a TCP connection of Deno.
 *
 * The transport for Node ends a Deno process some time after a refused login, by an error that nobody listens to.
 * This one never throws out of turn: what goes wrong ends the connection, and the client connects anew.
 */
export class DenoTransport implements Transport {
  readonly lang = "deno";
  readonly version = "manyhands";
  closeError: Error | undefined;
  #stream: ByteStream | undefined;
  #peer = "";
  #isEncrypted = false;
  #isClosed = false;
  /** What the server said before the client listened: its greeting. */
  #greeting: Uint8Array = new Uint8Array();
  #settings: DialSettings | undefined;
  #waiting: Uint8Array[] = [];
  #writing: Promise<void> | undefined;
  readonly #closed = Promise.withResolvers<void | Error>();

  get isClosed(): boolean {
    return this.#isClosed;
  }

  isEncrypted(): boolean {
    return this.#isEncrypted;
  }

  async connect(server: Server, options: ConnectionOptions): Promise<void> {
    const settings = (options as Record<string, unknown>)[DIAL_SETTINGS] as DialSettings;
    this.#settings = settings;
    try {
      await this.#open({ hostname: server.hostname, port: server.port }, settings);
    } catch (error) {
      this.#note(error);
      throw error;
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    const stream = this.#stream;
    if (stream === undefined) return;
    const buffer = new Uint8Array(READ_BYTES);
    let failure: unknown;
    let isLeft = true;
    try {
      yield this.#greeting;
      while (!this.#isClosed) {
        const count = await stream.read(buffer);
        if (count === null) break;
        // A copy: the client keeps parts of what it gets.
        yield buffer.slice(0, count);
      }
      isLeft = false;
    } catch (error) {
      isLeft = false;
      failure = error;
    } finally {
      // The client reads no further when something throws that it calls: nobody would notice for long.
      if (isLeft) this.#end();
    }
    if (this.#isClosed) return;
    const refusal = this.#refusalOf(failure);
    if (refusal !== undefined) {
      this.#note(refusal);
      // The client would wait for an answer until its time is over.
      yield CERTIFICATE_REFUSED;
    }
    this.#end(failure);
  }

  send(frame: Uint8Array): void {
    if (this.#isClosed) return;
    this.#waiting.push(frame);
    // One write for what one turn sends. A server that ends a refused login with a part of it unread resets the
    // connection, and the refusal is lost with it.
    this.#writing ??= Promise.resolve().then(() => this.#write());
  }

  async close(error?: Error): Promise<void> {
    if (error === undefined && this.#writing !== undefined) {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, LONGEST_GOODBYE_MS);
      await Promise.race([this.#writing, late]);
      clearTimeout(timer);
    }
    this.#end(error);
  }

  disconnect(): void {
    this.#end();
  }

  discard(): void {
    this.#end();
  }

  closed(): Promise<void | Error> {
    return this.#closed.promise;
  }

  async #open(address: Address, settings: DialSettings): Promise<void> {
    const { tls, handshakeFirst } = settings;
    const peer = this.#peer = formatAddress(address);
    const encryption = { peer, hostname: address.hostname };
    const conn = await connectTcp(address);
    this.#stream = conn;
    if (this.#isClosed) return this.#abandon(conn);
    conn.setNoDelay(true);
    try {
      if (tls !== undefined && handshakeFirst) {
        this.#stream = await encryptOpened(conn, tls, encryption);
        this.#isEncrypted = true;
      }
      this.#greeting = await this.#greet(this.#stream);
      if (!this.#isEncrypted) {
        const { isRequired, isAvailable } = readTlsOf(this.#greeting, peer);
        if (tls === undefined && isRequired) {
          throw new ProtocolError(`Cannot connect to ${peer}: it speaks TLS only`);
        }
        if (tls !== undefined) {
          if (!isRequired && !isAvailable) {
            throw new ProtocolError(`Cannot connect to ${peer}: it does not speak TLS`);
          }
          this.#stream = await encryptOpened(conn, tls, encryption);
          this.#isEncrypted = true;
        }
      }
    } catch (error) {
      closeStream(this.#stream);
      throw error;
    }
    if (this.#isClosed) this.#abandon(this.#stream);
  }

  async #greet(stream: ByteStream): Promise<Uint8Array> {
    try {
      return await readGreeting(stream, this.#peer);
    } catch (error) {
      throw this.#refusalOf(error) ?? error;
    }
  }

  /** The server has refused the certificate of this side: it is told after the handshake, as this side sees it. */
  #refusalOf(failure: unknown): AuthenticationError | undefined {
    if (!this.#isEncrypted || !/alert|Certificate/.test(String(failure))) return undefined;
    return new AuthenticationError(
      `Cannot connect to ${this.#peer}: the certificate of this side was refused: ${
        (failure as Error).message
      }`,
      { cause: failure },
    );
  }

  #note(failure: unknown): void {
    const failures = this.#settings?.failures ?? [];
    if (failures.length < MOST_FAILURES) failures.push(failure);
  }

  /** The time for connecting was over meanwhile. */
  #abandon(stream: ByteStream): never {
    closeStream(stream);
    throw new ConnectionLostError(`Cannot connect to ${this.#peer}: the time is over`);
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0 && this.#stream !== undefined && !this.#isClosed) {
        const bytes = concat(this.#waiting);
        this.#waiting = [];
        for (let at = 0; at < bytes.length;) at += await this.#stream.write(bytes.subarray(at));
      }
      this.#writing = undefined;
    } catch {
      // What the server said last may be to read yet, and says why: reading ends by itself.
      this.#waiting = [];
    }
  }

  #end(error?: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (error instanceof Error) this.closeError = error;
    this.#waiting = [];
    if (this.#stream !== undefined) closeStream(this.#stream);
    this.#closed.resolve(this.closeError);
  }
}

async function connectTcp(address: Address): Promise<Deno.TcpConn> {
  try {
    return await Deno.connect(address);
  } catch (error) {
    throw explainAt(error, "Cannot connect to", { family: "AF_INET", address });
  }
}

/** Reads what a server says first, at least its first line. */
async function readGreeting(stream: ByteStream, peer: string): Promise<Uint8Array> {
  let greeting: Uint8Array = new Uint8Array();
  const buffer = new Uint8Array(READ_BYTES);
  while (!greeting.includes(LINE_END)) {
    const count = await stream.read(buffer);
    if (count === null) {
      throw new ConnectionLostError(`Lost the connection to ${peer} before it said anything`);
    }
    greeting = concat([greeting, buffer.slice(0, count)]);
    if (greeting.length > LARGEST_INFO_BYTES) throw notNats(peer);
  }
  return greeting;
}

/** What the greeting tells of TLS. */
function readTlsOf(
  greeting: Uint8Array,
  peer: string,
): { isRequired: boolean; isAvailable: boolean } {
  const line = decoder.decode(greeting.subarray(0, greeting.indexOf(LINE_END)));
  const text = /^INFO\s+(\{.*\})\s*$/i.exec(line)?.[1];
  if (text === undefined) throw notNats(peer);
  try {
    const info = JSON.parse(text) as { tls_required?: boolean; tls_available?: boolean };
    return { isRequired: info.tls_required === true, isAvailable: info.tls_available === true };
  } catch (error) {
    throw notNats(peer, { cause: error });
  }
}

function notNats(peer: string, options?: ErrorOptions): ProtocolError {
  return new ProtocolError(`Cannot connect to ${peer}: it is no NATS server`, options);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function closeStream(stream: ByteStream): void {
  try {
    stream.close();
  } catch {
    // It is closed already.
  }
}

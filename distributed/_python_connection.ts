import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { authenticateServer, MAX_HANDSHAKE_FRAME_BYTES } from "../ipc/_authentication.ts";
import { connectTcp, openStream } from "../ipc/_connect.ts";
import { FrameStream } from "../ipc/_frame_stream.ts";
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, DEFAULT_MAX_MESSAGE_BYTES } from "../ipc/_limits.ts";
import { PromptStream } from "../ipc/_python_door.ts";
import { type Address, formatAddress } from "../ipc/address.ts";
import { ConnectionLostError } from "../ipc/errors.ts";
import type { TlsOptions } from "../ipc/tls_options.ts";

/** What connections to a Python server need. */
export interface PythonConnectOptions {
  readonly address: Address;
  readonly key: Uint8Array<ArrayBuffer>;
  readonly maxMessageBytes?: number | undefined;
  readonly allowLegacy?: boolean | undefined;
  /** Encrypts the connections, to what decrypts them in front of a Python server. */
  readonly tls?: TlsOptions | undefined;
}

const HEADER_BYTES = 4;
const PROTOCOL_4 = 4;

/** One connection to a Python server. It carries one request at a time: the next one waits for the answer. */
export class PythonConnection {
  readonly #stream: FrameStream;
  readonly #prompt: PromptStream;
  #last: Promise<unknown> = Promise.resolve();
  #isModern = false;
  #isClosed = false;

  constructor(stream: FrameStream, prompt: PromptStream) {
    this.#stream = stream;
    this.#prompt = prompt;
    stream.unref();
  }

  /** Connects, and has both sides prove the key. */
  static async open(
    { address, key, maxMessageBytes, allowLegacy, tls }: PythonConnectOptions,
    options: WaitOptions = {},
  ): Promise<PythonConnection> {
    const peer = formatAddress(address);
    const timeoutMs = Math.min(checkTimeout(options.timeoutMs), DEFAULT_HANDSHAKE_TIMEOUT_MS);
    let conn: Deno.TcpConn | undefined;
    let isGivenUp = false;
    const opening = connectTcp(address, peer).then(async (opened) => {
      conn = opened;
      if (isGivenUp) closeQuietly(conn);
      const prompt = new PromptStream(await openStream(conn, address, tls));
      const stream = new FrameStream(prompt, { peer, maxFrameBytes: MAX_HANDSHAKE_FRAME_BYTES });
      await authenticateServer(stream, key, { allowLegacy });
      stream.maxFrameBytes = maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
      return new PythonConnection(stream, prompt);
    });
    opening.catch(() => {});
    try {
      return await waitWithin(opening, { signal: options.signal, timeoutMs }, () => {
        throw new TimeoutError(`Cannot connect to ${peer}: no answer within ${timeoutMs} ms`);
      });
    } catch (error) {
      isGivenUp = true;
      if (conn !== undefined) closeQuietly(conn);
      throw error;
    }
  }

  /** Whether it cannot be used any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Sends a request and takes the answer.
   *
   * @param read Reads the answer, within this call: its bytes hold no longer.
   */
  async exchange<T>(request: Uint8Array, read: (answer: Uint8Array) => T): Promise<T> {
    const exchanged = this.#last.then(() => this.#exchange(request, read));
    this.#last = exchanged.catch(() => {});
    return await exchanged;
  }

  /** The program need not go on for the answer that it waits for. */
  unref(): void {
    this.#stream.unref();
  }

  /** Closes it. A request that waits for its answer fails. */
  close(): void {
    this.#isClosed = true;
    this.#stream.close();
  }

  async #exchange<T>(request: Uint8Array, read: (answer: Uint8Array) => T): Promise<T> {
    const stream = this.#stream;
    const prompt = this.#prompt;
    if (this.#isClosed) throw this.#lost();
    stream.ref();
    let isRead = false;
    try {
      stream.send(request);
      for (;;) {
        const answer = stream.take();
        if (answer !== undefined) {
          this.#isModern = answer[1]! >= PROTOCOL_4;
          isRead = true;
          return read(answer);
        }
        const before = prompt.bytesRead;
        if (!await stream.fill()) throw this.#lost();
        // A header alone. The beginning of the next request acknowledges it, see PromptStream.
        if (this.#isModern && prompt.bytesRead - before === HEADER_BYTES) prompt.promiseLong();
      }
    } finally {
      if (!isRead) this.close();
      stream.unref();
    }
  }

  #lost(): ConnectionLostError {
    const { peer } = this.#stream;
    return new ConnectionLostError(`Lost the connection to ${peer}: it closed the connection`);
  }
}

function closeQuietly(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // It is closed already.
  }
}

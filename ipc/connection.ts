/**
 * One end of a way on which messages go to and fro.
 *
 * @module
 */

import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { describe } from "../coroutine/_describe.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { Channel } from "./_channel.ts";
import { connectionInternals, type ConnectionSettings } from "./_connection_internals.ts";
import { copyError } from "./_copy_error.ts";
import { Line } from "./_line.ts";
import { decodeObject, encodeObject, type Outgoing, rawBytes } from "./_native_codec.ts";
import { setPortable } from "./_portable.ts";
import { openRemoteEnd, readEndReference } from "./_remote_end.ts";
import { BufferTooShortError, EofError } from "./connection_errors.ts";
import { ConnectionClosedError, ConnectionLostError } from "./errors.ts";

const WIRE_TYPE = "ipc.Connection";

/** Given to the constructor within {@linkcode connectionInternals}. */
let making: { channel: Channel; settings: ConnectionSettings } | undefined;

/** Options for {@linkcode Connection.sendBytes}. */
export interface SendBytesOptions extends WaitOptions {
  /**
   * The first byte that is sent.
   *
   * @default {0}
   */
  offset?: number | undefined;
  /**
   * How many bytes are sent.
   *
   * @default {bytes.length - offset}
   */
  size?: number | undefined;
}

/** Options for {@linkcode Connection.recvBytes}. */
export interface RecvBytesOptions extends WaitOptions {
  /**
   * The longest message that is taken, in bytes. A longer one ends the connection, as in Python.
   *
   * @default {Infinity}
   */
  maxLength?: number | undefined;
}

/** Options for {@linkcode Connection.recvBytesInto}. */
export interface RecvBytesIntoOptions extends WaitOptions {
  /**
   * Where in the buffer the message begins.
   *
   * @default {0}
   */
  offset?: number | undefined;
}

/**
 * One end of a way on which messages go to and fro: between processes, threads, machines, and to Python
 * programs. `pipe()`, `connect()` and `Listener.accept()` make it.
 *
 * - Messages arrive whole, in the order in which they were sent. Their boundaries are kept.
 * - {@linkcode send} carries objects, {@linkcode sendBytes} bytes; the bytes are what Python's
 *   `Connection.send_bytes` sends. The other side must know which of the two comes.
 * - A send resolves when the message has left this process, or lies where the other end of a pipe finds it.
 *   While the other side takes nothing, sends wait after a few mebibytes: memory stays bounded.
 * - Reading goes on meanwhile, so two sides that both send much before they receive do not wait for each
 *   other for ever.
 * - A receive that was aborted or timed out has taken nothing. A send that was aborted while it waited for
 *   its turn has sent nothing; a message of which a part has left is sent all the same, and awaited.
 * - When the other side has closed, what it had sent can still be received; after that {@linkcode recv}
 *   rejects with an {@linkcode EofError}. When the connection broke, it rejects with a
 *   `ConnectionLostError`.
 * - What is larger than `maxMessageBytes` is refused: here with a `RangeError`, from there by the end of the
 *   connection.
 * - An end of a pipe can be passed to other processes, as an argument or as a message.
 *
 * It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.connection.Connection | multiprocessing.connection.Connection}.
 *
 * @example There and back
 * ```ts
 * import { pipe } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const [here, there] = pipe<string, number>();
 * await using _here = here;
 * await using _there = there;
 * await here.send("four");
 * assertEquals(await there.recv(), "four");
 * await there.send(4);
 * assertEquals(await here.recv(), 4);
 * ```
 *
 * @typeParam Out What is sent.
 * @typeParam In What is received.
 */
export class Connection<Out = unknown, In = Out> implements AsyncDisposable {
  static {
    const make = () => {
      try {
        return new Connection<never, unknown>();
      } finally {
        making = undefined;
      }
    };
    connectionInternals.create = (channel, settings) => {
      making = { channel, settings };
      return make();
    };
    connectionInternals.isReady = (connection) => (connection as Connection).#isReady();
    connectionInternals.watch = (connection, onChange) =>
      (connection as Connection).#watch(onChange);
    setPortable(
      Connection<never, unknown>,
      WIRE_TYPE,
      (connection) => connection.#pass(),
      (data) => {
        const reference = readEndReference(data);
        const { maxMessageBytes } = reference;
        making = {
          channel: openRemoteEnd(reference),
          settings: { maxMessageBytes, codec: undefined },
        };
        return make();
      },
    );
  }

  readonly #channel: Channel;
  readonly #settings: ConnectionSettings;
  readonly #receivers = new Line();
  readonly #watchers = new Set<() => void>();
  /** Why nothing can be received although the other side has not closed. */
  #broken: Error | undefined;
  #isClosed = false;

  /**
   * Not to be called: see `pipe()`, `connect()` and `Listener`.
   *
   * @throws {TypeError} Always.
   */
  constructor() {
    if (making === undefined) {
      throw new TypeError(
        "Cannot construct a Connection: use pipe(), connect() or Listener.accept()",
      );
    }
    this.#channel = making.channel;
    this.#settings = making.settings;
    this.#channel.onInput = () => this.#onInput();
  }

  /** Whether it was closed here. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /** Whether messages can be received over it; `false` for the writing end of a pipe that is not duplex. */
  get readable(): boolean {
    return this.#channel.isReadable;
  }

  /** Whether messages can be sent over it. */
  get writable(): boolean {
    return this.#channel.isWritable;
  }

  /**
   * Sends an object. It is copied, as an argument of a process is.
   *
   * @param value What is sent.
   * @param options How long to wait for its turn, and what stops that wait.
   * @returns When it has left this process.
   * @throws {ConnectionClosedError} When the connection was closed here.
   * @throws {ConnectionLostError} When the other side has closed it, or it broke.
   * @throws {TypeError} When the object cannot be carried, or the connection only receives.
   * @throws {RangeError} When it takes more than `maxMessageBytes`.
   * @throws {TimeoutError} When its turn did not come within `timeoutMs`.
   */
  async send(value: Out, options: WaitOptions = {}): Promise<void> {
    this.#checkSend(options);
    await this.#send(encodeObject(value, this.#settings.codec), options);
  }

  /**
   * Receives an object that the other side has sent with {@linkcode send}.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns The object.
   * @throws {EofError} When the other side has closed the connection and nothing is left.
   * @throws {ConnectionLostError} When the connection broke.
   * @throws {ConnectionClosedError} When the connection was or is closed here.
   * @throws {ProtocolError} When what came is none of the objects that the codec writes, or too large.
   * @throws {TypeError} When the connection only sends.
   * @throws {TimeoutError} When nothing came within `timeoutMs`.
   */
  async recv(options: WaitOptions = {}): Promise<In> {
    return decodeObject(await this.#receive(options), this.#settings.codec) as In;
  }

  /**
   * Sends bytes as they are, as one message.
   *
   * @param bytes The bytes.
   * @param options Which of them, how long to wait for their turn, and what stops that wait.
   * @returns When they have left this process.
   * @throws {ConnectionClosedError} When the connection was closed here.
   * @throws {ConnectionLostError} When the other side has closed it, or it broke.
   * @throws {TypeError} When they are no bytes, or the connection only receives.
   * @throws {RangeError} When `offset` or `size` is negative or reaches beyond them, or when they are more
   * than `maxMessageBytes`.
   * @throws {TimeoutError} When their turn did not come within `timeoutMs`.
   */
  async sendBytes(
    bytes: ArrayBufferView | ArrayBufferLike,
    options: SendBytesOptions = {},
  ): Promise<void> {
    this.#checkSend(options);
    const all = viewOf(bytes, "Cannot send bytes");
    const offset = readPlace("offset", options.offset ?? 0, all.length);
    const size = readPlace("size", options.size ?? all.length - offset, all.length - offset);
    await this.#send(rawBytes(all.subarray(offset, offset + size)), options);
  }

  /**
   * Receives one message as bytes.
   *
   * @param options The longest message, how long to wait, and what stops the wait.
   * @returns The bytes.
   * @throws {EofError} When the other side has closed the connection and nothing is left.
   * @throws {ConnectionLostError} When the connection broke.
   * @throws {ConnectionClosedError} When the connection was or is closed here.
   * @throws {ProtocolError} When what came is too large.
   * @throws {RangeError} When the message is longer than `maxLength`, or that is negative.
   * @throws {TypeError} When the connection only sends.
   * @throws {TimeoutError} When nothing came within `timeoutMs`.
   */
  async recvBytes(options: RecvBytesOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { maxLength = Infinity } = options;
    if (typeof maxLength !== "number" || !(maxLength >= 0)) {
      throw new RangeError(`Cannot receive: "maxLength" must be 0 or more, got ${maxLength}`);
    }
    const bytes = await this.#receive(options);
    if (bytes.length > maxLength) {
      const text = `a message of ${bytes.length} bytes came, and at most ${maxLength} were wanted`;
      this.#broken ??= new ConnectionLostError(`Cannot receive: ${text}`);
      this.#receivers.failAll(() => this.#endError());
      if (!this.writable) await this.close();
      throw new RangeError(`Cannot receive: ${text}`);
    }
    return bytes;
  }

  /**
   * Receives one message into a buffer.
   *
   * @param buffer Where it is put.
   * @param options Where in the buffer it begins, how long to wait, and what stops the wait.
   * @returns How many bytes it has.
   * @throws {BufferTooShortError} When it does not fit; the error has the message.
   * @throws {EofError} When the other side has closed the connection and nothing is left.
   * @throws {ConnectionLostError} When the connection broke.
   * @throws {ConnectionClosedError} When the connection was or is closed here.
   * @throws {ProtocolError} When what came is too large.
   * @throws {RangeError} When `offset` is outside of the buffer.
   * @throws {TypeError} When `buffer` is none, or the connection only sends.
   * @throws {TimeoutError} When nothing came within `timeoutMs`.
   */
  async recvBytesInto(
    buffer: ArrayBufferView | ArrayBufferLike,
    options: RecvBytesIntoOptions = {},
  ): Promise<number> {
    const room = viewOf(buffer, "Cannot receive into the buffer");
    const offset = readPlace("offset", options.offset ?? 0, room.length);
    const bytes = await this.#receive(options);
    if (bytes.length > room.length - offset) {
      throw new BufferTooShortError(
        `Cannot receive into the buffer: the message has ${bytes.length} bytes, and there is room for ` +
          `${room.length - offset}`,
        bytes,
      );
    }
    room.set(bytes, offset);
    return bytes.length;
  }

  /**
   * Whether something can be received without waiting. The end of the connection counts, as in Python: the
   * receive that follows rejects.
   *
   * @param options How long to wait for it, not at all if nothing is said, and what stops the wait.
   * @returns `false` when nothing came within `timeoutMs`.
   * @throws {ConnectionClosedError} When the connection was or is closed here.
   * @throws {TypeError} When the connection only sends.
   */
  async poll(options: WaitOptions = {}): Promise<boolean> {
    const { signal, timeoutMs = 0 } = options;
    checkTimeout(timeoutMs);
    signal?.throwIfAborted();
    this.#checkReceive();
    this.#channel.want();
    if (this.#isReady()) return true;
    const line = new Line();
    const unwatch = this.#watch(() => {
      if (this.#isClosed) line.failAll(() => this.#closedError("poll"));
      else if (this.#isReady()) line.next();
    });
    try {
      await line.wait({ signal, timeoutMs }, "", () => {});
      return true;
    } catch (error) {
      if (error instanceof TimeoutError) return this.#isReady();
      throw error;
    } finally {
      unwatch();
    }
  }

  /**
   * Tells the other side that nothing more comes: its receives reject with an {@linkcode EofError} once it has
   * received all. Receiving goes on here. (Python's connections cannot do it; they understand it.)
   *
   * @returns When the other side has been told.
   * @throws {ConnectionClosedError} When the connection was closed here.
   * @throws {ConnectionLostError} When it broke before everything had left.
   * @throws {TypeError} When the connection only receives.
   */
  async closeWrite(): Promise<void> {
    this.#checkSend({});
    await this.#channel.closeWrite();
  }

  /**
   * Closes this end, after what was sent has left. Receives that wait reject with a
   * `ConnectionClosedError`; what was not received is lost. A second call does no harm.
   *
   * @returns When it is closed.
   */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#receivers.failAll(() => this.#closedError("receive"));
      this.#tellWatchers();
    }
    await this.#channel.close();
  }

  /** Closes it, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Receives objects until the other side closes, or this end is closed. A connection that breaks makes the
   * iteration throw.
   *
   * @returns The objects.
   * @throws {ConnectionLostError} When the connection broke.
   */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<In> {
    for (;;) {
      let value: In;
      try {
        value = await this.recv();
      } catch (error) {
        if (error instanceof EofError) return;
        if (error instanceof ConnectionClosedError && this.#isClosed) return;
        throw error;
      }
      yield value;
    }
  }

  /** Where it leads, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * Where it leads, and whether it is closed.
   *
   * @returns The text, as `Connection { to 127.0.0.1:5000, closed }`.
   */
  toString(): string {
    return describe(this, `to ${this.#channel.peer}`, this.#isClosed ? "closed" : undefined);
  }

  #checkSend({ signal, timeoutMs }: WaitOptions): void {
    checkTimeout(timeoutMs);
    signal?.throwIfAborted();
    if (this.#isClosed) throw this.#closedError("send");
    if (!this.writable) throw new TypeError("Cannot send: the connection is read-only");
  }

  async #send(message: Outgoing, options: WaitOptions): Promise<void> {
    const { maxMessageBytes } = this.#settings;
    const { head, body } = message;
    const bytes = head.length + lengthOf(body, maxMessageBytes);
    if (bytes > maxMessageBytes) {
      throw new RangeError(
        `Cannot send: the message has ${bytes} bytes, the limit is ${maxMessageBytes}`,
      );
    }
    await this.#channel.send(message, options);
  }

  #checkReceive(): void {
    if (this.#isClosed) throw this.#closedError("receive");
    if (!this.readable) throw new TypeError("Cannot receive: the connection is write-only");
  }

  async #receive(options: WaitOptions): Promise<Uint8Array<ArrayBuffer>> {
    checkTimeout(options.timeoutMs);
    options.signal?.throwIfAborted();
    this.#checkReceive();
    this.#channel.want();
    if (this.#receivers.length === 0) {
      const message = this.#broken === undefined ? this.#channel.take() : undefined;
      if (message !== undefined) return message;
      if (this.#end !== undefined) throw this.#endError();
    }
    this.#channel.hold();
    try {
      return await this.#receivers.wait(
        options,
        "Cannot receive: nothing came",
        () => this.#channel.take()!,
      );
    } finally {
      this.#channel.letGo();
    }
  }

  get #end(): Error | undefined {
    return this.#broken ?? this.#channel.end;
  }

  #endError(): Error {
    return copyError(this.#end!);
  }

  #closedError(action: string): ConnectionClosedError {
    return new ConnectionClosedError(`Cannot ${action}: the connection is closed`);
  }

  #isReady(): boolean {
    return this.#isClosed || this.#channel.hasInput || this.#end !== undefined;
  }

  #watch(onChange: () => void): () => void {
    this.#channel.want();
    this.#channel.hold();
    this.#watchers.add(onChange);
    return () => {
      if (this.#watchers.delete(onChange)) this.#channel.letGo();
    };
  }

  #onInput(): void {
    const channel = this.#channel;
    while (this.#receivers.length > 0 && channel.hasInput) this.#receivers.next();
    if (channel.end !== undefined && !channel.hasInput) {
      this.#receivers.failAll(() => this.#endError());
    }
    if (this.#watchers.size > 0 && this.#isReady()) this.#tellWatchers();
  }

  #tellWatchers(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #pass(): unknown {
    if (this.#isClosed) {
      throw new ConnectionClosedError("Cannot pass on the connection: it is closed");
    }
    if (this.#settings.codec !== undefined) {
      throw new TypeError("Cannot pass on the connection: its codec stays in this process");
    }
    const reference = this.#channel.pass();
    // Who waits here uses it, also after it was passed on.
    if (this.#receivers.length > 0) this.#channel.want();
    return reference;
  }
}

function viewOf(bytes: ArrayBufferView | ArrayBufferLike, action: string): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  if (ArrayBuffer.isView(bytes)) {
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  if (bytes instanceof ArrayBuffer || bytes instanceof SharedArrayBuffer) {
    return new Uint8Array(bytes);
  }
  throw new TypeError(`${action}: expected an ArrayBuffer or a view of one, got ${typeof bytes}`);
}

function readPlace(name: string, value: number, most: number): number {
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new RangeError(`Cannot use the bytes: "${name}" must be from 0 to ${most}, got ${value}`);
  }
  return value;
}

/** How many bytes it takes; of a text that is short enough at three bytes a unit, no more than that. */
function lengthOf(body: Uint8Array | string, limit: number): number {
  if (typeof body !== "string" || body.length * 3 < limit) return body.length;
  return new TextEncoder().encode(body).length;
}

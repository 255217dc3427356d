import { ConnectionLostError, ProtocolError } from "./errors.ts";

/**
 * Frames on a byte stream, as Python's `multiprocessing.connection` has them:
 *
 * - short form: int32 big-endian n (0 … 2³¹−1), then n bytes;
 * - long form: int32 −1, uint64 big-endian n, then n bytes.
 *
 * Header and body leave in one write, and so do frames that are sent within one turn of the loop.
 * Nothing is allocated for bytes that have not arrived.
 */

const SMALL_BUFFER = 64 * 1024;

/** The buffer for what is sent begins as large: of a thousand connections most say little. */
const FIRST_OUTPUT = 4 * 1024;
/** A buffer that has grown is used again up to this size, while frames are large. */
const LARGEST_KEPT_BUFFER = 2 * 1024 * 1024;
/** As much is written at once: a write over TLS tells nothing until all of it has left. */
const LARGEST_WRITE = 2 * 1024 * 1024;
/** How long a peer may take nothing of what is sent before it counts as gone. */
const STALL_LIMIT_MS = 60_000;
const LARGEST_SHORT_FRAME = 0x7fff_ffff;
const encoder = new TextEncoder();

/** As much of a connection as frames need. */
export interface ByteStream {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
  ref?(): void;
  unref?(): void;
}

/** Options for {@linkcode FrameStream}. */
export interface FrameStreamOptions {
  /** Who is on the other side, for the texts of errors. */
  peer: string;
  /** The largest frame that is accepted, in bytes. */
  maxFrameBytes: number;
}

/** Reads and writes frames on one connection. */
export class FrameStream {
  /** Who is on the other side, for the texts of errors. */
  readonly peer: string;
  /** The largest frame that is accepted, in bytes. May be changed between frames. */
  maxFrameBytes: number;
  readonly #stream: ByteStream;
  readonly #input: InputBuffer = new InputBuffer();
  readonly #output: OutputBuffer = new OutputBuffer();
  #flushing: Promise<void> | undefined;
  #flushScheduled = false;
  /** Another number after each part of what was sent that has left. */
  #progress = 0;
  #writeError: unknown;
  #closed = false;

  constructor(stream: ByteStream, options: FrameStreamOptions) {
    this.#stream = stream;
    this.peer = options.peer;
    this.maxFrameBytes = options.maxFrameBytes;
  }

  /** Bytes that were sent and have not left yet. */
  get bufferedBytes(): number {
    return this.#output.size + this.#output.sending;
  }

  /**
   * The next frame that is here already, or `undefined`. It is a view that holds until the next call
   * of {@linkcode fill}.
   */
  take(): Uint8Array<ArrayBuffer> | undefined {
    const input = this.#input;
    if (input.size < 4) return undefined;
    let length = input.int32(0);
    let header = 4;
    if (length === -1) {
      if (input.size < 12) return undefined;
      length = input.uint64(4);
      header = 12;
    }
    if (length < 0) {
      throw new ProtocolError(`Cannot read from ${this.peer}: a frame of length ${length}`);
    }
    if (length > this.maxFrameBytes) {
      throw new ProtocolError(
        `Cannot read from ${this.peer}: a frame of ${length} bytes, the limit is ${this.maxFrameBytes}`,
      );
    }
    if (input.size < header + length) {
      input.expect(header + length);
      return undefined;
    }
    return input.take(header, length);
  }

  /**
   * Waits for more bytes.
   *
   * @returns `false` at the end of the stream.
   * @throws {ConnectionLostError} When the connection broke, or ended in the midst of a frame.
   */
  async fill(): Promise<boolean> {
    const space = this.#input.space();
    let count: number | null;
    try {
      count = await this.#stream.read(space);
    } catch (error) {
      throw new ConnectionLostError(`Lost the connection to ${this.peer}`, { cause: error });
    }
    if (count === null) {
      if (this.#input.size === 0) return false;
      throw new ConnectionLostError(
        `Lost the connection to ${this.peer}: it ended in the midst of a message`,
      );
    }
    this.#input.filled(count);
    return true;
  }

  /** Waits for one frame. Answers a copy, or `undefined` at the end of the stream. */
  async receive(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (;;) {
      const frame = this.take();
      if (frame !== undefined) return frame.slice();
      if (!await this.fill()) return undefined;
    }
  }

  /**
   * Sends a frame: a head that is copied at once, then a body that is copied at once. It leaves with
   * whatever else is sent in this turn of the loop.
   */
  send(head: Uint8Array, body?: Uint8Array | string): void {
    if (this.#closed) return;
    this.#output.frame(head, body);
    if (this.#flushScheduled || this.#flushing !== undefined) return;
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      if (this.#flushing === undefined && this.#output.size > 0) this.#flushing = this.#flush();
    });
  }

  /**
   * Waits until everything that was sent has left.
   *
   * @throws {ConnectionLostError} When the connection broke before.
   */
  async flushed(): Promise<void> {
    while (this.#flushScheduled || this.#flushing !== undefined) {
      if (this.#flushing === undefined) await Promise.resolve();
      else await this.#flushing;
    }
    if (this.#writeError !== undefined) throw this.#writeError;
  }

  /** Waits until fewer than `bytes` wait to leave; ends early when the connection breaks. */
  async drained(bytes: number): Promise<void> {
    while (this.bufferedBytes >= bytes && !this.#closed && this.#writeError === undefined) {
      if (this.#flushing === undefined) await Promise.resolve();
      else await this.#flushing;
    }
  }

  /**
   * Waits until fewer than `bytes` wait to leave, for a peer that asks and is not read from until it takes its
   * answers. One that takes nothing for a minute loses the connection.
   */
  async drainedByPeer(bytes: number): Promise<void> {
    let before = this.#progress;
    const watch = setInterval(() => {
      // Not what is left: of a large answer that is all of it until its last byte has left.
      if (this.#progress === before) this.close();
      before = this.#progress;
    }, STALL_LIMIT_MS);
    try {
      await this.drained(bytes);
    } finally {
      clearInterval(watch);
    }
  }

  /** Lets the connection keep the process alive, as it does at first. */
  ref(): void {
    this.#stream.ref?.();
  }

  /** Lets the process end although the connection is open. */
  unref(): void {
    this.#stream.unref?.();
  }

  /** Closes the connection at once. A read that waits ends. A second call does no harm. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#output.clear();
    try {
      this.#stream.close();
    } catch {
      // The system has closed it already.
    }
  }

  async #flush(): Promise<void> {
    try {
      for (;;) {
        const chunk = this.#output.next();
        if (chunk === undefined) break;
        for (let at = 0; at < chunk.length;) {
          const isAll = at === 0 && chunk.length <= LARGEST_WRITE;
          const part = isAll ? chunk : chunk.subarray(at, at + LARGEST_WRITE);
          at += await this.#stream.write(part);
          this.#progress++;
        }
        this.#output.sent();
      }
    } catch (error) {
      this.#writeError ??= new ConnectionLostError(`Lost the connection to ${this.peer}`, {
        cause: error,
      });
      this.#output.clear();
      // Whoever reads learns of it and ends the session.
      this.close();
    } finally {
      this.#flushing = undefined;
    }
  }
}

/** Bytes that came in: grows with what arrives, shrinks back when a large frame has gone through. */
class InputBuffer {
  #bytes = new Uint8Array(SMALL_BUFFER);
  #view = new DataView(this.#bytes.buffer);
  #start = 0;
  #end = 0;
  #expected = 0;
  /** The largest frame that was taken since the buffer was empty. */
  #largest = 0;

  get size(): number {
    return this.#end - this.#start;
  }

  int32(at: number): number {
    return this.#view.getInt32(this.#start + at);
  }

  uint64(at: number): number {
    return Number(this.#view.getBigUint64(this.#start + at));
  }

  /** Tells how many bytes the frame that begins here needs. */
  expect(bytes: number): void {
    this.#expected = bytes;
  }

  /** Room for what comes next. */
  space(): Uint8Array<ArrayBuffer> {
    const size = this.size;
    if (size === 0) {
      this.#start = this.#end = 0;
      const { length } = this.#bytes;
      const isTooLarge = length > LARGEST_KEPT_BUFFER || this.#largest <= SMALL_BUFFER;
      if (length > SMALL_BUFFER && this.#expected <= SMALL_BUFFER && isTooLarge) {
        this.#replace(SMALL_BUFFER);
      }
      this.#largest = 0;
    } else if (this.#start > 0 && this.#bytes.length - this.#end < SMALL_BUFFER / 2) {
      this.#bytes.copyWithin(0, this.#start, this.#end);
      this.#start = 0;
      this.#end = size;
    }
    const { length } = this.#bytes;
    if (this.#end === length) {
      // At most twice what has arrived: a header alone cannot make us allocate what it announces.
      this.#replace(this.#expected > length ? Math.min(this.#expected, length * 2) : length * 2);
    }
    return this.#bytes.subarray(this.#end);
  }

  filled(count: number): void {
    this.#end += count;
  }

  take(header: number, length: number): Uint8Array<ArrayBuffer> {
    const from = this.#start + header;
    this.#start = from + length;
    this.#expected = 0;
    if (length > this.#largest) this.#largest = length;
    return this.#bytes.subarray(from, from + length);
  }

  #replace(length: number): void {
    const bytes = new Uint8Array(length);
    bytes.set(this.#bytes.subarray(this.#start, this.#end));
    this.#end -= this.#start;
    this.#start = 0;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** Frames that wait to leave: one chunk is being written while the next one fills. */
class OutputBuffer {
  #bytes = new Uint8Array(FIRST_OUTPUT);
  #view = new DataView(this.#bytes.buffer);
  #spare: Uint8Array<ArrayBuffer> | undefined;
  #end = 0;
  /** Bytes of the chunk that is being written. */
  sending = 0;

  /** Bytes that wait for their turn. */
  get size(): number {
    return this.#end;
  }

  frame(head: Uint8Array, body: Uint8Array | string = ""): void {
    // A UTF-16 unit needs three bytes of UTF-8 at most.
    const most = head.length + (typeof body === "string" ? body.length * 3 : body.length);
    this.#reserve(12 + most);
    const from = this.#end;
    const headerBytes = most > LARGEST_SHORT_FRAME ? 12 : 4;
    const headFrom = from + headerBytes;
    this.#bytes.set(head, headFrom);
    const bodyFrom = headFrom + head.length;
    let bodyBytes: number;
    if (typeof body === "string") {
      bodyBytes = body === ""
        ? 0
        : encoder.encodeInto(body, this.#bytes.subarray(bodyFrom)).written;
    } else {
      bodyBytes = body.length;
      this.#bytes.set(body, bodyFrom);
    }
    const length = head.length + bodyBytes;
    if (headerBytes === 4) {
      this.#view.setInt32(from, length);
    } else {
      this.#view.setInt32(from, -1);
      this.#view.setBigUint64(from + 4, BigInt(length));
    }
    this.#end = bodyFrom + bodyBytes;
  }

  /** The next chunk to write. It is ours until {@linkcode sent}. */
  next(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#end === 0) return undefined;
    const chunk = this.#bytes.subarray(0, this.#end);
    this.sending = this.#end;
    const next = this.#spare ?? new Uint8Array(FIRST_OUTPUT);
    const { length } = this.#bytes;
    const isWorthIt = length <= LARGEST_KEPT_BUFFER && chunk.length > FIRST_OUTPUT;
    this.#spare = length === FIRST_OUTPUT || isWorthIt ? this.#bytes : undefined;
    this.#use(next, 0);
    return chunk;
  }

  /** The chunk has been written. */
  sent(): void {
    this.sending = 0;
  }

  clear(): void {
    this.#end = 0;
    this.sending = 0;
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#end));
    this.#use(grown, this.#end);
  }

  #use(bytes: Uint8Array<ArrayBuffer>, end: number): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#end = end;
  }
}

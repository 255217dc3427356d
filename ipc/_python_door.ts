import type { ByteStream, FrameStream } from "./_frame_stream.ts";
import type { Address } from "./address.ts";

/**
 * Where Python's side of the protocol enters: after the handshake, which is the same, a Python peer's first
 * frame is a pickle, and no native peer's is.
 */

/** A connection of a Python peer that is being served. */
export interface PythonGuest {
  /** Settles when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  /** Closes the connection, after what was sent has left. */
  close(): Promise<void>;
}

/** A Python peer that has proved the key, and what it sent first. */
export interface PythonArrival {
  readonly stream: FrameStream;
  /** What is under the stream. */
  readonly prompt: PromptStream;
  readonly first: Uint8Array<ArrayBuffer>;
  /** The address of this side, as the peer reached it. */
  readonly local: Address;
  /** The address of the peer. */
  readonly remote: Address;
}

/** Serves a Python peer from now on. */
export type PythonDoor = (arrival: PythonArrival) => PythonGuest;

/** The first byte of every pickle that Python writes since protocol 2 (opcode PROTO). */
const PICKLE_START = 0x80;

const PROTOCOL_2 = [PICKLE_START, 2];
const BINUNICODE = 0x58;
const TUPLE2_AND_STOP = [0x86, 0x2e];

/** Whether a peer that sends this first speaks Python's side of the protocol. */
export function isPickle(frame: Uint8Array): boolean {
  return frame[0] === PICKLE_START;
}

/**
 * Tells a Python peer, in the form in which it raises a `RemoteError`, that it cannot be served here:
 * the pickle of `("#TRACEBACK", text)`.
 */
export async function refusePython(stream: FrameStream): Promise<void> {
  const text = "This manager speaks the native protocol of @manyhands/concurrency only\n";
  const pickled = [
    ...PROTOCOL_2,
    ...unicode("#TRACEBACK"),
    ...unicode(text),
    ...TUPLE2_AND_STOP,
  ];
  stream.send(new Uint8Array(pickled));
  await stream.flushed();
}

function unicode(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length, true);
  return [BINUNICODE, ...length, ...bytes];
}

const LONG_FORM = new Uint8Array([0xff, 0xff, 0xff, 0xff]);
const SHORT_HEADER_BYTES = 4;

/**
 * A byte stream that can send the beginning of the next frame before the rest of it is known.
 *
 * Python leaves Nagle's algorithm on and writes some messages in two parts: its last word of the handshake and
 * the first request, the header and the body of what is larger than 16 KiB. Its system holds the second part
 * back until the first was acknowledged, and ours acknowledges 40 ms later, unless it has something to send.
 * The beginning of the answer is something to send.
 */
export class PromptStream implements ByteStream {
  readonly #stream: ByteStream;
  #promised: "nothing" | "short" | "long" = "nothing";
  #promising: Promise<unknown> | undefined;
  /** How many bytes have been read. */
  bytesRead = 0;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** Sends the first byte of a frame of less than 16 MiB: each begins with the same one. */
  promiseShort(): void {
    this.#promise("short", new Uint8Array(1));
  }

  /** Sends the beginning of a frame in the long form, which Python 3.8 and newer read. */
  promiseLong(): void {
    this.#promise("long", LONG_FORM);
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#stream.read(buffer).then((count) => {
      this.bytesRead += count ?? 0;
      return count;
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#promised === "nothing" ? this.#stream.write(bytes) : this.#keep(bytes);
  }

  close(): void {
    this.#stream.close();
  }

  ref(): void {
    this.#stream.ref?.();
  }

  unref(): void {
    this.#stream.unref?.();
  }

  #promise(kind: "short" | "long", beginning: Uint8Array): void {
    if (this.#promised !== "nothing") return;
    this.#promised = kind;
    this.#promising = this.#stream.write(beginning);
    // Who writes the rest learns of it.
    this.#promising.catch(() => {});
  }

  /** Writes what begins with the header of the frame of which the beginning has left. */
  async #keep(bytes: Uint8Array): Promise<number> {
    const kind = this.#promised;
    this.#promised = "nothing";
    await this.#promising;
    if (kind === "short") {
      if (bytes[0] !== 0) {
        throw new RangeError("Cannot send: the first answer is larger than 16 MiB");
      }
      return 1 + await this.#stream.write(bytes.subarray(1));
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const length = view.getInt32(0);
    let rest = bytes.subarray(SHORT_HEADER_BYTES);
    if (length !== -1) {
      rest = new Uint8Array(8 + bytes.length - SHORT_HEADER_BYTES);
      new DataView(rest.buffer).setBigUint64(0, BigInt(length));
      rest.set(bytes.subarray(SHORT_HEADER_BYTES), 8);
    }
    for (let at = 0; at < rest.length;) at += await this.#stream.write(rest.subarray(at));
    return bytes.length;
  }
}

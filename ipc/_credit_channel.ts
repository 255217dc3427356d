import type { WaitOptions } from "../coroutine/wait_options.ts";
import { type Channel, keepMessage, MESSAGE_OVERHEAD, weightOf, WINDOW_BYTES } from "./_channel.ts";
import { DEFAULT_MAX_MESSAGE_BYTES } from "./_limits.ts";
import { Line, waitLeaving } from "./_line.ts";
import type { Outgoing } from "./_native_codec.ts";
import { Stash } from "./_stash.ts";
import { EofError } from "./connection_errors.ts";
import { ConnectionClosedError, ConnectionLostError, ProtocolError } from "./errors.ts";

/**
 * What crosses between two ends that do not push back by themselves: a byte that says what it is, and the
 * rest. An end may send what the other one has given credit for; the last message may go beyond it.
 */
export const Kind = {
  /** A message, or the last part of one. */
  MESSAGE: 0,
  /** Credit: uint32, more bytes that may be sent. The first thing that either side sends. */
  CREDIT: 1,
  /** Nothing more comes. */
  END: 2,
  /** Nothing more is taken. */
  REFUSED: 3,
  /** Another process is about to take this end as well: a word by which it will be known. */
  PASSED: 4,
  /** A part of a message that is sent in several; the last one is a message. */
  PART: 5,
  /** Parts come: uint32, how many bytes the message has. */
  LARGE: 6,
} as const;

const NO_HEAD = new Uint8Array(0);

/** What may be on its way: of large messages several, so that the next one does not wait for the credit of the last. */
const CREDIT_BYTES = 4 * WINDOW_BYTES;

/** What carries it, whole and in order. */
export interface Wire {
  /** Who is on the other side, for the texts of errors. */
  readonly peer: string;
  /** Sends something; the bytes are copied at once. Does nothing when the other side is gone. */
  post(kind: number, message?: Outgoing): void;
  /** Whether everything is out of this process's hands. */
  readonly isFlushed: boolean;
  /** Waits until everything is out of this process's hands, or the other side is gone. */
  flushed(): Promise<void>;
  /** Closes it, after what was posted has left. */
  close(): Promise<void>;
  hold(): void;
  letGo(): void;
}

/** Options for {@linkcode CreditChannel}. */
export interface CreditChannelOptions {
  isReadable: boolean;
  isWritable: boolean;
  /** What crosses in place of this end. */
  pass: () => unknown;
}

/** One end of such a way for messages. */
export class CreditChannel implements Channel {
  readonly isReadable: boolean;
  readonly isWritable: boolean;
  onInput: () => void = () => {};
  /** Called when more can be sent. */
  onRoom: () => void = () => {};
  /** Called when the other side has passed on its end. */
  onPassed: (token: string) => void = () => {};
  readonly pass: () => unknown;
  readonly #wire: Wire;
  readonly #stash = new Stash();
  readonly #line = new Line();
  /** Bytes that may be sent still. */
  #credit = 0;
  /** The message that comes in parts, and how much of it is here. */
  #large: LargeMessage | undefined;
  /** Bytes that were taken, and that the other side does not know of. */
  #taken = 0;
  #isWanted = false;
  #end: Error | undefined;
  #writeEnd: Error | undefined;
  #closing: Promise<void> | undefined;

  constructor(wire: Wire, options: CreditChannelOptions) {
    this.#wire = wire;
    this.isReadable = options.isReadable;
    this.isWritable = options.isWritable;
    this.pass = options.pass;
  }

  get peer(): string {
    return this.#wire.peer;
  }

  get hasInput(): boolean {
    return this.#stash.length > 0;
  }

  get end(): Error | undefined {
    return this.#end;
  }

  /** Whether a message can be sent without waiting. */
  get hasRoom(): boolean {
    return this.#credit > 0 && this.#line.length === 0 && this.#writeEnd === undefined;
  }

  take(): Uint8Array<ArrayBuffer> | undefined {
    const message = this.#stash.shift();
    if (message === undefined) return undefined;
    this.#taken += message.length + MESSAGE_OVERHEAD;
    if (this.#taken > WINDOW_BYTES / 2) {
      this.#postCredit(this.#taken);
      this.#taken = 0;
    }
    return message;
  }

  want(): void {
    if (this.#isWanted || !this.isReadable || this.#end !== undefined) return;
    this.#isWanted = true;
    this.#postCredit(CREDIT_BYTES);
  }

  async send(message: Outgoing, options: WaitOptions): Promise<void> {
    this.#checkWritable();
    const what = `Cannot send: ${this.peer} did not take what was sent`;
    if (this.hasRoom) {
      this.put(message);
    } else {
      const kept = keepMessage(message);
      this.hold();
      try {
        await this.#line.wait(options, what, () => this.put(kept));
      } finally {
        this.letGo();
      }
    }
    if (!this.#wire.isFlushed) await waitLeaving(this.#wire.flushed(), options, what);
  }

  /** Sends a message for which there is room. */
  put(message: Outgoing): void {
    this.#checkWritable();
    this.#credit -= weightOf(message);
    this.#wire.post(Kind.MESSAGE, message);
  }

  async closeWrite(): Promise<void> {
    if (this.#writeEnd !== undefined) return;
    this.#stopWriting(
      () =>
        new ConnectionClosedError(
          `Cannot send to ${this.peer}: the connection was closed for sending here`,
        ),
    );
    this.#wire.post(Kind.END);
    await this.#wire.flushed();
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  hold(): void {
    this.#wire.hold();
  }

  letGo(): void {
    this.#wire.letGo();
  }

  /** Waits until what was put is out of this process's hands. */
  flushed(): Promise<void> {
    return this.#wire.flushed();
  }

  /** Tells the other side that it need not send any more. */
  refuse(): void {
    this.#wire.post(Kind.REFUSED);
  }

  /**
   * Takes what came over the wire.
   *
   * @param rest What is behind the kind.
   * @param whose Whether it belongs to this channel, or holds during this call alone.
   */
  receive(
    kind: number | undefined,
    rest: Uint8Array<ArrayBuffer>,
    whose: "given" | "lent",
  ): void {
    switch (kind) {
      case Kind.MESSAGE: {
        const large = this.#large;
        this.#large = undefined;
        if (!this.isReadable || this.#end !== undefined) return;
        if (large !== undefined) this.#stash.push(large.finish(rest));
        else this.#stash.push(whose === "lent" ? rest.slice() : rest);
        return this.onInput();
      }
      case Kind.PART:
        if (this.#large === undefined) break;
        return this.#large.add(rest);
      case Kind.LARGE:
        if (rest.length !== 4 || this.#large !== undefined) break;
        this.#large = new LargeMessage(this.peer, readUint32(rest));
        return;
      case Kind.CREDIT: {
        if (rest.length !== 4) break;
        this.#credit += readUint32(rest);
        while (this.#credit > 0 && this.#line.length > 0) this.#line.next();
        return this.onRoom();
      }
      case Kind.END:
        return this.finish(new EofError(`Cannot receive: ${this.peer} closed the connection`));
      case Kind.REFUSED:
        return this.#stopWriting(() => this.#unwanted());
      case Kind.PASSED:
        return this.onPassed(new TextDecoder().decode(rest));
    }
    throw new ProtocolError(`Cannot read from ${this.peer}: a message of kind ${kind}`);
  }

  /** Nothing more comes. */
  finish(end: Error): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.onInput();
  }

  /** The other side is gone. */
  lose(end: Error): void {
    this.#stopWriting(() => this.#unwanted());
    this.finish(end);
  }

  async #close(): Promise<void> {
    this.#stopWriting(
      () => new ConnectionClosedError(`Cannot send to ${this.peer}: the connection was closed`),
    );
    this.#stash.clear();
    await this.#wire.close();
  }

  #unwanted(): ConnectionLostError {
    return new ConnectionLostError(
      `Cannot send: ${this.peer} has closed the connection and takes nothing any more`,
    );
  }

  #stopWriting(makeError: () => Error): void {
    this.#writeEnd ??= makeError();
    this.#line.failAll(makeError);
  }

  #checkWritable(): void {
    if (this.#writeEnd !== undefined) throw this.#writeEnd;
  }

  #postCredit(bytes: number): void {
    this.#wire.post(Kind.CREDIT, { head: NO_HEAD, body: writeUint32(bytes) });
  }
}

/** A message that comes in parts. Nothing is allocated before the first of them is here. */
class LargeMessage {
  readonly #peer: string;
  readonly #length: number;
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  #end = 0;

  constructor(peer: string, length: number) {
    this.#peer = peer;
    this.#length = length;
    if (length > DEFAULT_MAX_MESSAGE_BYTES) throw this.#malformed();
  }

  add(part: Uint8Array): void {
    if (this.#end + part.length > this.#length) throw this.#malformed();
    this.#bytes ??= new Uint8Array(this.#length);
    this.#bytes.set(part, this.#end);
    this.#end += part.length;
  }

  finish(last: Uint8Array): Uint8Array<ArrayBuffer> {
    this.add(last);
    if (this.#end < this.#length) throw this.#malformed();
    return this.#bytes!;
  }

  #malformed(): ProtocolError {
    return new ProtocolError(
      `Cannot read from ${this.#peer}: the parts of a message of ${this.#length} bytes`,
    );
  }
}

/** A number as four bytes. */
export function writeUint32(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function readUint32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

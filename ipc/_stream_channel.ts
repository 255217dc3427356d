import type { WaitOptions } from "../coroutine/wait_options.ts";
import { type Channel, keepMessage, WINDOW_BYTES } from "./_channel.ts";
import type { ByteStream, FrameStream } from "./_frame_stream.ts";
import { Line, waitLeaving } from "./_line.ts";
import type { Outgoing } from "./_native_codec.ts";
import { Stash } from "./_stash.ts";
import { EofError } from "./connection_errors.ts";
import { ConnectionClosedError, ConnectionLostError } from "./errors.ts";

/** How long a close waits for the other side to take what was sent before. */
const CLOSE_GRACE_MS = 5_000;

/** A stream of bytes of which the writing half can be closed alone. */
export interface HalfClosable extends ByteStream {
  closeWrite(): Promise<void>;
}

/** Messages as frames on a stream of bytes: one message, one frame, as Python has it. */
export class StreamChannel implements Channel {
  readonly isReadable = true;
  readonly isWritable = true;
  onInput: () => void = () => {};
  readonly #frames: FrameStream;
  readonly #stream: HalfClosable;
  readonly #stash = new Stash();
  readonly #line = new Line();
  #isReading = false;
  #end: Error | undefined;
  #writeEnd: Error | undefined;
  /** Sends whose bytes are not with the system yet. */
  #sending = 0;
  #holding = 0;
  #closing: Promise<void> | undefined;

  /**
   * @param frames The frames, behind the handshake.
   * @param stream The stream below them.
   */
  constructor(frames: FrameStream, stream: HalfClosable) {
    this.#frames = frames;
    this.#stream = stream;
    frames.unref();
    void this.#read();
  }

  get peer(): string {
    return this.#frames.peer;
  }

  get hasInput(): boolean {
    return this.#stash.length > 0;
  }

  get end(): Error | undefined {
    return this.#end;
  }

  take(): Uint8Array<ArrayBuffer> | undefined {
    const message = this.#stash.shift();
    if (!this.#isReading && message !== undefined) void this.#read();
    return message;
  }

  want(): void {}

  async send(message: Outgoing, options: WaitOptions): Promise<void> {
    this.#checkWritable();
    if (this.#line.length > 0 || this.#frames.bufferedBytes > WINDOW_BYTES) {
      const kept = keepMessage(message);
      this.hold();
      try {
        await this.#line.wait(options, what(this.peer), () => this.#put(kept));
      } finally {
        this.letGo();
      }
    } else {
      this.#put(message);
    }
    const leaving = this.#leave();
    // While the other side takes nothing, it may be because it waits for us to take something.
    void this.#read();
    await waitLeaving(leaving, options, what(this.peer));
  }

  async closeWrite(): Promise<void> {
    if (this.#writeEnd !== undefined) return;
    this.#stopWriting();
    await this.#frames.flushed();
    await this.#stream.closeWrite();
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  hold(): void {
    if (this.#holding++ === 0) this.#frames.ref();
  }

  letGo(): void {
    if (--this.#holding === 0) this.#frames.unref();
  }

  pass(): never {
    throw new TypeError(
      `Cannot pass on the connection to ${this.peer}: only the ends of a pipe go to other processes`,
    );
  }

  async #close(): Promise<void> {
    this.#stopWriting();
    if (this.#frames.bufferedBytes > 0) {
      const stalled = setTimeout(() => this.#frames.close(), CLOSE_GRACE_MS);
      try {
        await this.#frames.flushed();
      } catch {
        // The other side was faster: the connection is gone, which is what was asked for.
      }
      clearTimeout(stalled);
    }
    this.#frames.close();
    this.#stash.clear();
  }

  /** Waits until what was sent is with the system. */
  async #leave(): Promise<void> {
    this.#sending++;
    this.hold();
    try {
      await this.#frames.flushed();
    } finally {
      this.#sending--;
      this.letGo();
      if (this.#frames.bufferedBytes <= WINDOW_BYTES) this.#line.next();
    }
  }

  #put({ head, body }: Outgoing): void {
    this.#checkWritable();
    this.#frames.send(head, body);
  }

  #stopWriting(): void {
    const makeError = () =>
      new ConnectionClosedError(
        `Cannot send to ${this.peer}: the connection was closed for sending here`,
      );
    this.#writeEnd ??= makeError();
    this.#line.failAll(makeError);
  }

  #checkWritable(): void {
    if (this.#writeEnd !== undefined) throw this.#writeEnd;
  }

  /** Reads ahead: little, but without much of a limit while the other side takes nothing. */
  async #read(): Promise<void> {
    if (this.#isReading || this.#end !== undefined) return;
    this.#isReading = true;
    const stash = this.#stash;
    try {
      for (;;) {
        const before = stash.length;
        for (let frame = this.#frames.take(); frame !== undefined; frame = this.#frames.take()) {
          stash.push(frame.slice());
          if (this.#isFull()) break;
        }
        if (stash.length > before) this.onInput();
        if (this.#isFull()) break;
        if (!await this.#frames.fill()) {
          this.#end = new EofError(`Cannot receive: ${this.peer} closed the connection`);
          break;
        }
      }
    } catch (error) {
      this.#end = error as Error;
      this.#writeEnd ??= this.#end;
      this.#frames.close();
      this.#line.failAll(() => new ConnectionLostError(this.#end!.message, { cause: this.#end }));
    } finally {
      this.#isReading = false;
    }
    if (this.#end !== undefined) this.onInput();
  }

  #isFull(): boolean {
    const limit = this.#sending > 0 ? this.#frames.maxFrameBytes : WINDOW_BYTES;
    return this.#stash.bytes > limit;
  }
}

function what(peer: string): string {
  return `Cannot send: ${peer} did not take what was sent`;
}

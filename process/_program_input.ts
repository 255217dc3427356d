import { encodeText } from "./_text_codec.ts";
import type { ByteReader } from "./subprocess_options.ts";

/** As much as a pipe of Linux holds: more in one piece would be seen as one write that waits longer. */
const WRITE_SIZE = 65_536;

/** What a program reads: its standard input, seen from outside. */
export class ProgramInput {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #encoding: string;
  #isClosed = false;
  /** For users: takes text as well. */
  readonly stream: WritableStream<Uint8Array | string>;

  constructor(stdin: WritableStream<Uint8Array<ArrayBuffer>>, encoding: string) {
    this.#writer = stdin.getWriter();
    this.#writer.closed.catch(() => {});
    this.#encoding = encoding;
    this.stream = new WritableStream<Uint8Array | string>({
      write: (data) => this.write(data),
      close: () => this.close(),
      abort: () => this.abort(),
    });
  }

  /** Whether no more can be written. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Writes, and waits while the pipe is full. */
  async write(data: Uint8Array | string): Promise<void> {
    const bytes = this.encode(data);
    for (let at = 0; at < bytes.length; at += WRITE_SIZE) {
      await this.#writer.write(bytes.subarray(at, at + WRITE_SIZE));
    }
  }

  /** The bytes of what is to be written. */
  encode(data: Uint8Array | string): Uint8Array<ArrayBuffer> {
    return typeof data === "string"
      ? encodeText(data, this.#encoding)
      : data as Uint8Array<ArrayBuffer>;
  }

  /** Ends the input. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writer.close();
  }

  /**
   * Ends the input without waiting for what is being written. (A write that something else than the
   * program keeps waiting cannot be taken back: the runtime goes on with it.)
   */
  async abort(): Promise<void> {
    this.#isClosed = true;
    // Waits for the write that is under way, which may never end.
    this.#writer.abort().catch(() => {});
    await Promise.resolve();
  }

  /** Writes all of it through the stream of the user, after what he has written, and ends the input. */
  async feed(data: Uint8Array | undefined): Promise<void> {
    if (this.#isClosed) return;
    const writer = this.stream.getWriter();
    try {
      if (data !== undefined) await writer.write(data);
      await writer.close();
    } catch (error) {
      // The program would wait for the rest for ever.
      await this.abort();
      // It did not want all of it: as in Python, that is its own affair.
      if (!isBrokenPipe(error)) throw error;
    } finally {
      writer.releaseLock();
    }
  }

  /** Passes on what a stream or a file has, until its end or that of the program. */
  async pump(source: InputSource, exited: Promise<unknown>): Promise<void> {
    const stop = () => void source.cancel();
    exited.then(stop, stop);
    try {
      for (;;) {
        const data = await source.read();
        if (data === undefined) break;
        await this.write(data);
      }
      await this.close();
    } catch (error) {
      await this.abort();
      if (!isBrokenPipe(error)) throw error;
    } finally {
      await source.cancel();
    }
  }
}

/** What {@linkcode ProgramInput.pump} reads. */
export interface InputSource {
  read(): Promise<Uint8Array | string | undefined>;
  /** Never throws; again is nothing. */
  cancel(): Promise<void>;
  /** Gives the stream back as it was, when the program could not be started. */
  release(): void;
}

/**
 * Takes hold of a stream or a file.
 *
 * @throws {TypeError} When the stream is locked to somebody else.
 */
export function openInput(
  from: ReadableStream<Uint8Array | string> | ByteReader,
): InputSource {
  if (!(from instanceof ReadableStream)) {
    const buffer = new Uint8Array(WRITE_SIZE);
    let isOver = false;
    return {
      async read() {
        const size = isOver ? null : await from.read(buffer);
        return size === null ? undefined : buffer.subarray(0, size);
      },
      cancel() {
        isOver = true;
        return Promise.resolve();
      },
      release() {},
    };
  }
  if (from.locked) {
    throw new TypeError('Cannot start a program: the stream "stdin" is locked to a reader');
  }
  const reader = from.getReader();
  return {
    async read() {
      const { done, value } = await reader.read();
      return done ? undefined : value;
    },
    async cancel() {
      await reader.cancel().catch(() => {});
    },
    release: () => reader.releaseLock(),
  };
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe;
}

import { LONGEST_TIMER_MS } from "../coroutine/_check_timeout.ts";

/** As much as a pipe of Linux holds. */
const READ_SIZE = 65_536;

/** How long what is in the pipe may take to be read. */
const LAST_LOOK_MS = 20;

/** Where bytes come from. */
export interface ByteSource {
  /** The next bytes, which are the caller's until the next call; `undefined` at the end. */
  read(): Promise<Uint8Array | undefined>;
  /** Closes it: a read that waits ends, and the program that writes to it is told. */
  cancel(): Promise<void>;
}

/** Reads a pipe of a child into one buffer, again and again: the plain reader makes a new one each time. */
export function pipeSource(stream: ReadableStream<Uint8Array<ArrayBuffer>>): ByteSource {
  const reader = stream.getReader({ mode: "byob" });
  let buffer: Uint8Array<ArrayBuffer> | undefined;
  return {
    async read() {
      const { done, value } = await reader.read(
        buffer === undefined ? new Uint8Array(READ_SIZE) : new Uint8Array(buffer.buffer),
      );
      buffer = value;
      return done ? undefined : value;
    },
    cancel: () => reader.cancel(),
  };
}

/** What one of several sources has given. */
type Given =
  & { readonly source: ByteSource }
  & (
    | { readonly bytes: Uint8Array | undefined }
    | { readonly error: unknown }
  );

/** Two sources as one: whichever has something is next. Neither is read ahead of who reads both. */
export function mergedSource(...sources: ByteSource[]): ByteSource {
  /** Those that are to be read, and have not ended. */
  const idle = new Set(sources);
  const given: Given[] = [];
  let left = sources.length;
  let wake = () => {};
  // Not `Promise.race`: a read of a source that stays silent would keep something of each race.
  const give = (one: Given) => {
    given.push(one);
    wake();
  };
  return {
    async read() {
      while (left > 0) {
        for (const source of idle) {
          idle.delete(source);
          source.read().then(
            (bytes) => give({ source, bytes }),
            (error) => give({ source, error }),
          );
        }
        if (given.length === 0) await new Promise<void>((resolve) => wake = resolve);
        const one = given.shift()!;
        if ("bytes" in one && one.bytes !== undefined) {
          idle.add(one.source);
          return one.bytes;
        }
        left--;
        if ("error" in one) throw one.error;
      }
      return undefined;
    },
    async cancel() {
      await Promise.all(sources.map((source) => source.cancel()));
    },
  };
}

/**
 * A program's output. It ends with the pipe, or some time after the program: what the program left behind
 * may hold the pipe for ever.
 */
export class OutputPipe {
  readonly #source: ByteSource;
  readonly #graceMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isReading = false;
  #isProgramGone = false;
  #isDraining = false;
  #isEnded = false;
  #isCut = false;
  /** Set by the one who reads it by lines or as a whole. */
  isTaken = false;

  /**
   * @param source The pipe, or both of them.
   * @param exited Resolves when the program has ended.
   * @param graceMs How long a read may wait after that.
   */
  constructor(source: ByteSource, exited: Promise<unknown>, graceMs: number) {
    this.#source = source;
    this.#graceMs = graceMs;
    const onExit = () => {
      this.#isProgramGone = true;
      if (this.#isReading || this.#isDraining) this.#arm();
    };
    exited.then(onExit, onExit);
  }

  /** Whether the end was not that of the pipe: something still held it open. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** From now on the time after the program's end is that of all reads together; the first of them comes at once. */
  drain(): void {
    this.#isDraining = true;
  }

  /** The next bytes, which are the caller's until the next call; `undefined` at the end. */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#isEnded) return undefined;
    this.#isReading = true;
    if (this.#isProgramGone) this.#arm();
    let bytes: Uint8Array | undefined;
    try {
      bytes = await this.#source.read();
    } finally {
      this.#isReading = false;
      if (bytes === undefined) this.#isEnded = true;
      if (this.#isEnded || !this.#isDraining) this.#disarm();
    }
    return bytes;
  }

  /** Gives the rest up: a program that writes more is told so (SIGPIPE). */
  async cancel(): Promise<void> {
    this.#isEnded = true;
    this.#disarm();
    await this.#source.cancel();
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#isEnded || this.#graceMs > LONGEST_TIMER_MS) return;
    // A loop that was busy sees that the time is over before it sees what has come meanwhile.
    const lookAgain = () => this.#timer = setTimeout(() => this.#cut(), LAST_LOOK_MS);
    this.#timer = setTimeout(lookAgain, this.#graceMs);
  }

  #cut(): void {
    this.#isCut = true;
    this.cancel().catch(() => {});
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** How many bytes several collectors may still take together, and what happens when there are more. */
export interface Budget {
  left: number;
  exceed(): void;
}

/** Collects the bytes of a pipe. */
export class Collector {
  readonly #pipe: OutputPipe;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  #size = 0;
  #isDone = false;
  /** Resolves at the end of the pipe. */
  readonly done: Promise<void>;

  constructor(pipe: OutputPipe, budget: Budget) {
    this.#pipe = pipe;
    pipe.isTaken = true;
    pipe.drain();
    this.done = this.#collect(budget);
    // Whoever waits for it hears of it.
    this.done.catch(() => {});
  }

  /** All bytes so far. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#isDone ? this.#bytes : this.#bytes.slice(0, this.#size);
  }

  async #collect(budget: Budget): Promise<void> {
    try {
      for (;;) {
        const bytes = await this.#pipe.read();
        if (bytes === undefined) break;
        const isTooMuch = bytes.length > budget.left;
        this.#append(isTooMuch ? bytes.subarray(0, budget.left) : bytes);
        budget.left = Math.max(0, budget.left - bytes.length);
        if (isTooMuch) {
          budget.exceed();
          break;
        }
      }
    } finally {
      this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(this.#size));
      this.#isDone = true;
    }
  }

  #append(bytes: Uint8Array): void {
    const size = this.#size + bytes.length;
    if (size > this.#bytes.length) {
      const capacity = Math.max(size, this.#bytes.length * 2);
      this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(capacity));
    }
    this.#bytes.set(bytes, this.#size);
    this.#size = size;
  }
}

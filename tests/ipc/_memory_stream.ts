import type { ByteStream } from "../../ipc/_frame_stream.ts";

/** One direction of a connection that is in memory. */
class Pipe {
  #chunks: Uint8Array[] = [];
  #changed = Promise.withResolvers<void>();
  /** Bytes that were written and not read. */
  size = 0;
  /** The most bytes that a writer may leave unread without waiting. */
  capacity = Infinity;
  /** Whether nothing is read, as by a peer that hangs. */
  isPaused = false;
  ended = false;
  error: Error | undefined;

  constructor(readonly largestRead: number) {}

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.error === undefined && (this.isPaused || this.size === 0 && !this.ended)) {
      await this.#changed.promise;
    }
    if (this.error !== undefined) throw this.error;
    const chunk = this.#chunks[0];
    if (chunk === undefined) return null;
    const count = Math.min(chunk.length, buffer.length, this.largestRead);
    buffer.set(chunk.subarray(0, count));
    if (count === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(count);
    this.size -= count;
    this.change();
    return count;
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.#checkWritable();
    if (bytes.length > 0) {
      this.#chunks.push(bytes.slice());
      this.size += bytes.length;
      this.change();
    }
    while (this.size > this.capacity && this.error === undefined && !this.ended) {
      await this.#changed.promise;
    }
    this.#checkWritable();
    return bytes.length;
  }

  /** Wakes whoever waits for anything. */
  change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #checkWritable(): void {
    if (this.error !== undefined) throw this.error;
    if (this.ended) throw new Deno.errors.BrokenPipe("Broken pipe");
  }
}

/** One end of a connection that is in memory. */
export class MemoryEnd implements ByteStream {
  /** What was written at this end, write by write. */
  readonly writes: Uint8Array[] = [];
  isClosed = false;
  /** Whether it keeps the process alive. */
  isReferenced = true;
  readonly #input: Pipe;
  readonly #output: Pipe;

  constructor(input: Pipe, output: Pipe) {
    this.#input = input;
    this.#output = output;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#input.read(buffer);
  }

  write(bytes: Uint8Array): Promise<number> {
    this.writes.push(bytes.slice());
    return this.#output.write(bytes);
  }

  close(): void {
    if (this.isClosed) throw new Deno.errors.BadResource("Bad resource ID");
    this.isClosed = true;
    this.#input.error ??= new Deno.errors.Interrupted("operation canceled");
    this.#output.ended = true;
    this.#input.change();
    this.#output.change();
  }

  ref(): void {
    this.isReferenced = true;
  }

  unref(): void {
    this.isReferenced = false;
  }

  /** Stops to read what the other end writes, of which it may write so many bytes more. */
  pauseReading(capacity: number): void {
    this.#input.isPaused = true;
    this.#input.capacity = capacity;
  }

  /** Reads again. */
  resumeReading(): void {
    this.#input.isPaused = false;
    this.#input.change();
  }

  /** Breaks the connection at both ends, as when a cable is cut. */
  sever(): void {
    for (const pipe of [this.#input, this.#output]) {
      pipe.error ??= new Deno.errors.ConnectionReset("Connection reset by peer");
      pipe.change();
    }
  }
}

/** The two ends of a connection that is in memory; one read gives `largestRead` bytes at most. */
export function createMemoryPair(largestRead = Infinity): [MemoryEnd, MemoryEnd] {
  const [there, back] = [new Pipe(largestRead), new Pipe(largestRead)];
  return [new MemoryEnd(back, there), new MemoryEnd(there, back)];
}

/** A stream that reads what was prepared, chunk by chunk, and then ends or fails. */
export class ScriptedStream implements ByteStream {
  readonly writes: Uint8Array[] = [];
  isClosed = false;
  /** How much room each read offered. */
  readonly rooms: number[] = [];
  readonly #chunks: Uint8Array[];
  readonly #end: Error | undefined;

  constructor(chunks: Uint8Array[], end?: Error) {
    this.#chunks = chunks.filter((chunk) => chunk.length > 0);
    this.#end = end;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    this.rooms.push(buffer.length);
    const chunk = this.#chunks[0];
    if (chunk === undefined) {
      return this.#end === undefined ? Promise.resolve(null) : Promise.reject(this.#end);
    }
    const count = Math.min(chunk.length, buffer.length);
    buffer.set(chunk.subarray(0, count));
    if (count === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(count);
    return Promise.resolve(count);
  }

  write(bytes: Uint8Array): Promise<number> {
    this.writes.push(bytes.slice());
    return Promise.resolve(bytes.length);
  }

  close(): void {
    this.isClosed = true;
  }
}

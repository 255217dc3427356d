import { LineSource } from "./_line_source.ts";
import { type Budget, Collector, type OutputPipe } from "./_output_pipe.ts";
import { type OutputSink, pumpOutput } from "./_output_sink.ts";
import { type TextFormat, TextReader } from "./_text_codec.ts";

const NOTHING = new Uint8Array();

/** One stream that a program prints to, and the four ways to read it. */
export class ProgramOutput {
  readonly #pipe: OutputPipe;
  /** `undefined` when output is bytes. */
  readonly #format: TextFormat | undefined;
  readonly #reader: TextReader;
  #stream: ReadableStream<string | Uint8Array> | undefined;
  #lines: LineSource | undefined;
  #collector: Collector | undefined;
  #text: string | undefined;

  constructor(pipe: OutputPipe, format: TextFormat | undefined) {
    this.#pipe = pipe;
    this.#format = format;
    this.#reader = new TextReader(format ?? { encoding: "utf-8", errors: "strict" });
  }

  /** Whether the end was not that of the pipe. */
  get isCut(): boolean {
    return this.#pipe.isCut;
  }

  /** Whether lines are read from it. */
  get hasLines(): boolean {
    return this.#lines !== undefined;
  }

  /** For users: reads when it is read. */
  get stream(): ReadableStream<string | Uint8Array> {
    return this.#stream ??= new ReadableStream<string | Uint8Array>({
      pull: async (controller) => {
        let chunk: string | Uint8Array | undefined;
        do {
          chunk = await this.#readChunk();
          if (chunk === undefined) controller.close();
          // A piece that has only the first bytes of a character is no text yet.
          else if (chunk.length > 0) controller.enqueue(chunk);
        } while (chunk?.length === 0);
      },
      cancel: () => this.#pipe.cancel(),
    }, { highWaterMark: 0 });
  }

  /** The lines; `undefined` when it is read in another way. */
  lines(): LineSource | undefined {
    if (this.#lines === undefined && !this.#isTaken()) {
      this.#lines = new LineSource(this.#pipe, this.#reader);
    }
    return this.#lines;
  }

  /** Collects all of it, unless it is read in another way. */
  async collect(budget: Budget): Promise<void> {
    if (this.#isTaken()) return;
    this.#collector = new Collector(this.#pipe, budget);
    await this.#collector.done;
  }

  /** Passes all of it on. */
  pump(sink: OutputSink): Promise<void> {
    return pumpOutput(this.#pipe, sink);
  }

  /** All of it, when all was collected; `undefined` when nothing was. */
  get collected(): string | Uint8Array | undefined {
    const bytes = this.#collector?.bytes;
    if (bytes === undefined || this.#format === undefined) return bytes;
    return this.#text ??= this.#reader.decode(bytes, { isLast: true });
  }

  /** What was collected until now. A character that is cut is left out, and one that is none never fails. */
  get partial(): string | Uint8Array | undefined {
    const bytes = this.#collector?.bytes;
    if (bytes === undefined || this.#format === undefined) return bytes;
    const errors = this.#format.errors === "strict" ? "replace" : this.#format.errors;
    return new TextReader({ ...this.#format, errors }).decode(bytes, { isLast: false });
  }

  /** Gives the rest up. */
  async cancel(): Promise<void> {
    await this.#pipe.cancel();
  }

  #isTaken(): boolean {
    return this.#pipe.isTaken || this.#stream?.locked === true;
  }

  async #readChunk(): Promise<string | Uint8Array | undefined> {
    const bytes = await this.#pipe.read();
    if (this.#format === undefined) return bytes?.slice();
    const text = this.#reader.decode(bytes ?? NOTHING, { isLast: bytes === undefined });
    return bytes === undefined && text === "" ? undefined : text;
  }
}

import type { OutputPipe } from "./_output_pipe.ts";
import type { TextReader } from "./_text_codec.ts";

/** Thrown to the one who knows the command and can say more. */
export class LineTooLong {
  /** @param start The beginning of the line. */
  constructor(readonly start: string) {}
}

/** The lines of a pipe. What was read and not taken stays for the next one who asks. */
export class LineSource {
  readonly #pipe: OutputPipe;
  readonly #reader: TextReader;
  #lines: string[] = [];
  #next = 0;
  #rest = "";
  #isEnded = false;
  #filling: Promise<void> | undefined;

  constructor(pipe: OutputPipe, reader: TextReader) {
    this.#pipe = pipe;
    this.#reader = reader;
    pipe.isTaken = true;
  }

  /**
   * The next line, if it is there already.
   *
   * @param maxLength The most characters that it may have.
   * @throws {LineTooLong} When it has more.
   */
  take(maxLength: number): string | undefined {
    const line = this.#lines[this.#next];
    if (line === undefined) {
      if (this.#rest.length > maxLength) throw new LineTooLong(this.#rest.slice(0, maxLength));
      return undefined;
    }
    if (line.length > maxLength) throw new LineTooLong(line.slice(0, maxLength));
    this.#next++;
    return line;
  }

  /** Whether nothing comes any more. */
  get isEnded(): boolean {
    return this.#isEnded && this.#next === this.#lines.length;
  }

  /**
   * Reads on. One who does not want to wait any more may leave: what comes is kept, and so is a failure, after which
   * it could not be told what is missing.
   */
  fill(): Promise<void> {
    if (this.#filling === undefined) {
      this.#filling = this.#fill().then(() => this.#filling = undefined);
      // Nobody may be waiting when it fails.
      this.#filling.catch(() => {});
    }
    return this.#filling;
  }

  async #fill(): Promise<void> {
    const bytes = await this.#pipe.read();
    const isLast = bytes === undefined;
    const text = this.#reader.decode(bytes ?? new Uint8Array(), { isLast });
    const lines = text.split("\n");
    lines[0] = this.#rest + lines[0];
    this.#rest = lines.pop() ?? "";
    if (isLast && this.#rest !== "") {
      lines.push(this.#rest);
      this.#rest = "";
    }
    // Those that were there have been taken: nobody reads on before.
    this.#lines = lines;
    this.#next = 0;
    this.#isEnded = isLast;
  }
}

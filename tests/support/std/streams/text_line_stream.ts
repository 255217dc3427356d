/** Options of {@linkcode TextLineStream}. */
export interface TextLineStreamOptions {
  /** Whether a lone `\r` ends a line too; it does not unless this is `true`. */
  allowCR?: boolean;
}

/** Splits a stream of text into its lines, without their ends. */
export class TextLineStream extends TransformStream<string, string> {
  /** Makes the stream; lines end with `\n` or `\r\n`, and with `\r` where the options say so. */
  constructor(options: TextLineStreamOptions = { allowCR: false }) {
    const splitter = new LineSplitter(options.allowCR ?? false);
    super({
      transform(chunk, controller): void {
        for (const line of splitter.add(chunk)) controller.enqueue(line);
      },
      flush(controller): void {
        const line = splitter.rest();
        if (line !== undefined) controller.enqueue(line);
      },
    });
  }
}

class LineSplitter {
  readonly #allowCR: boolean;
  readonly #lineEnd: RegExp;
  /** The chunks of the unfinished line, joined only when its end arrives. */
  #pending: string[] = [];

  constructor(allowCR: boolean) {
    this.#allowCR = allowCR;
    // Whether a `\r` at the end of the text is a line end of its own shows only in the next chunk.
    this.#lineEnd = allowCR ? /\r?\n|\r(?!$)/ : /\r?\n/;
  }

  /** Takes a chunk and gives the lines it completes. */
  add(chunk: string): string[] {
    if (chunk.length === 0) return [];
    const canCompleteLine = this.#mayHoldLineEnd(chunk) || this.#endsWithCR(this.#pending.at(-1));
    this.#pending.push(chunk);
    if (!canCompleteLine) return [];
    const lines = this.#pending.join("").split(this.#lineEnd);
    const unfinished = lines.pop();
    this.#pending = unfinished ? [unfinished] : [];
    return lines;
  }

  /** The last line, if it has no end. */
  rest(): string | undefined {
    if (this.#pending.length === 0) return undefined;
    const line = this.#pending.join("");
    return this.#endsWithCR(line) ? line.slice(0, -1) : line;
  }

  #mayHoldLineEnd(chunk: string): boolean {
    return chunk.includes("\n") || (this.#allowCR && chunk.includes("\r"));
  }

  /** Whether a text ends with a `\r` that ends a line, or is the half of a line end. */
  #endsWithCR(text: string | undefined): boolean {
    return this.#allowCR && text !== undefined && text.endsWith("\r");
  }
}

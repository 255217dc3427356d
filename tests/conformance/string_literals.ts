/**
 * Finds the strings in a program's text. The runtime lends its own parser to `deno test` only, and
 * `deno task conformance` is to run with nothing but leave to read; a test compares the two.
 *
 * @module
 */

/** One string of a program. */
export interface StringLiteral {
  /**
   * What stands between the quotes, without the backslashes; `${}` where a template has an
   * expression.
   */
  readonly text: string;
  /** Where the first quote stands. */
  readonly index: number;
  /** The code before it, without blanks and comments; no more than its last characters. */
  readonly before: string;
}

const BEFORE_LENGTH = 24;
/** After one of these words a slash begins a regular expression; after another word it divides. */
const WORDS_BEFORE_REGEXP = new Set(
  ["await", "case", "delete", "do", "else", "in", "of", "return", "throw", "typeof", "void"]
    .concat("yield"),
);

/**
 * Finds the strings and templates of a program in the order in which they begin.
 *
 * @param source The program's text.
 * @returns The strings, those in the expressions of templates included.
 */
export function readStrings(source: string): StringLiteral[] {
  return new Reader(source).read();
}

class Reader {
  readonly #source: string;
  readonly #found: StringLiteral[] = [];
  #at = 0;
  #before = "";

  constructor(source: string) {
    this.#source = source;
  }

  read(): StringLiteral[] {
    // What closes too much closes nothing: the rest is read all the same.
    while (this.#at < this.#source.length) this.#readCode();
    return this.#found.toSorted((a, b) => a.index - b.index);
  }

  /** Reads up to the end, or past a brace that was not opened here. */
  #readCode(): void {
    let open = 0;
    while (this.#at < this.#source.length) {
      const char = this.#source[this.#at]!;
      const pair = this.#source.slice(this.#at, this.#at + 2);
      if (pair === "//") this.#skipPast("\n");
      else if (pair === "/*") this.#skipPast("*/");
      else if (char === "/" && this.#regExpMayBegin()) this.#skipRegExp();
      else if (char === '"' || char === "'") this.#readString(char);
      else if (char === "`") this.#readTemplate();
      else {
        this.#at++;
        if (char === "}" && open-- === 0) return;
        if (char === "{") open++;
        if (/\S/.test(char)) this.#note(char);
        else if (/\w$/.test(this.#before)) this.#note(" ");
      }
    }
  }

  #readString(quote: string): void {
    const start = this.#at++;
    let text = "";
    for (; this.#at < this.#source.length; this.#at++) {
      const char = this.#source[this.#at]!;
      // A quote that is not closed is none; the next line is read as if it had been closed.
      if (char === quote || char === "\n") break;
      text += char === "\\" ? this.#source[++this.#at] ?? "" : char;
    }
    this.#at++;
    this.#add(text, start);
  }

  #readTemplate(): void {
    const start = this.#at++;
    const before = this.#before;
    let text = "";
    while (this.#at < this.#source.length && this.#source[this.#at] !== "`") {
      if (this.#source.startsWith("${", this.#at)) {
        this.#at += 2;
        this.#before = "${";
        this.#readCode();
        text += "${}";
      } else {
        if (this.#source[this.#at] === "\\") this.#at++;
        text += this.#source[this.#at++] ?? "";
      }
    }
    this.#at++;
    this.#before = before;
    this.#add(text, start);
  }

  #add(text: string, index: number): void {
    this.#found.push({ text, index, before: this.#before });
    this.#note('"');
  }

  #note(code: string): void {
    this.#before = (this.#before + code).slice(-BEFORE_LENGTH);
  }

  #regExpMayBegin(): boolean {
    const before = this.#before.trimEnd();
    const word = /[\w$]+$/.exec(before)?.[0];
    if (word !== undefined) return WORDS_BEFORE_REGEXP.has(word);
    return !/[)\]}"]$/.test(before);
  }

  #skipRegExp(): void {
    let inClass = false;
    for (this.#at++; this.#at < this.#source.length; this.#at++) {
      const char = this.#source[this.#at];
      if (char === "\n" || (char === "/" && !inClass)) break;
      if (char === "\\") this.#at++;
      else if (char === "[") inClass = true;
      else if (char === "]") inClass = false;
    }
    this.#at++;
    // What follows is as after any other value.
    this.#note(")");
  }

  #skipPast(end: string): void {
    const found = this.#source.indexOf(end, this.#at + 2);
    this.#at = found === -1 ? this.#source.length : found + end.length;
  }
}

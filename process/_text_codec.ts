import type { DecodingErrors } from "./subprocess_options.ts";

const ERRORS: readonly DecodingErrors[] = [
  "strict",
  "replace",
  "ignore",
  "backslashreplace",
  "surrogateescape",
];

/** An encoding, and what to do with what is no text in it; checked. */
export interface TextFormat {
  /** The name in the Encoding Standard. */
  readonly encoding: string;
  readonly errors: DecodingErrors;
}

/**
 * Checks the options for text.
 *
 * @throws {RangeError} When there is no such encoding, or no such way to treat errors.
 */
export function readTextFormat(
  encoding: string = "utf-8",
  errors: DecodingErrors = "strict",
): TextFormat {
  if (!ERRORS.includes(errors)) {
    throw new RangeError(
      `Cannot decode text: "errors" must be one of ${ERRORS.join(", ")}, got "${errors}"`,
    );
  }
  let name: string;
  try {
    name = new TextDecoder(encoding).encoding;
  } catch (error) {
    throw new RangeError(`Cannot decode text: there is no encoding "${encoding}"`, {
      cause: error,
    });
  }
  if (name !== "utf-8" && errors !== "strict" && errors !== "replace") {
    throw new RangeError(
      `Cannot decode text: "errors" can be "${errors}" for utf-8 only, not for ${name}`,
    );
  }
  return { encoding: name, errors };
}

/** Decodes a stream of bytes, with every kind of line end made into `\n`. */
export class TextReader {
  readonly #format: TextFormat;
  readonly #decoder: TextDecoder;
  /** The first bytes of a character whose rest has not come, where our own decoder is used. */
  #tail: Uint8Array = new Uint8Array();
  #endedInReturn = false;

  constructor(format: TextFormat) {
    this.#format = format;
    this.#decoder = new TextDecoder(format.encoding, { fatal: format.errors !== "replace" });
  }

  /**
   * The text of the next bytes.
   *
   * @param bytes The bytes.
   * @param options `isLast`: nothing comes after them.
   * @throws {TypeError} When they are no text in the encoding.
   */
  decode(bytes: Uint8Array, options: { isLast: boolean }): string {
    return this.#convertLineEnds(this.#decode(bytes, options.isLast));
  }

  #decode(bytes: Uint8Array, isLast: boolean): string {
    const { encoding, errors } = this.#format;
    if (errors === "strict" || errors === "replace") {
      try {
        return this.#decoder.decode(bytes, { stream: !isLast });
      } catch (error) {
        throw new TypeError(
          `Cannot decode output: it is not ${encoding}; read bytes, or pass \`errors: "replace"\``,
          { cause: error },
        );
      }
    }
    const all = this.#tail.length === 0 ? bytes : concat(this.#tail, bytes);
    const end = isLast ? all.length : all.length - unfinishedLength(all);
    this.#tail = all.slice(end);
    return decodeUtf8(all.subarray(0, end), errors);
  }

  #convertLineEnds(text: string): string {
    if (text === "") return text;
    // A program that draws its progress with "\r" is seen at once: the line ends with it, and a "\n" that
    // comes first in the next piece belongs to it.
    if (this.#endedInReturn && text.startsWith("\n")) text = text.slice(1);
    this.#endedInReturn = text === "" ? false : text.endsWith("\r");
    return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
  }
}

/**
 * The bytes of a text.
 *
 * @throws {TypeError} When the encoding does not have a character, or is one that can be decoded only.
 */
export function encodeText(text: string, encoding: string): Uint8Array<ArrayBuffer> {
  if (encoding === "utf-8") return new TextEncoder().encode(text);
  if (encoding === "utf-16le" || encoding === "utf-16be") {
    const bytes = new Uint8Array(text.length * 2);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < text.length; i++) {
      view.setUint16(i * 2, text.charCodeAt(i), encoding === "utf-16le");
    }
    return bytes;
  }
  const table = singleByteTable(encoding);
  return Uint8Array.from(text, (character) => {
    const byte = table.get(character);
    if (byte === undefined) {
      throw new TypeError(`Cannot encode the input: ${encoding} has no "${character}"`);
    }
    return byte;
  });
}

/** Which byte stands for a character, for an encoding with one byte for each. */
function singleByteTable(encoding: string): Map<string, number> {
  const decoder = new TextDecoder(encoding);
  const table = new Map<string, number>();
  for (let byte = 0; byte < 256; byte++) {
    const character = decoder.decode(Uint8Array.of(byte));
    if (character !== "\ufffd" && character.length === 1) table.set(character, byte);
  }
  // Those with several bytes for a character have no character for most of the upper half.
  if (decoder.decode(Uint8Array.of(0xe4, 0xf6)).length !== 2) {
    throw new TypeError(
      `Cannot encode the input: text cannot be written as ${encoding}; pass it as bytes`,
    );
  }
  return table;
}

/** Decodes UTF-8 of which some bytes are none. */
function decodeUtf8(bytes: Uint8Array, errors: DecodingErrors): string {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let text = "";
  let start = 0;
  for (let i = 0; i < bytes.length;) {
    const length = characterLength(bytes, i);
    if (length > 0) {
      i += length;
      continue;
    }
    text += decoder.decode(bytes.subarray(start, i)) + escapeByte(bytes[i] ?? 0, errors);
    start = ++i;
  }
  return text + decoder.decode(bytes.subarray(start));
}

function escapeByte(byte: number, errors: DecodingErrors): string {
  if (errors === "ignore") return "";
  if (errors === "surrogateescape") return String.fromCharCode(0xdc00 + byte);
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

/** How many bytes the character that begins here has; 0 when none does. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const length = lengthByFirst(first);
  for (let i = 1; i < length; i++) {
    if (!mayFollow(first, i, bytes[at + i])) return 0;
  }
  return length;
}

/** How many bytes at the end are the beginning of a character whose rest may come. */
function unfinishedLength(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const at = bytes.length - back;
    const first = bytes[at] ?? 0;
    if ((first & 0xc0) === 0x80) continue;
    if (lengthByFirst(first) <= back) return 0;
    for (let i = 1; i < back; i++) {
      if (!mayFollow(first, i, bytes[at + i])) return 0;
    }
    return back;
  }
  return 0;
}

function lengthByFirst(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/** Neither too long a form, nor a surrogate, nor more than U+10FFFF. */
function mayFollow(first: number, index: number, byte: number | undefined): boolean {
  if (byte === undefined) return false;
  let [low, high] = [0x80, 0xbf];
  if (index === 1) {
    if (first === 0xe0) low = 0xa0;
    if (first === 0xed) high = 0x9f;
    if (first === 0xf0) low = 0x90;
    if (first === 0xf4) high = 0x8f;
  }
  return byte >= low && byte <= high;
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

import { checkKey } from "../../ipc/_dict_home.ts";
import { ProtocolError } from "../../ipc/errors.ts";
import type { SharedDictKey } from "../../ipc/shared_dict.ts";

/**
 * Keys of buckets are made of `A-Z a-z 0-9 - _ / = .` only. A text of `A-Z a-z 0-9 - _ /`, with single dots between
 * others, is written as it is. Another text is written with `=` and two hexadecimal digits, `A` to `F` in capitals, for
 * each byte of UTF-8 that is none of `A-Z a-z 0-9 - _ /`; the empty text is `=e`. What is no text begins with `=` and a
 * small letter: `=n` a number, `=i` a bigint, `=t` and `=f` the truth values, `=z` null.
 */

/** Longer ones do not fit into the line in which the engine is told of them, with all that is beside them. */
const LONGEST_KEY = 1_024;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Writes a key.
 *
 * @param what What it is a key of, for the texts of errors.
 * @throws {TypeError} When it is of another kind.
 * @throws {RangeError} When it is too long.
 */
export function encodeKey(key: SharedDictKey, what: string): string {
  const encoded = encodeAny(checkKey(key, what), what);
  if (encoded.length <= LONGEST_KEY) return encoded;
  throw new RangeError(
    `Cannot use a key of ${what}: it takes ${encoded.length} bytes, the engine accepts ${LONGEST_KEY}`,
  );
}

/**
 * Reads a key.
 *
 * @throws {ProtocolError} When it was not written as above.
 */
export function decodeKey(encoded: string): SharedDictKey {
  const [mark, rest] = [encoded.slice(0, 2), encoded.slice(2)];
  switch (mark) {
    case "=e":
      return "";
    case "=t":
      return true;
    case "=f":
      return false;
    case "=z":
      return null;
    case "=n":
      return Number(decodeText(rest));
    case "=i":
      return BigInt(decodeText(rest));
  }
  return decodeText(encoded);
}

function encodeAny(key: SharedDictKey, what: string): string {
  if (typeof key === "string") return key === "" ? "=e" : encodeText(key, what);
  if (typeof key === "number") return `=n${encodeText(String(key), what)}`;
  if (typeof key === "bigint") return `=i${key}`;
  if (key === null) return "=z";
  return key ? "=t" : "=f";
}

function encodeText(text: string, what: string): string {
  if (/^[-\w/]+(\.[-\w/]+)*$/.test(text)) return text;
  if (!text.isWellFormed()) {
    throw new TypeError(`Cannot use a key of ${what}: it has a half of a character`);
  }
  let encoded = "";
  for (const byte of encoder.encode(text)) {
    const character = String.fromCharCode(byte);
    encoded += /[-\w/]/.test(character)
      ? character
      : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

function decodeText(encoded: string): string {
  if (!/^([-\w/.]|=[0-9A-F]{2})*$/.test(encoded)) {
    throw new ProtocolError(`Cannot read the key "${encoded}": it was written in another way`);
  }
  if (!encoded.includes("=")) return encoded;
  const bytes = encoded.replace(
    /=(..)/g,
    (_all, digits: string) => String.fromCharCode(parseInt(digits, 16)),
  );
  return decoder.decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
}

/**
 * Text in pickles: UTF-8 in which single surrogates are allowed, as Python writes it, and the texts of
 * protocol 0. What is not well formed throws {@linkcode MalformedText}.
 */

/** Why a text is not what its opcode says. It never leaves the reader, which makes an error of it. */
export class MalformedText {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** Longer texts are not kept. */
const LONGEST_KEPT = 32;

/** Decimal digits cost more than linear time: Python itself reads no more of them. */
const MOST_DIGITS = 4300;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Short texts that were read before, by their bytes: names of methods and keys come again and again, and
 * looking them up is several times faster than decoding them.
 */
const kept: string[] = new Array(1024).fill("");

/** Reads UTF-8 in which single surrogates are allowed. */
export function readUtf8(bytes: Uint8Array, from: number, to: number): string {
  const length = to - from;
  if (length > LONGEST_KEPT) return decode(bytes, from, to);
  if (length === 0) return "";
  let hash = length;
  let high = 0;
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    high |= byte;
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  if (high >= 0x80) return decode(bytes, from, to);
  hash = (hash ^ (hash >>> 15)) & 1023;
  const known = kept[hash]!;
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === bytes[from + i]) i++;
    if (i === length) return known;
  }
  const text = readLatin1(bytes, from, to);
  kept[hash] = text;
  return text;
}

/** Reads one character a byte. */
export function readLatin1(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at += 4096) {
    const piece = bytes.subarray(at, Math.min(at + 4096, to));
    text += String.fromCharCode.apply(null, piece as unknown as number[]);
  }
  return text;
}

/** Reads one byte a character; `undefined` when a character does not fit. */
export function latin1Bytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) return undefined;
    bytes[i] = code;
  }
  return bytes;
}

function decode(bytes: Uint8Array, from: number, to: number): string {
  const piece = bytes.subarray(from, to);
  try {
    return strict.decode(piece);
  } catch {
    return decodeWithSurrogates(piece);
  }
}

/** Surrogates are three bytes, `ED A0…BF xx`, which no decoder of the platform reads. */
function decodeWithSurrogates(bytes: Uint8Array): string {
  const parts: string[] = [];
  let from = 0;
  for (let at = bytes.indexOf(0xed); at !== -1; at = bytes.indexOf(0xed, at + 1)) {
    const second = bytes[at + 1] ?? 0;
    const third = bytes[at + 2] ?? 0;
    if (second < 0xa0) continue;
    if (second > 0xbf || third < 0x80 || third > 0xbf) break;
    parts.push(decodeStrictly(bytes.subarray(from, at)));
    parts.push(String.fromCharCode(0xd000 | (second & 0x3f) << 6 | third & 0x3f));
    from = at + 3;
  }
  parts.push(decodeStrictly(bytes.subarray(from)));
  return parts.join("");
}

function decodeStrictly(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    throw new MalformedText("a text is not UTF-8");
  }
}

/** Reads a decimal integer; `""` and what is no number are refused. */
export function readDecimal(text: string): number | bigint {
  const digits = text.trim();
  if (!/^[+-]?\d+$/.test(digits)) throw new MalformedText("an integer is not decimal");
  if (digits.length > MOST_DIGITS) {
    throw new MalformedText(`an integer has more than ${MOST_DIGITS} digits`);
  }
  const number = Number(digits);
  // Not -0, which Python's integers do not have.
  if (Number.isSafeInteger(number)) return number + 0;
  return BigInt(digits.startsWith("+") ? digits.slice(1) : digits);
}

/** Reads a decimal float. */
export function readFloat(text: string): number {
  const digits = text.trim().toLowerCase();
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(digits)) return Number(digits);
  if (/^[+-]?nan$/.test(digits)) return NaN;
  const infinite = /^([+-]?)inf(inity)?$/.exec(digits);
  if (infinite !== null) return infinite[1] === "-" ? -Infinity : Infinity;
  throw new MalformedText("a float is not decimal");
}

/** Undoes `\uXXXX` and `\UXXXXXXXX`: Python's raw-unicode-escape. */
export function readRawUnicode(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/(\\+)(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[uU])?/g, (whole, slashes, escape) => {
    // An even number of backslashes stands for itself, and so does what follows.
    if (escape === undefined || slashes.length % 2 === 0) return whole;
    const code = escape.length === 1 ? Infinity : Number.parseInt(escape.slice(1), 16);
    if (code > 0x10ffff) throw new MalformedText("a text has a broken escape");
    return slashes.slice(1) + String.fromCodePoint(code);
  });
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\n": "",
};

/** Reads a quoted string of Python 2. */
export function readQuoted(line: string): string {
  const text = line.trim();
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || text.at(-1) !== quote) {
    throw new MalformedText("a string is not in quotes");
  }
  const inner = text.slice(1, -1).replace(
    /\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|[^])?/g,
    (whole, escape: string | undefined) => {
      if (escape === undefined) throw new MalformedText("a string ends in a backslash");
      if (/^x./.test(escape)) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
      if (/^[0-7]/.test(escape)) return String.fromCharCode(Number.parseInt(escape, 8) & 0xff);
      return SIMPLE_ESCAPES[escape] ?? whole;
    },
  );
  return checkAscii(inner);
}

/** Python reads strings of Python 2 as ASCII. */
export function checkAscii(text: string): string {
  // deno-lint-ignore no-control-regex -- ASCII begins with controls
  if (!/^[\x00-\x7f]*$/.test(text)) throw new MalformedText("a string of Python 2 is not ASCII");
  return text;
}

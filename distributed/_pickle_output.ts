import * as op from "./_pickle_opcodes.ts";
import type { PyGlobal } from "./python_types.ts";

/** Small messages share a buffer of this size: to allocate one for each costs more than to write it. */
const SHARED_BYTES = 16_384;

/** A shared buffer with less room is not begun in. */
const LEAST_ROOM = 512;

/** Longer texts are encoded by the platform, which has a price for each call. */
const LONGEST_BY_HAND = 64;

/** Longer texts are encoded on their own: room for the worst case would be three times their length. */
const LONGEST_IN_PLACE = 65_536;

/** So many dictionaries are written before their keys are put in the memo. */
const DICTS_WITHOUT_MEMO = 4;

/** So many objects are looked for one by one, before a map of them is made. */
const FEW_OBJECTS = 12;

const HEADER_BYTES = 11;

/** A frame is written around no less than this, as Python does it. */
const LEAST_FRAME = 4;

const encoder = new TextEncoder();
const floatBytes = new Uint8Array(8);
const float = new Float64Array(floatBytes.buffer);

/** Where a message is written: the bytes and the memo. */
export class PickleOutput {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(SHARED_BYTES);
  /** Where the message begins. */
  #start = 0;
  #at = 0;

  #memoSize = 0;
  /** The first objects of the memo. */
  readonly #few: object[] = [];
  readonly #fewPlaces: number[] = [];
  /** All objects of the memo, when there are many. */
  #many: Map<object, number> | undefined;
  /** Keys and names of the memo. */
  #texts: Map<string, number> | undefined;
  #dicts = 0;

  /** Begins a message. */
  begin(): void {
    if (this.#bytes.length - this.#start < LEAST_ROOM) {
      this.#bytes = new Uint8Array(SHARED_BYTES);
      this.#start = 0;
    }
    this.#at = this.#start + HEADER_BYTES;
  }

  /** Ends it. */
  end(): Uint8Array<ArrayBuffer> {
    this.byte(op.STOP);
    const bytes = this.#bytes;
    const start = this.#start;
    bytes[start] = op.PROTO;
    bytes[start + 1] = 4;
    let end = this.#at;
    const length = end - start - HEADER_BYTES;
    if (length < LEAST_FRAME) {
      bytes.copyWithin(start + 2, start + HEADER_BYTES, end);
      end -= HEADER_BYTES - 2;
    } else {
      bytes[start + 2] = op.FRAME;
      let rest = length;
      for (let i = 3; i < HEADER_BYTES; i++) {
        bytes[start + i] = rest % 256;
        rest = Math.floor(rest / 256);
      }
    }
    const message = bytes.subarray(start, end);
    this.#start = end;
    this.#forget();
    return message;
  }

  /** Gives up a message. */
  abandon(): void {
    this.#forget();
  }

  /** Nothing of this message is held until the next one. */
  #forget(): void {
    // A large one has the buffer for itself.
    if (this.#bytes.length > SHARED_BYTES) {
      this.#bytes = new Uint8Array(SHARED_BYTES);
      this.#start = 0;
    }
    this.#few.length = this.#fewPlaces.length = 0;
    this.#many = this.#texts = undefined;
    this.#memoSize = this.#dicts = 0;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes > this.#bytes.length) this.#grow(bytes);
  }

  #grow(bytes: number): void {
    const written = this.#at - this.#start;
    // Not a full shared buffer again, for which other messages have left no room.
    const larger = new Uint8Array(Math.max(2 * (written + bytes), SHARED_BYTES + 1));
    larger.set(this.#bytes.subarray(this.#start, this.#at));
    this.#bytes = larger;
    this.#start = 0;
    this.#at = written;
  }

  byte(value: number): void {
    if (this.#at === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#at++] = value;
  }

  /** A safe integer. */
  integer(value: number): void {
    this.#reserve(10);
    const bytes = this.#bytes;
    let at = this.#at;
    if (value >= 0 && value <= 0xffff) {
      if (value <= 0xff) {
        bytes[at++] = op.BININT1;
        bytes[at++] = value;
      } else {
        bytes[at++] = op.BININT2;
        bytes[at++] = value;
        bytes[at++] = value >> 8;
      }
    } else if ((value | 0) === value) {
      bytes[at++] = op.BININT;
      for (let i = 0; i < 32; i += 8) bytes[at++] = value >> i;
    } else {
      bytes[at++] = op.LONG1;
      const lengthAt = at++;
      let rest = value;
      let last: number;
      do {
        // The lowest bits of a number of any size, also of a negative one.
        last = rest & 0xff;
        bytes[at++] = last;
        rest = Math.floor(rest / 256);
      } while (last < 0x80 ? rest !== 0 : rest !== -1);
      bytes[lengthAt] = at - lengthAt - 1;
    }
    this.#at = at;
  }

  bigint(value: bigint): void {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return this.integer(number);
    // Without the sign, which takes one bit more.
    const digits = (value < 0n ? ~value : value).toString(16);
    const bits = digits.length * 4 - (Math.clz32(Number.parseInt(digits[0]!, 16)) - 28);
    const length = Math.floor(bits / 8) + 1;
    const all = BigInt.asUintN(8 * length, value).toString(16).padStart(2 * length, "0");
    this.#reserve(5 + length);
    if (length <= 0xff) {
      this.#bytes[this.#at++] = op.LONG1;
      this.#bytes[this.#at++] = length;
    } else {
      this.#bytes[this.#at++] = op.LONG4;
      this.#uint32(length);
    }
    for (let i = 2 * length - 2; i >= 0; i -= 2) {
      this.#bytes[this.#at++] = Number.parseInt(all.slice(i, i + 2), 16);
    }
  }

  float(value: number): void {
    this.#reserve(9);
    this.#bytes[this.#at++] = op.BINFLOAT;
    float[0] = value;
    for (let i = 7; i >= 0; i--) this.#bytes[this.#at++] = floatBytes[i]!;
  }

  text(text: string): void {
    const { length } = text;
    if (length <= LONGEST_BY_HAND) {
      this.#reserve(2 + length);
      const bytes = this.#bytes;
      let at = this.#at + 2;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code >= 0x80) break;
        bytes[at++] = code;
      }
      if (i === length) {
        bytes[this.#at] = op.SHORT_BINUNICODE;
        bytes[this.#at + 1] = length;
        this.#at = at;
        return;
      }
    }
    this.#longText(text);
  }

  #longText(text: string): void {
    const wellFormed = text.isWellFormed();
    if (wellFormed && text.length <= LONGEST_IN_PLACE) {
      this.#reserve(5 + 3 * text.length);
      const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.#at + 5));
      const at = this.#at;
      if (written > 0xff) {
        this.#at = at + 1;
        this.#bytes[at] = op.BINUNICODE;
        this.#uint32(written);
        this.#at += written;
      } else {
        this.#bytes[at] = op.SHORT_BINUNICODE;
        this.#bytes[at + 1] = written;
        this.#bytes.copyWithin(at + 2, at + 5, at + 5 + written);
        this.#at = at + 2 + written;
      }
      return;
    }
    const encoded = wellFormed ? encoder.encode(text) : encodeWithSurrogates(text);
    this.#block(encoded, op.SHORT_BINUNICODE, op.BINUNICODE, op.BINUNICODE8);
  }

  bytes(value: Uint8Array): void {
    this.#block(value, op.SHORT_BINBYTES, op.BINBYTES, op.BINBYTES8);
  }

  /** Bytes behind their length. */
  #block(block: Uint8Array, short: number, middle: number, long: number): void {
    const { length } = block;
    this.#reserve(9 + length);
    if (length <= 0xff) {
      this.#bytes[this.#at++] = short;
      this.#bytes[this.#at++] = length;
    } else if (length <= 0xffff_ffff) {
      this.#bytes[this.#at++] = middle;
      this.#uint32(length);
    } else {
      this.#bytes[this.#at++] = long;
      this.#uint32(length % 2 ** 32);
      this.#uint32(Math.floor(length / 2 ** 32));
    }
    this.#bytes.set(block, this.#at);
    this.#at += length;
  }

  #uint32(value: number): void {
    for (let i = 0; i < 32; i += 8) this.#bytes[this.#at++] = value >>> i;
  }

  /** Counts a dictionary whose keys are written next. */
  countDict(): void {
    this.#dicts++;
  }

  /** A key. Those of many dictionaries are mostly the same ones. */
  key(key: string): void {
    if (this.#dicts <= DICTS_WITHOUT_MEMO) return this.text(key);
    const texts = this.#texts ??= new Map();
    const place = texts.get(key);
    if (place !== undefined) return this.#recall(place);
    this.text(key);
    this.byte(op.MEMOIZE);
    texts.set(key, this.#memoSize++);
  }

  global({ module, name }: PyGlobal): void {
    const texts = this.#texts ??= new Map();
    // No key has two of these.
    const full = `\0${module}\0${name}`;
    const place = texts.get(full);
    if (place !== undefined) return this.#recall(place);
    this.text(module);
    this.text(name);
    this.byte(op.STACK_GLOBAL);
    this.byte(op.MEMOIZE);
    texts.set(full, this.#memoSize++);
  }

  /** Puts what was written last in the memo. */
  memoize(object: object): void {
    this.byte(op.MEMOIZE);
    const place = this.#memoSize++;
    if (this.#many !== undefined) {
      this.#many.set(object, place);
      return;
    }
    this.#few.push(object);
    this.#fewPlaces.push(place);
    if (this.#few.length > FEW_OBJECTS) {
      this.#many = new Map(this.#few.map((known, i) => [known, this.#fewPlaces[i]!]));
    }
  }

  /** Where an object is in the memo. */
  place(object: object): number | undefined {
    if (this.#many !== undefined) return this.#many.get(object);
    const few = this.#few;
    for (let i = 0; i < few.length; i++) if (few[i] === object) return this.#fewPlaces[i];
    return undefined;
  }

  /** Writes an object again, if it was written before. */
  get(object: object): boolean {
    const place = this.place(object);
    if (place === undefined) return false;
    this.#recall(place);
    return true;
  }

  #recall(place: number): void {
    this.#reserve(5);
    if (place <= 0xff) {
      this.#bytes[this.#at++] = op.BINGET;
      this.#bytes[this.#at++] = place;
    } else {
      this.#bytes[this.#at++] = op.LONG_BINGET;
      this.#uint32(place);
    }
  }
}

/** UTF-8 in which single surrogates are written as three bytes, as Python does it. */
function encodeWithSurrogates(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(3 * text.length);
  let at = 0;
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (code >= 0xd800 && code <= 0xdfff) {
      bytes[at++] = 0xe0 | code >> 12;
      bytes[at++] = 0x80 | code >> 6 & 0x3f;
      bytes[at++] = 0x80 | code & 0x3f;
    } else {
      at += encoder.encodeInto(char, bytes.subarray(at)).written;
    }
  }
  return bytes.subarray(0, at);
}

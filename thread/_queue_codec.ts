/**
 * The items of a queue as bytes, which every thread can read at once, also one that is blocked.
 */

import type * as v8 from "node:v8";
import { encodePlain } from "../ipc/_encoding.ts";
import { readClone, writeClone } from "./_runtime_clone.ts";
import { packShared, unpackShared } from "./_shared.ts";

const UNDEFINED = 0;
const NULL = 1;
const FALSE = 2;
const TRUE = 3;
/** Its bytes are not in `bytes`, but are those of `number`. */
export const NUMBER = 4;
const TEXT = 5;
const JSON_TEXT = 6;
const BYTES = 7;
const CLONE = 8;
/** A clone that holds shared memory. It can be read once, and has to be. */
const SHARED = 9;

/** An item as bytes. */
export interface EncodedItem {
  readonly tag: number;
  /** For a number. */
  readonly number: number;
  /** For what is not said by the tag. They are good until the next item is encoded. */
  readonly bytes: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);
const BYTES_OF_NUMBER = new Uint8Array(8);
const [UNDEFINED_ITEM, NULL_ITEM, FALSE_ITEM, TRUE_ITEM] = [UNDEFINED, NULL, FALSE, TRUE].map(
  (tag): EncodedItem => ({ tag, number: 0, bytes: NO_BYTES }),
);

/** The most bytes of UTF-8 for one unit of a string. */
const MOST_BYTES_A_UNIT = 3;
/** Up to here one byte after the other is faster than a call into the runtime. */
const SHORT = 24;
const scratch = new Uint8Array(4096);
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Encodes an item: plain data as what it is or as JSON, everything else as a structured clone.
 *
 * @throws {TypeError} When it cannot be cloned.
 */
export function encodeItem(item: unknown): EncodedItem {
  switch (typeof item) {
    case "number":
      return { tag: NUMBER, number: item, bytes: BYTES_OF_NUMBER };
    case "string":
      // UTF-8 has no halves of a pair; JSON writes them as escapes.
      return item.isWellFormed()
        ? encodeText(TEXT, item)
        : encodeText(JSON_TEXT, JSON.stringify(item));
    case "boolean":
      return item ? TRUE_ITEM! : FALSE_ITEM!;
    case "undefined":
      return UNDEFINED_ITEM!;
    case "object":
      return item === null ? NULL_ITEM! : encodeObject(item);
    default:
      return encodeClone(item);
  }
}

/** Decodes an item. */
export function decodeItem({ tag, number, bytes }: EncodedItem): unknown {
  switch (tag) {
    case NUMBER:
      return number;
    case TEXT:
      return decodeText(bytes);
    case FALSE:
    case TRUE:
      return tag === TRUE;
    case NULL:
      return null;
    case JSON_TEXT:
      return JSON.parse(decodeText(bytes));
    case BYTES:
      return bytes;
    case CLONE:
      return readPlainClone(bytes);
    case SHARED:
      return unpackShared(readClone(bytes));
    default:
      return undefined;
  }
}

/** Gives up what an item keeps that nobody will get. */
export function dropItem({ tag, bytes }: EncodedItem): void {
  if (tag === SHARED) readClone(bytes);
}

function encodeObject(item: object): EncodedItem {
  if (item instanceof Uint8Array && item.constructor === Uint8Array) {
    if (item.buffer instanceof ArrayBuffer) return { tag: BYTES, number: 0, bytes: item };
  }
  const plain = encodePlain(item);
  return plain === undefined ? encodeClone(item) : encodeText(JSON_TEXT, plain.payload as string);
}

function encodeText(tag: number, text: string): EncodedItem {
  const { length } = text;
  if (length <= SHORT) {
    let at = 0;
    for (; at < length; at++) {
      const code = text.charCodeAt(at);
      if (code > 0x7f) break;
      scratch[at] = code;
    }
    if (at === length) return { tag, number: 0, bytes: scratch.subarray(0, length) };
  }
  if (length * MOST_BYTES_A_UNIT > scratch.length) {
    return { tag, number: 0, bytes: encoder.encode(text) };
  }
  const { written } = encoder.encodeInto(text, scratch);
  return { tag, number: 0, bytes: scratch.subarray(0, written) };
}

function decodeText(bytes: Uint8Array): string {
  if (bytes.length > SHORT) return decoder.decode(bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at++) {
    const code = bytes[at]!;
    if (code > 0x7f) return decoder.decode(bytes);
    text += String.fromCharCode(code);
  }
  return text;
}

function encodeClone(item: unknown): EncodedItem {
  const packed = packShared(item);
  if (packed === item) {
    try {
      return { tag: CLONE, number: 0, bytes: writePlainClone(item) };
    } catch {
      // Perhaps it holds shared memory, which only the other way carries.
    }
  }
  try {
    return { tag: SHARED, number: 0, bytes: writeClone(packed) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TypeError(`Cannot put into queue: the item cannot be cloned (${reason})`, {
      cause: error,
    });
  }
}

// Not `v8.serialize()`: it copies what a view shows of shared memory, and this refuses it.
function writePlainClone(item: unknown): Uint8Array {
  const { Serializer } = serializer();
  const clone = new Serializer();
  clone.writeHeader();
  clone.writeValue(item);
  return clone.releaseBuffer();
}

function readPlainClone(bytes: Uint8Array): unknown {
  const { Deserializer } = serializer();
  const clone = new Deserializer(bytes);
  clone.readHeader();
  return clone.readValue();
}

let loadedSerializer: typeof v8 | undefined;

/** Loads `node:v8` when it is first needed: most queues carry plain data. */
function serializer(): typeof v8 {
  return loadedSerializer ??= (globalThis as unknown as {
    process: { getBuiltinModule(name: "node:v8"): typeof v8 };
  }).process.getBuiltinModule("node:v8");
}

import type v8 from "node:v8";
import { inReferenceScope, type ReferenceScope } from "./_reference.ts";
import { fromWire, isPortable, toWire, type WireForm } from "./_portable.ts";

/**
 * How a value becomes bytes. Raw bytes stay as they are; plain data is JSON, when a fast check proves
 * that JSON gives back the same value; the rest is what V8 writes for a structured clone. Objects that
 * cross as a reference are taken out first and put in again on the other side.
 */

/** Which of the encodings a payload has: a number of four bits on the wire. */
export const Encoding = {
  /** No payload: `undefined`. */
  NOTHING: 0,
  /** UTF-8 JSON text. */
  JSON: 1,
  /** V8's serializer. */
  V8: 2,
  /** The bytes of a `Uint8Array`. */
  BYTES: 3,
  /** References beside a value: `[length of JSON as uint32][JSON of the references][encoding][value]`. */
  REFERENCES: 4,
} as const;

/** An encoded value. */
export interface Encoded {
  readonly encoding: number;
  readonly payload: Uint8Array | string;
}

/** Deeper data is left to V8, which notices a circle. */
const DEEPEST_PLAIN = 64;

/** More nodes are left to V8, which writes an object that is met twice only once. */
const MOST_PLAIN_NODES = 1_000_000;

const NOTHING: Encoded = { encoding: Encoding.NOTHING, payload: "" };
const decoder = new TextDecoder();

/**
 * Encodes a value.
 *
 * @param scope The connection on which references cross; without it they cross as in the family.
 * @throws {TypeError} When it holds something that cannot be carried; the text names the path to it.
 */
export function encode(value: unknown, scope?: ReferenceScope): Encoded {
  if (value === undefined) return NOTHING;
  if (value instanceof Uint8Array && value.constructor === Uint8Array) {
    return { encoding: Encoding.BYTES, payload: value };
  }
  const plain = encodePlain(value);
  if (plain !== undefined) return plain;
  const references: Reference[] = [];
  const rest = inReferenceScope(
    scope,
    () => takeReferences(value, [], references, new Set(), new Set()),
  );
  return references.length === 0 ? clone(value) : withReferences(rest, references);
}

/** What crosses in place of the objects of a value that cross as references, and of those within them. */
export function referencesIn(value: unknown): WireForm[] {
  const references: Reference[] = [];
  takeReferences(value, [], references, new Set(), new Set());
  return references.flatMap(({ wire }) => withInner(wire));
}

/** What crosses in place of the references of an encoded value. */
export function referencesOf({ encoding, payload }: Encoded): WireForm[] {
  if (encoding !== Encoding.REFERENCES) return [];
  return readReferences(payload as Uint8Array).references.map(({ wire }) => wire);
}

function withInner(wire: WireForm): WireForm[] {
  const { within } = (wire.data ?? {}) as { within?: readonly WireForm[] };
  return [wire, ...(within ?? []).flatMap(withInner)];
}

/**
 * Decodes a value.
 *
 * @param scope The connection on which it has come; without it, it is taken for one of the family's.
 * @throws {TypeError | SyntaxError | Error} When the payload is not what its encoding says.
 */
export function decode(
  encoding: number,
  payload: Uint8Array<ArrayBuffer>,
  scope?: ReferenceScope,
): unknown {
  switch (encoding) {
    case Encoding.NOTHING:
      return undefined;
    case Encoding.JSON:
      return JSON.parse(decoder.decode(payload));
    case Encoding.V8:
      // A copy: typed arrays come out as views of what they are read from, which is used again.
      return serializer().deserialize(payload.slice());
    case Encoding.BYTES:
      return payload.slice();
    case Encoding.REFERENCES:
      return inReferenceScope(scope, () => decodeReferences(payload));
    default:
      throw new TypeError(`Cannot decode a value: encoding ${encoding} is not known`);
  }
}

let nodesLeft = 0;

/** Encodes plain data; `undefined` when JSON would not give back the same value. */
export function encodePlain(value: unknown): Encoded | undefined {
  nodesLeft = MOST_PLAIN_NODES;
  if (!isPlain(value, 0)) return undefined;
  return { encoding: Encoding.JSON, payload: JSON.stringify(value) };
}

/** Whether JSON gives back the same value. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      // JSON has no NaN and no infinity, and makes 0 of -0.
      return Number.isFinite(value) && (value !== 0 || 1 / value > 0);
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth > DEEPEST_PLAIN || --nodesLeft < 0) return false;
  // JSON would call it, also when it is not enumerable and so not met below.
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return false;
  if (Array.isArray(value)) {
    // A hole reads as undefined, which is not plain.
    for (let i = 0; i < value.length; i++) if (!isPlain(value[i], depth + 1)) return false;
    // Properties beside the elements, as a match of a regular expression has them.
    return Object.keys(value).length === value.length && value.constructor === Array;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) {
    if (!isPlain((value as Record<string, unknown>)[key], depth + 1)) return false;
  }
  return true;
}

function clone(value: unknown): Encoded {
  checkCarriable(value, [], new Set());
  return { encoding: Encoding.V8, payload: serializer().serialize(value) };
}

let loadedSerializer: typeof v8 | undefined;

/** Loads `node:v8` when it is first needed: as an import it would cost every child process 6 ms. */
function serializer(): typeof v8 {
  return loadedSerializer ??= (globalThis as unknown as {
    process: { getBuiltinModule(name: "node:v8"): typeof v8 };
  }).process.getBuiltinModule("node:v8");
}

// Objects that cross as a reference

type Path = (string | number)[];

interface Reference {
  readonly path: Path;
  readonly wire: WireForm;
}

/**
 * Copies arrays and plain objects that lead to a reference, with `null` in its place.
 *
 * @param above The objects on the way to this one.
 * @param without Objects that are known to lead to none: what is met twice is looked through once.
 */
function takeReferences(
  value: unknown,
  path: Path,
  found: Reference[],
  above: Set<object>,
  without: Set<object>,
): unknown {
  if (typeof value !== "object" || value === null || without.has(value)) return value;
  const wire = toWire(value);
  if (wire !== undefined) {
    found.push({ path: [...path], wire });
    return null;
  }
  const isArray = Array.isArray(value);
  if (!isArray && Object.getPrototypeOf(value) !== Object.prototype) return value;
  // A circle: V8 carries it, without references inside.
  if (above.has(value)) return value;
  above.add(value);
  const before = found.length;
  let copy: Record<string | number, unknown> | undefined;
  for (const key of Object.keys(value)) {
    const at = isArray ? Number(key) : key;
    // A property beside the elements of an array: V8 carries it, without references inside.
    if (Number.isNaN(at)) continue;
    const inner = (value as Record<string, unknown>)[key];
    path.push(at);
    const rest = takeReferences(inner, path, found, above, without);
    path.pop();
    if (rest === inner) continue;
    // Not spread: that would fill the holes of an array. Its slice has no properties beside the elements.
    copy ??= (isArray ? Object.assign(value.slice(), value) : { ...value }) as Record<
      string | number,
      unknown
    >;
    copy[at] = rest;
  }
  above.delete(value);
  if (found.length === before) without.add(value);
  return copy ?? value;
}

function withReferences(value: unknown, references: Reference[]): Encoded {
  const head = new TextEncoder().encode(JSON.stringify(references));
  // Not `encode`: it would look for references again, and find those inside a circle again and again.
  const { encoding, payload } = encodePlain(value) ?? clone(value);
  const body = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const bytes = new Uint8Array(4 + head.length + 1 + body.length);
  new DataView(bytes.buffer).setUint32(0, head.length);
  bytes.set(head, 4);
  bytes[4 + head.length] = encoding;
  bytes.set(body, 5 + head.length);
  return { encoding: Encoding.REFERENCES, payload: bytes };
}

function readReferences(payload: Uint8Array): { references: Reference[]; length: number } {
  const length = new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(0);
  return { references: JSON.parse(decoder.decode(payload.subarray(4, 4 + length))), length };
}

function decodeReferences(payload: Uint8Array<ArrayBuffer>): unknown {
  const { references, length } = readReferences(payload);
  const encoding = payload[4 + length];
  if (encoding === undefined || encoding === Encoding.REFERENCES) {
    throw new TypeError("Cannot decode a value: its references are not well formed");
  }
  // A holder, so that the value itself may be a reference as well.
  const holder = { value: decode(encoding, payload.subarray(5 + length)) };
  for (const { path, wire } of references) {
    let at: Record<string | number, unknown> = holder;
    let key: string | number = "value";
    for (const step of path) {
      at = at[key] as Record<string | number, unknown>;
      if (typeof at !== "object" || at === null || !Object.hasOwn(at, step)) {
        throw new TypeError("Cannot decode a value: a reference has no place in it");
      }
      key = step;
    }
    at[key] = fromWire(wire);
  }
  return holder.value;
}

// What cannot be carried

/** Classes of the platform that a structured clone keeps. */
const CLONED: ReadonlySet<unknown> = new Set([
  Object,
  Array,
  Map,
  Set,
  Date,
  RegExp,
  ArrayBuffer,
  DataView,
  Boolean,
  Number,
  String,
  BigInt,
  ...[Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError],
]);

/**
 * Looks for what V8 would refuse, or would silently make an empty object of, and names the way to it.
 *
 * An object of a class of the user's is carried as a plain object, as `structuredClone` does; one of a
 * class of the platform that a structured clone does not know (`URL`, `Promise`, a socket…) is refused.
 */
function checkCarriable(value: unknown, path: Path, seen: Set<object>): void {
  if (typeof value === "function" || typeof value === "symbol") {
    throw uncarriable(typeof value === "function" ? describeFunction(value) : "a symbol", path);
  }
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (isPortable(value)) {
    throw uncarriable("a reference inside a circle, a map, a set or an object of a class", path);
  }
  const { constructor } = value;
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) return;
    throw uncarriable("shared memory", path);
  }
  if (
    typeof constructor === "function" && !CLONED.has(constructor) &&
    (globalThis as Record<string, unknown>)[constructor.name] === constructor
  ) {
    throw uncarriable(`an object of class ${constructor.name}`, path);
  }
  if (value instanceof Map) {
    for (const [key, entry] of value) {
      checkCarriable(key, [...path, "(key)"], seen);
      const step = typeof key === "object" && key !== null ? "(entry)" : String(key);
      checkCarriable(entry, [...path, step], seen);
    }
  } else if (value instanceof Set) {
    for (const entry of value) checkCarriable(entry, [...path, "(entry)"], seen);
  }
  for (const key of Object.keys(value)) {
    checkCarriable((value as Record<string, unknown>)[key], [...path, key], seen);
  }
}

function describeFunction(value: { readonly name: string }): string {
  return value.name === "" ? "a function" : `function ${value.name}`;
}

function uncarriable(what: string, path: Path): TypeError {
  const place = path.map((step) => {
    if (/^\d+$/.test(String(step))) return `[${step}]`;
    return /^[\p{L}_$][\p{L}\d_$]*$/u.test(String(step)) ? `.${step}` : `[${JSON.stringify(step)}]`;
  }).join("");
  return new TypeError(`Cannot carry ${what} to another process: found at value${place}`);
}

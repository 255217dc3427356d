import { appendTo, type Making, Refusal, setItemOf } from "./_pickle_build.ts";
import { isPlain } from "./_pickle_children.ts";
import { listedName, modernName } from "./_pickle_names.ts";
import { readDecimal, readFloat, readLatin1, readQuoted, readRawUnicode } from "./_pickle_text.ts";
import type { ProxyReference } from "./_pickle_types.ts";
import { PyFloat, PyGlobal, PyObject, PyTuple } from "./python_types.ts";

/** What things take of the memory, in bytes, as it was measured. */
export const COST = {
  text: 32,
  list: 48,
  tuple: 96,
  map: 200,
  set: 200,
  object: 200,
  element: 16,
  /** Room for some more is taken with the first element. */
  firstElement: 144,
  entry: 48,
} as const;

/** Work that a short pickle may ask for, and what each of its bytes may ask for beside it. */
const FREE_WORK = 65_536;
const WORK_PER_BYTE = 32;

/** An integer of more bytes is refused. */
const LONGEST_INTEGER = 1_048_576;

/** What a pickle is that ends before its end. */
export const CUT = "it is cut off";

const HEX: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);

/** The options of a reader, all of them. */
export interface ReaderSettings {
  readonly keepsUnknown: boolean;
  readonly plainDicts: boolean;
  readonly exactFloats: boolean;
  readonly names: ReadonlySet<string>;
  readonly resolve: ((reference: ProxyReference) => unknown) | undefined;
  readonly maxBytes: number;
  readonly maxDepth: number;
  readonly maxMemory: number;
}

/** One pickle that is being read. */
export class Reading implements Making {
  readonly keepsUnknown: boolean;
  readonly settings: ReaderSettings;
  readonly #bytes: Uint8Array;
  #memory: number;
  #work: number;
  /** Dictionaries that began as plain objects and have a key that is no text, and their maps. */
  replaced: Map<object, Map<unknown, unknown>> | undefined;

  constructor(settings: ReaderSettings, bytes: Uint8Array) {
    this.settings = settings;
    this.keepsUnknown = settings.keepsUnknown;
    this.#bytes = bytes;
    this.#memory = settings.maxMemory;
    this.#work = FREE_WORK + WORK_PER_BYTE * bytes.length;
  }

  /** Counts work that is not proportional to the bytes that ask for it. */
  charge(work: number): void {
    this.#work -= work;
    if (this.#work < 0) throw new Refusal("it asks for more work than its size allows");
    this.spend(work * COST.element);
  }

  /** What stands for a proxy. */
  resolveProxy(reference: ProxyReference): unknown {
    const { resolve } = this.settings;
    return resolve === undefined ? reference : resolve(reference);
  }

  /** Counts memory that what is read takes. */
  spend(cost: number): void {
    this.#memory -= cost;
    if (this.#memory < 0) throw new Refusal("it needs more memory than is accepted");
  }

  /** An unsigned number of some bytes; one that is too large for a number is larger than all there is. */
  length(at: number, width: number): number {
    const bytes = this.#bytes;
    if (width > bytes.length - at) throw new Refusal(CUT);
    if (width === 1) return bytes[at]!;
    let length = 0;
    for (let i = width - 1; i >= 0; i--) length = length * 256 + bytes[at + i]!;
    return length;
  }

  /** The bytes up to the next newline. */
  line(at: number): Uint8Array {
    const newline = this.#bytes.indexOf(0x0a, at);
    if (newline === -1) throw new Refusal(CUT);
    return this.#bytes.subarray(at, newline);
  }

  /** A signed integer of some bytes, the lowest one first. */
  integer(at: number, size: number): number | bigint {
    const bytes = this.#bytes;
    if (size === 0) return 0;
    const negative = bytes[at + size - 1]! >= 0x80;
    if (size <= 6) {
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
      return negative ? value - 2 ** (8 * size) : value;
    }
    if (size > LONGEST_INTEGER) throw new Refusal(`an integer has ${size} bytes`);
    this.spend(COST.text + size);
    let digits = "0x";
    for (let i = size - 1; i >= 0; i--) digits += HEX[bytes[at + i]!];
    const value = negative ? BigInt.asIntN(8 * size, BigInt(digits)) : BigInt(digits);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  /** Reads what protocol 0 writes as text. */
  text(op: number, line: Uint8Array): unknown {
    const text = readLatin1(line, 0, line.length);
    switch (op) {
      case 0x49: // INT
        if (text === "00" || text === "01") return text === "01";
        return readDecimal(text);
      case 0x4c: // LONG
        return readDecimal(text.replace(/L$/, ""));
      case 0x46: { // FLOAT
        const value = readFloat(text);
        return this.settings.exactFloats ? exactly(value) : value;
      }
      case 0x56: // UNICODE
        return readRawUnicode(text);
      default: // STRING
        return readQuoted(text);
    }
  }

  /** Reads a name. */
  global(module: unknown, name: unknown, protocol: number): PyGlobal {
    if (typeof module !== "string" || typeof name !== "string") {
      throw new Refusal("a name is no text");
    }
    if (protocol < 3) [module, name] = modernName(module, name);
    const listed = listedName(module as string, name as string);
    if (listed !== undefined) return listed;
    if (this.keepsUnknown || this.settings.names.has(`${module}.${name}`)) {
      this.spend(COST.object);
      return new PyGlobal(module as string, name as string);
    }
    const text = `${module}.${name}`;
    const shown = text.length > 100 ? `${text.slice(0, 100)}...` : text;
    throw new Refusal(`${JSON.stringify(shown)} is no name that is read here`);
  }

  /** Appends what is on the stack to a list. */
  append(list: unknown, stack: unknown[], from: number, to: number): void {
    this.spend((to - from) * COST.element);
    // No tuple: it would not be what it was hashed as.
    if (Array.isArray(list) && !(list instanceof PyTuple)) {
      if (list.length === 0) this.spend(COST.firstElement);
      for (let i = from; i < to; i++) list.push(stack[i]);
    } else if (list instanceof PyObject) {
      appendTo(list, stack.slice(from, to));
    } else {
      throw new Refusal("something is appended to what is no list");
    }
  }

  /** Adds what is on the stack to a set. */
  add(set: unknown, stack: unknown[], from: number, to: number): void {
    this.spend((to - from) * COST.entry);
    if (!(set instanceof Set)) throw new Refusal("something is added to what is no set");
    for (let i = from; i < to; i++) set.add(keyOf(stack[i]));
  }

  /** Sets items of a dictionary, and answers what stands for it from now on. */
  setItems(dict: unknown, stack: unknown[], from: number, to: number): unknown {
    if ((to - from) % 2 !== 0) throw new Refusal("a dictionary has a key without a value");
    this.spend((to - from) * COST.entry);
    if (dict instanceof Map) {
      for (let i = from; i < to; i += 2) dict.set(keyOf(stack[i]), stack[i + 1]);
      return dict;
    }
    if (dict instanceof PyObject) {
      for (let i = from; i < to; i += 2) setItemOf(dict, keyOf(stack[i]), stack[i + 1]);
      return dict;
    }
    if (typeof dict !== "object" || dict === null || !isPlain(dict)) {
      throw new Refusal("an item is set in what is no dictionary");
    }
    const map = this.replaced?.get(dict);
    if (map !== undefined) return this.setItems(map, stack, from, to);
    for (let i = from; i < to; i += 2) {
      const key = stack[i];
      if (typeof key !== "string") return this.setItems(this.toMap(dict), stack, i, to);
      if (key === "__proto__") define(dict, key, stack[i + 1]);
      else (dict as Record<string, unknown>)[key] = stack[i + 1];
    }
    return dict;
  }

  /** A dictionary that began as a plain object, and has a key that is no text. */
  toMap(dict: object): Map<unknown, unknown> {
    this.charge(1);
    const map = new Map<unknown, unknown>();
    for (const key of Object.keys(dict)) map.set(key, (dict as Record<string, unknown>)[key]);
    // It may be known in other places by now.
    (this.replaced ??= new Map()).set(dict, map);
    return map;
  }
}

/** A float that goes back as a float. */
export function exactly(value: number): number | PyFloat {
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? new PyFloat(value) : value;
}

/** A key: `1` and `1.0` are the same in Python. */
function keyOf(key: unknown): unknown {
  return key instanceof PyFloat ? key.value : key;
}

function define(dict: object, key: string, value: unknown): void {
  Object.defineProperty(dict, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

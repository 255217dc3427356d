/**
 * How objects cross to another thread. Those on shared memory do as plain records that hold their memory,
 * which a structured clone shares instead of copying. Those of `ipc/` that are lent do as they do to another
 * process: as references.
 */

import { references, type WireForm } from "../ipc/_for_threads.ts";
import { adoptThreadTable, threadTable } from "./_ident.ts";

/** What an object is made of: whatever a structured clone carries, and other objects on shared memory. */
export type SharedParts = Readonly<Record<string, unknown>>;

interface Kind {
  readonly name: string;
  readonly toShared: (object: never) => SharedParts;
  readonly fromShared: (parts: never) => object;
}

/** The name of the field that marks a record; its value names the class. */
const MARK = "manyhands:shared";
/** The name of the field that marks a reference. */
const REFERENCE = "manyhands:reference";

const kindsByClass = new Map<object, Kind>();
const kindsByName = new Map<string, Kind>();

/**
 * Makes the objects of a class able to cross.
 *
 * @param sharedClass The class; objects of a class that extends it arrive as this one.
 * @param name The name that the records bear, the same in every thread.
 * @param toShared What an object is made of.
 * @param fromShared Makes an object of the same parts.
 */
export function registerShared<T extends object, Parts extends SharedParts>(
  // deno-lint-ignore no-explicit-any -- the constructor is never called
  sharedClass: abstract new (...args: any[]) => T,
  name: string,
  toShared: (object: T) => Parts,
  fromShared: (parts: Parts) => T,
): void {
  const kind = { name, toShared, fromShared };
  kindsByClass.set(sharedClass.prototype, kind);
  kindsByName.set(name, kind);
}

/** The same data with a record in the place of each object that crosses so. Data without any is not copied. */
export function packShared(value: unknown): unknown {
  return convert(value, (object) => {
    const kind = kindOf(object);
    if (kind === undefined) {
      const reference = references.toWire?.(object);
      return reference === undefined ? undefined : { [REFERENCE]: reference };
    }
    const parts = packShared(kind.toShared(object as never)) as SharedParts;
    return { [MARK]: kind.name, table: threadTable(), parts };
  });
}

/** Undoes {@linkcode packShared} on the other side. */
export function unpackShared(value: unknown): unknown {
  return convert(value, (object) => {
    const { [MARK]: name, [REFERENCE]: reference } = object as Record<string, unknown>;
    // All that calls this has loaded what fills it, or what findMissingRooms() names.
    if (reference !== undefined) return references.fromWire!(reference as WireForm) as object;
    if (typeof name !== "string") return undefined;
    const kind = kindsByName.get(name);
    if (kind === undefined) {
      throw new TypeError(`Cannot receive a "${name}": its class is not loaded`);
    }
    const { table, parts } = object as { table: SharedArrayBuffer; parts: unknown };
    adoptThreadTable(table);
    return kind.fromShared(unpackShared(parts) as never);
  });
}

/** The rooms whose classes {@linkcode unpackShared} would need, and that nobody has loaded. */
export function findMissingRooms(value: unknown): Set<"ipc" | "thread"> {
  const missing = new Set<"ipc" | "thread">();
  find(
    value,
    (object) => {
      const { [MARK]: name, [REFERENCE]: reference } = object as Record<string, unknown>;
      if (reference !== undefined && references.canRead?.(reference as WireForm) !== true) {
        missing.add("ipc");
      }
      if (typeof name === "string" && !kindsByName.has(name)) missing.add("thread");
      return undefined;
    },
    new Map(),
    new Set(),
  );
  return missing;
}

function kindOf(object: object): Kind | undefined {
  for (let at = Object.getPrototypeOf(object); at !== null; at = Object.getPrototypeOf(at)) {
    const kind = kindsByClass.get(at);
    if (kind !== undefined) return kind;
  }
  return undefined;
}

type Replace = (object: object) => object | undefined;

/** Copies the containers around what is replaced. The same object is replaced once, and stays the same. */
function convert(value: unknown, replace: Replace): unknown {
  const copies = new Map<object, object>();
  if (!find(value, replace, copies, new Set())) return value;
  return copy(value, copies);
}

/** Notes what is to be replaced, and says whether there is anything. */
function find(
  value: unknown,
  replace: Replace,
  copies: Map<object, object>,
  seen: Set<object>,
): boolean {
  if (typeof value !== "object" || value === null || seen.has(value)) return false;
  seen.add(value);
  const replacement = replace(value);
  if (replacement !== undefined) {
    copies.set(value, replacement);
    return true;
  }
  let isFound = false;
  for (const item of itemsOf(value)) isFound = find(item, replace, copies, seen) || isFound;
  return isFound;
}

function* itemsOf(value: object): Generator<unknown> {
  if (Array.isArray(value) || value instanceof Set) yield* value;
  else if (value instanceof Map) {
    for (const entry of value) yield* entry;
  } else if (isPlain(value)) yield* Object.values(value);
}

function copy(value: unknown, copies: Map<object, object>): unknown {
  if (typeof value !== "object" || value === null) return value;
  const made = copies.get(value);
  if (made !== undefined) return made;
  if (Array.isArray(value)) {
    const array: unknown[] = new Array(value.length);
    copies.set(value, array);
    // Also what is beside the elements.
    for (const [key, item] of Object.entries(value)) {
      (array as unknown as Record<string, unknown>)[key] = copy(item, copies);
    }
    return array;
  }
  if (value instanceof Set) {
    const set = new Set();
    copies.set(value, set);
    for (const item of value) set.add(copy(item, copies));
    return set;
  }
  if (value instanceof Map) {
    const map = new Map();
    copies.set(value, map);
    for (const [key, item] of value) map.set(copy(key, copies), copy(item, copies));
    return map;
  }
  if (!isPlain(value)) return value;
  const record: Record<string, unknown> = {};
  copies.set(value, record);
  for (const [key, item] of Object.entries(value)) {
    // A plain assignment to "__proto__" would change the prototype.
    Object.defineProperty(record, key, {
      value: copy(item, copies),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return record;
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The memory that the constructor called next is to use. */
let received: SharedArrayBuffer | undefined;

/** Makes an object on memory that came from elsewhere: the constructor asks {@linkcode receivedMemory}. */
export function onMemory<T>(buffer: SharedArrayBuffer, construct: () => T): T {
  received = buffer;
  try {
    return construct();
  } finally {
    received = undefined;
  }
}

/** The memory of {@linkcode onMemory}, once; `undefined` for an object that is to make its own. */
export function receivedMemory(): SharedArrayBuffer | undefined {
  const buffer = received;
  received = undefined;
  return buffer;
}

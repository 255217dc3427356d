/**
 * Whether two values are deeply equal. Values that cannot be looked into, such as functions, are
 * equal only to themselves.
 */
export function equal(a: unknown, b: unknown): boolean {
  return new Comparison().same(a, b);
}

type Key = string | symbol;
type Keyed = Set<unknown> | Map<unknown, unknown>;
type Elements = ArrayLike<number | bigint>;

/** One run of `equal`, with the pairs of objects it has entered, so that cycles end. */
class Comparison {
  #entered = new Map<object, object>();

  same(a: unknown, b: unknown): boolean {
    if (sameValue(a, b)) return true;
    if (!isObject(a) || !isObject(b)) return false;
    if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
    if (!sameKind(a, b)) return false;
    return this.#sameOpaque(a, b) ?? this.#sameContents(a, b);
  }

  /** Compares objects whose content is not in properties; `undefined` for all others. */
  #sameOpaque(a: object, b: object): boolean | undefined {
    if (a instanceof TypedArray) return sameElements(a as Elements, b as Elements);
    if (isBuffer(a)) return sameElements(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
    if (a instanceof WeakMap) throw new TypeError("Cannot compare WeakMap instances");
    if (a instanceof WeakSet) throw new TypeError("Cannot compare WeakSet instances");
    if (a instanceof WeakRef) return this.same(a.deref(), (b as WeakRef<WeakKey>).deref());
    return undefined;
  }

  #sameContents(a: object, b: object): boolean {
    if (this.#entered.get(a) === b) return true;
    if (Object.keys(a).length !== Object.keys(b).length) return false;
    this.#entered.set(a, b);
    if (isKeyed(a) && isKeyed(b)) return a.size === b.size && this.#sameEntries(a, b);
    if (isPlain(a)) return this.#sameProperties(a, b, Reflect.ownKeys({ ...a, ...b }));
    if (TOLD_BY_STRING.has(Object.getPrototypeOf(a))) return String(a) === String(b);
    return this.#sameProperties(a, b, new Set([...deepKeys(a), ...deepKeys(b)]));
  }

  #sameProperties(a: object, b: object, keys: Iterable<Key>): boolean {
    const left = a as Record<Key, unknown>;
    const right = b as Record<Key, unknown>;
    for (const key of keys) {
      if (!this.same(left[key], right[key])) return false;
      if (key in a !== key in b) return false;
    }
    return true;
  }

  #sameEntries(a: Keyed, b: Keyed): boolean {
    const keys = [...a.keys()];
    if (keys.some((key) => !isPrimitive(key))) return this.#sameEntriesInAnyOrder(a, b);
    if (a instanceof Set) return keys.every((key) => b.has(key));
    const right = b as Map<unknown, unknown>;
    return keys.every((key) => right.has(key) && this.same(a.get(key), right.get(key)));
  }

  /** Keys that are objects can be equal without being identical, so each meets each. */
  #sameEntriesInAnyOrder(a: Keyed, b: Keyed): boolean {
    let missing = a.size;
    for (const [aKey, aValue] of a.entries()) {
      for (const [bKey, bValue] of b.entries()) {
        if (!this.same(aKey, bKey)) continue;
        const inSets = aKey === aValue && bKey === bValue;
        if (inSets || this.same(aValue, bValue)) {
          missing--;
          break;
        }
      }
    }
    return missing === 0;
  }
}

const TypedArray = Object.getPrototypeOf(Uint8Array);

const scope = globalThis as unknown as Record<string, Record<string, { prototype: object }>>;

/** Prototypes of the objects whose whole content shows in their string form. */
const TOLD_BY_STRING = new Set<object>([
  RegExp.prototype,
  URL.prototype,
  URLSearchParams.prototype,
  ...prototypesIn("Intl", ["Locale"]),
  ...prototypesIn("Temporal", [
    "Duration",
    "Instant",
    "PlainDate",
    "PlainDateTime",
    "PlainMonthDay",
    "PlainTime",
    "PlainYearMonth",
    "ZonedDateTime",
  ]),
]);

function prototypesIn(namespace: string, names: string[]): object[] {
  return names.flatMap((name) => scope[namespace]?.[name]?.prototype ?? []);
}

/** The same value, where 0 and -0 are the same and NaN is the same as itself. */
function sameValue(a: unknown, b: unknown): boolean {
  return a === b || Object.is(a, b);
}

function isPrimitive(value: unknown): boolean {
  return value === null || (typeof value !== "object" && typeof value !== "function");
}

function isObject(value: unknown): value is object {
  return value !== null && typeof value === "object";
}

/** Whether two objects share a prototype; none and that of plain objects count as one. */
function sameKind(a: object, b: object): boolean {
  return kindOf(a) === kindOf(b);
}

function kindOf(value: object): object {
  return Object.getPrototypeOf(value) ?? Object.prototype;
}

function isPlain(value: object): boolean {
  const kind = kindOf(value);
  return kind === Object.prototype || kind === Array.prototype;
}

function isKeyed(value: object): value is Keyed {
  return value instanceof Set || value instanceof Map;
}

function isBuffer(value: object): value is ArrayBuffer | SharedArrayBuffer {
  return value instanceof ArrayBuffer ||
    (globalThis.SharedArrayBuffer !== undefined && value instanceof SharedArrayBuffer);
}

function sameElements(a: Elements, b: Elements): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!sameValue(a[i], b[i])) return false;
  return true;
}

/** The keys of an object and of its prototypes, but for those every object or array has. */
function deepKeys(value: object): Set<Key> {
  const keys = new Set<Key>();
  let level: object | null = value;
  while (level !== null && level !== Object.prototype && level !== Array.prototype) {
    for (const key of Reflect.ownKeys(level)) keys.add(key);
    level = Object.getPrototypeOf(level);
  }
  return keys;
}

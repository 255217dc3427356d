import { decode, encode, encodePlain } from "./_encoding.ts";
import { hasHome, homeOf } from "./_own_homes.ts";
import { fromWire, isPortable, portableType, toWire } from "./_portable.ts";
import { copyingReferences } from "./_reference.ts";

/** The values of shared dictionaries, lists and namespaces: each is a copy, but for what crosses as a reference. */

/** The most items of one message of an iteration. */
const MOST_ITEMS = 1_024;
/** The most that the items of one message count for, unless a single one has more: about its bytes. */
const MOST_WEIGHT = 256 * 1024;
/** What each value counts for beside its text or bytes. */
const WEIGHT = 8;
/** What is deeper is not counted: it may be a circle. */
const DEEPEST = 64;

/**
 * A copy of a value, as if it had crossed to another process. An object that lives here stays the same one, and
 * one of another process gets a handle of its own, so that closing the one does not close the other.
 *
 * @throws {TypeError} When it holds something that cannot be carried.
 */
export function copyData<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
    case "bigint":
    case "undefined":
      return value;
  }
  if (value === null) return value;
  const plain = encodePlain(value);
  if (plain !== undefined) return JSON.parse(plain.payload as string);
  const references: [path: (string | number)[], object: object][] = [];
  const rest = takeReferences(value, [], references, new Set());
  const { encoding, payload } = encode(rest);
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const holder: unknown[] = [decode(encoding, bytes as Uint8Array<ArrayBuffer>)];
  for (const [path, object] of references) {
    let at = holder as unknown as Record<string | number, unknown>;
    let key: string | number = 0;
    for (const step of path) {
      at = at[key] as Record<string | number, unknown>;
      key = step;
    }
    at[key] = copyReference(object);
  }
  return holder[0];
}

/** The same with `null` in place of what crosses as a reference. */
function takeReferences(
  value: unknown,
  path: readonly (string | number)[],
  found: [path: (string | number)[], object: object][],
  above: Set<object>,
): unknown {
  if (typeof value !== "object" || value === null || above.has(value)) return value;
  if (isPortable(value)) {
    found.push([[...path], value]);
    return null;
  }
  const isArray = Array.isArray(value);
  if (!isArray && Object.getPrototypeOf(value) !== Object.prototype) return value;
  above.add(value);
  let changed: Record<string | number, unknown> | undefined;
  for (const key of Object.keys(value)) {
    const at = isArray ? Number(key) : key;
    if (Number.isNaN(at)) continue;
    const inner = (value as Record<string, unknown>)[key];
    const rest = takeReferences(inner, [...path, at], found, above);
    if (rest === inner) continue;
    changed ??= (isArray ? Object.assign(value.slice(), value) : { ...value }) as Record<
      string | number,
      unknown
    >;
    changed[at] = rest;
  }
  above.delete(value);
  return changed ?? value;
}

function copyReference(object: object): unknown {
  if (homeOf(object) !== undefined) return object;
  // What a user has registered is data, and what lives elsewhere is a small piece of data as well.
  const isData = hasHome(object) || portableType(object)?.startsWith("user:") === true;
  return isData ? copyingReferences(() => fromWire(toWire(object)!)) : object;
}

/** How many of the items go into one message. */
export class Portion {
  #count = 0;
  #weight = 0;

  /** Whether one more has a place. */
  hasRoom(): boolean {
    return this.#count < MOST_ITEMS && this.#weight < MOST_WEIGHT;
  }

  /** Counts one. */
  add(item: unknown): void {
    this.#count++;
    this.#weight = weigh(item, this.#weight, 0);
  }
}

/** Adds what a value counts for, and stops when that is enough for a message. */
function weigh(value: unknown, sum: number, depth: number): number {
  sum += WEIGHT;
  if (typeof value === "string") return sum + value.length;
  if (typeof value !== "object" || value === null || depth > DEEPEST) return sum;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return sum + value.byteLength;
  const inner = value instanceof Map
    ? [...value].flat(1)
    : value instanceof Set
    ? value
    : Object.values(value);
  for (const item of inner) {
    if (sum >= MOST_WEIGHT) break;
    sum = weigh(item, sum, depth + 1);
  }
  return sum;
}

/** Tells apart what has been looked at and what has come in its place: the one who looked may be in another process. */
export class Stamps {
  readonly #stamps = new WeakMap<object, number>();
  #last = 0;

  /** The number of a stored object. What is no object has 0: it is told apart by what it is. */
  of(value: unknown): number {
    if (typeof value !== "object" || value === null) return 0;
    let stamp = this.#stamps.get(value);
    if (stamp === undefined) this.#stamps.set(value, stamp = ++this.#last);
    return stamp;
  }
}

/** What was there when somebody looked. */
export interface Sight {
  /** The value, if there was one. */
  readonly values: readonly unknown[];
  readonly stamp: number;
}

/** What crosses back of a sight: not the value of an object, which is known by its stamp. */
function seenOf({ values, stamp }: Sight): Sight {
  return { values: stamp === 0 ? values : [null], stamp };
}

/** Whether there is still what was seen. */
export function isStill(seen: Sight, now: Sight): boolean {
  if (seen.values.length !== now.values.length || seen.stamp !== now.stamp) return false;
  return seen.stamp !== 0 || Object.is(seen.values[0], now.values[0]);
}

/**
 * Changes what is somewhere in one step: the function is called again when another one was faster.
 *
 * @param look Looks at it.
 * @param exchange Writes if there is still what was seen: answers `undefined`, or what there is now.
 * @param change Makes the new values of the old ones: one, or none.
 */
export async function computeData(
  look: () => Promise<Sight>,
  exchange: (values: readonly unknown[], seen: Sight) => Promise<Sight | undefined>,
  change: (values: readonly unknown[]) => Promise<readonly unknown[]>,
): Promise<readonly unknown[]> {
  for (let sight: Sight | undefined = await look();;) {
    const seen = seenOf(sight);
    const values = await change(sight.values);
    sight = await exchange(values, seen);
    if (sight === undefined) return values;
  }
}

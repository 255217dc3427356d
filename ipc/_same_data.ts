import { hasHome, homeOf } from "./_own_homes.ts";
import { isPortable, portableType, toWire } from "./_portable.ts";

/** What is deeper is taken for different. */
const DEEPEST = 100;

/** Whether two pieces of data are equal, deep within; objects that cross as references, whether they are the same. */
export function isSame(a: unknown, b: unknown, depth = 0): boolean {
  if (Object.is(a, b) || (a === 0 && b === 0)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (depth > DEEPEST || !areSameKind(a, b)) return false;
  if (isPortable(a)) return isSameReference(a, b, depth);
  if (a instanceof Date) return isSame(a.getTime(), (b as Date).getTime());
  if (a instanceof RegExp) return String(a) === String(b);
  if (a instanceof Error) return isSame(a.message, (b as Error).message);
  if (a instanceof ArrayBuffer) return isSame(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
  if (ArrayBuffer.isView(a)) return areSameBytes(a, b as ArrayBufferView);
  if (a instanceof Map) {
    const other = b as Map<unknown, unknown>;
    if (a.size !== other.size) return false;
    for (const [key, value] of a) {
      if (!other.has(key) || !isSame(value, other.get(key), depth + 1)) return false;
    }
    return true;
  }
  if (a instanceof Set) {
    const other = b as Set<unknown>;
    return a.size === other.size && [...a].every((item) => other.has(item));
  }
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) =>
    Object.hasOwn(b, key) &&
    isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], depth + 1)
  );
}

/** A tuple of Python's is an array of a class of its own. */
function areSameKind(a: object, b: object): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return true;
  return Object.getPrototypeOf(a) === Object.getPrototypeOf(b);
}

/** Of what lives here, whether it is the same home; of everything else, whether it crosses as the same. */
function isSameReference(a: object, b: object, depth: number): boolean {
  const [left, right] = [homeOf(a), homeOf(b)];
  if (left !== undefined || right !== undefined) return left === right;
  const isData = hasHome(a) || portableType(a)?.startsWith("user:") === true;
  return isData && isSame(toWire(a)?.data, toWire(b)?.data, depth + 1);
}

function areSameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  if (a.byteLength !== b.byteLength) return false;
  const [left, right] = [a, b].map(({ buffer, byteOffset, byteLength }) =>
    new Uint8Array(buffer, byteOffset, byteLength)
  ) as [Uint8Array, Uint8Array];
  return left.every((byte, at) => byte === right[at]);
}

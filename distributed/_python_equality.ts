import { numberOf } from "./_python_arguments.ts";
import { PythonError } from "./python_errors.ts";
import { PyTuple } from "./python_types.ts";

/** How Python compares data, as far as lists and dictionaries need it. */

/** Deeper data is taken for different. */
const DEEPEST = 100;

/**
 * So many comparisons may it take to tell whether two values are equal. What is shared inside of them is compared on
 * every way to it: of a few bytes that a client sends there can be more ways than anybody could wait for.
 */
const MOST_COMPARISONS = 10_000_000;

/** What is left of the comparisons. */
interface Work {
  left: number;
}

/**
 * `a == b`, for data.
 *
 * @throws {PythonError} When it takes too many comparisons to tell.
 */
export function isEqual(a: unknown, b: unknown): boolean {
  return compare(a, b, 0, { left: MOST_COMPARISONS });
}

function compare(a: unknown, b: unknown, depth: number, work: Work): boolean {
  if (--work.left < 0) {
    throw new PythonError("RuntimeError", ["the data takes too long to compare"]);
  }
  if (Object.is(a, b)) return true;
  const [x, y] = [numberOf(a), numberOf(b)];
  // A bigint and a number are compared by what they are worth.
  if (x !== undefined && y !== undefined) {
    return typeof a === "bigint" || typeof b === "bigint" ? exact(a, x) == exact(b, y) : x === y;
  }
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (depth > DEEPEST) return false;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a instanceof PyTuple === b instanceof PyTuple && a.length === b.length &&
      a.every((item, i) => compare(item, b[i], depth + 1, work));
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((byte, i) => byte === b[i]);
  }
  if (a instanceof Set && b instanceof Set) {
    return a.size === b.size && [...a].every((item) => has(b, item, depth, work));
  }
  const [left, right] = [entriesOf(a), entriesOf(b)];
  if (left === undefined || right === undefined || left.length !== right.length) return false;
  return left.every(([key, value]) =>
    right.some(([other, item]) =>
      compare(key, other, depth + 1, work) && compare(value, item, depth + 1, work)
    )
  );
}

/** `a < b`, for numbers, texts, and lists or tuples of them; `undefined` where Python cannot tell. */
export function isLess(a: unknown, b: unknown): boolean | undefined {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== undefined && y !== undefined) return exact(a, x) < exact(b, y);
  if (typeof a === "string" && typeof b === "string") return comparePoints(a, b) < 0;
  if (!Array.isArray(a) || !Array.isArray(b)) return undefined;
  if (a instanceof PyTuple !== b instanceof PyTuple) return undefined;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (!isEqual(a[i], b[i])) return isLess(a[i], b[i]);
  }
  return a.length < b.length;
}

function exact(value: unknown, number: number): number | bigint {
  return typeof value === "bigint" ? value : number;
}

function has(set: ReadonlySet<unknown>, item: unknown, depth: number, work: Work): boolean {
  if (set.has(item)) return true;
  for (const other of set) if (compare(item, other, depth + 1, work)) return true;
  return false;
}

function entriesOf(object: object): [unknown, unknown][] | undefined {
  if (object instanceof Map) return [...object];
  const prototype = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null ? Object.entries(object) : undefined;
}

/** By code points, as Python does; JavaScript compares UTF-16 units. */
function comparePoints(a: string, b: string): number {
  const [left, right] = [a[Symbol.iterator](), b[Symbol.iterator]()];
  for (;;) {
    const [x, y] = [left.next(), right.next()];
    if (x.done === true || y.done === true) {
      return Number(y.done ?? false) - Number(x.done ?? false);
    }
    if (x.value !== y.value) return x.value.codePointAt(0)! - y.value.codePointAt(0)!;
  }
}

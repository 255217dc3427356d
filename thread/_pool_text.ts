/** More than this is cloned, which is faster then. */
const MOST_CHARS = 400;
const MOST_OBJECTS = 24;

let charsLeft = 0;
let objects: object[] = [];

/**
 * The JSON of a list of values, when that is little and gives back the same values: no circle, no object
 * that is met twice, nothing that JSON would leave out or change.
 */
export function plainText(values: readonly unknown[]): string | undefined {
  charsLeft = MOST_CHARS;
  objects = [];
  const isFit = isPlain(values);
  objects = [];
  if (!isFit) return undefined;
  return JSON.stringify(values);
}

function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case "string":
      return (charsLeft -= value.length + 2) >= 0;
    case "boolean":
      return (charsLeft -= 5) >= 0;
    case "number":
      // JSON has no NaN and no infinity, and makes 0 of -0.
      return (charsLeft -= 8) >= 0 && Number.isFinite(value) && (value !== 0 || 1 / value > 0);
    case "object":
      return value === null || isPlainObject(value);
    default:
      return false;
  }
}

function isPlainObject(value: object): boolean {
  if ((charsLeft -= 2) < 0 || objects.length >= MOST_OBJECTS || objects.includes(value)) {
    return false;
  }
  const prototype = Object.getPrototypeOf(value);
  const isArray = Array.isArray(value);
  if (isArray ? prototype !== Array.prototype : prototype !== Object.prototype) return false;
  objects.push(value);
  // JSON would call it, also when it is not enumerable and so not met below.
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return false;
  const keys = Object.keys(value);
  // With a hole there are fewer, with properties beside the elements there are more.
  if (isArray && keys.length !== value.length) return false;
  for (const key of keys) {
    if (!isArray) charsLeft -= key.length + 3;
    if (!isPlain((value as Record<string, unknown>)[key])) return false;
  }
  return true;
}

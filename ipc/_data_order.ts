/**
 * Orders two pieces of data: numbers by value, strings by code unit, arrays item by item, as Python orders lists.
 *
 * @throws {TypeError} When they have no order.
 */
export function compareData(a: unknown, b: unknown): number {
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let at = 0; at < a.length && at < b.length; at++) {
      const order = compareData(a[at], b[at]);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
  const [left, right] = [orderable(a), orderable(b)];
  if (
    left === undefined || right === undefined ||
    (typeof left === "string") !== (typeof right === "string")
  ) {
    throw new TypeError(`Cannot sort the list: ${name(a)} and ${name(b)} have no order`);
  }
  return left < right ? -1 : left > right ? 1 : 0;
}

function orderable(value: unknown): number | bigint | string | undefined {
  if (value instanceof Date) return orderable(value.getTime());
  switch (typeof value) {
    case "number":
      return Number.isNaN(value) ? undefined : value;
    case "bigint":
    case "string":
      return value;
    case "boolean":
      return Number(value);
    default:
      return undefined;
  }
}

function name(value: unknown): string {
  if (value === null || value === undefined || Number.isNaN(value)) return String(value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/**
 * Orders two pieces of data: numbers by value, strings by code unit, dates by time, arrays item by item, as Python
 * orders lists.
 *
 * @param refuse What to throw for two that have no order.
 */
export function naturalOrder(
  a: unknown,
  b: unknown,
  refuse: (one: string, other: string) => Error,
): number {
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < a.length && i < b.length; i++) {
      const order = naturalOrder(a[i], b[i], refuse);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
  const [left, right] = [orderable(a), orderable(b)];
  if (
    left === undefined || right === undefined ||
    (typeof left === "string") !== (typeof right === "string")
  ) {
    throw refuse(describe(a), describe(b));
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

function describe(value: unknown): string {
  if (value === null || value === undefined || Number.isNaN(value)) return String(value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

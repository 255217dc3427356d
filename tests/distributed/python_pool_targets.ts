import { PythonError } from "../../distributed/mod.ts";

/** What the clients of a pool call in a manager of this package, as Python's own functions do it. */

export function sqrt(n: number): number {
  if (typeof n !== "number") throw new TypeError("an integer is expected");
  if (n < 0) throw new PythonError("ValueError", ["isqrt() argument must be nonnegative"]);
  return Math.floor(Math.sqrt(n));
}

export function add<T extends number & string>(a: T, b: T): unknown {
  return a + b;
}

export function power(text: string, { base }: { base: number }): number {
  return Number.parseInt(text, base);
}

export async function sleep(seconds: number): Promise<null> {
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  return null;
}

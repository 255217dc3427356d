import { UsageError } from "./_cli_arguments.ts";

/**
 * Writes a value as JSON on one line. What JSON has nothing for becomes the nearest thing that it has: a
 * Map a list of pairs, a Set a list, bytes their base64, a bigint its digits.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, replace) ?? "null";
}

function replace(this: unknown, _key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Map || value instanceof Set) return [...value];
  if (value instanceof Uint8Array) return value.toBase64();
  if (value instanceof Error) return { name: value.name, message: value.message };
  return value;
}

/**
 * Reads JSON that a user has written.
 *
 * @throws {UsageError} When it is none.
 */
export function fromJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
    throw new UsageError(`${what} is no JSON: ${shown.trim() || "there is nothing"}`);
  }
}

/** An argument: JSON when it reads as such, and a text otherwise. */
export function readArgument(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

import { encodeKey } from "./_nats_key.ts";

/**
 * The key of a shared object that is called as the user says.
 *
 * @param what What it is, for the texts of errors: "an event".
 * @throws {TypeError} When the name is no text, or empty.
 * @throws {RangeError} When it is too long.
 */
export function keyOfName(name: unknown, what: string): string {
  if (typeof name !== "string" || name === "") {
    throw new TypeError(`Cannot create ${what}: its name must be a text that is not empty`);
  }
  return encodeKey(name, what);
}

import { suffix } from "./_suffix.ts";
import { AssertionError } from "./assertion_error.ts";

/** Fails always. */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${suffix(msg)}`);
}

import { suffix } from "./_suffix.ts";
import { AssertionError } from "./assertion_error.ts";

/** Fails unless the pattern `expected` finds something in `actual`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) {
    throw new AssertionError(
      `Expected actual: "${actual}" to match: "${expected}"${suffix(msg)}`,
    );
  }
}

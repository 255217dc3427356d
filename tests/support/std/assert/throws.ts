import {
  checkCaught,
  type ErrorConstructorOf,
  type ErrorExpectation,
  isErrorClass,
} from "./_is_error.ts";
import { suffix } from "./_suffix.ts";
import { AssertionError } from "./assertion_error.ts";

/** Fails unless `fn` throws; gives back what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Fails unless `fn` throws an error of the given class and message; gives that error back. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  // deno-lint-ignore no-explicit-any
  ErrorClass: abstract new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): E;
/** Fails unless `fn` throws as expected; gives back what it threw. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClassOrMsg?: ErrorConstructorOf<E> | string,
  msgIncludesOrMsg?: string,
  msg?: string,
): unknown {
  const expectation = readArguments(errorClassOrMsg, msgIncludesOrMsg, msg);
  try {
    fn();
  } catch (error) {
    checkCaught(error, expectation, "thrown");
    return error;
  }
  throw new AssertionError(`Expected function to throw${suffix(expectation.msg)}`);
}

function readArguments<E extends Error>(
  second: ErrorConstructorOf<E> | string | undefined,
  third: string | undefined,
  msg: string | undefined,
): ErrorExpectation<E> {
  if (typeof second === "string") return { msg: second };
  if (second === undefined) return { msg };
  if (second !== null && isErrorClass(second)) {
    return { ErrorClass: second, msgIncludes: third, msg };
  }
  return { msg: third };
}

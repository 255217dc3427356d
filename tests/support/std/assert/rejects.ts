import {
  checkCaught,
  type ErrorConstructorOf,
  type ErrorExpectation,
  isErrorClass,
} from "./_is_error.ts";
import { suffix } from "./_suffix.ts";
import { AssertionError } from "./assertion_error.ts";

/** Fails unless the promise `fn` returns rejects; resolves to the reason. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Fails unless the promise `fn` returns rejects with an error of the given class and message. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  // deno-lint-ignore no-explicit-any
  ErrorClass: abstract new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
/** Fails unless the promise `fn` returns rejects as expected; resolves to the reason. */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClassOrMsg?: ErrorConstructorOf<E> | string,
  msgIncludesOrMsg?: string,
  msg?: string,
): Promise<unknown> {
  const expectation = readArguments(errorClassOrMsg, msgIncludesOrMsg, msg);
  const promise = startPromise(fn, expectation.msg);
  try {
    await promise;
  } catch (reason) {
    checkCaught(reason, expectation, "rejected");
    return reason;
  }
  throw new AssertionError(`Expected function to reject${suffix(expectation.msg)}`);
}

/** Calls `fn`, which must neither throw nor return anything but a promise. */
function startPromise(
  fn: () => PromiseLike<unknown>,
  msg: string | undefined,
): PromiseLike<unknown> {
  try {
    const promise = fn();
    if (promise && typeof promise === "object" && typeof promise.then === "function") {
      return promise;
    }
  } catch {
    // A synchronous throw is reported like any other result that is no promise.
  }
  throw new AssertionError(`Function throws when expected to reject${suffix(msg)}`);
}

function readArguments<E extends Error>(
  second: ErrorConstructorOf<E> | string | undefined,
  third: string | undefined,
  msg: string | undefined,
): ErrorExpectation<E> {
  if (typeof second === "string") return { msg: second };
  if (second === undefined || !isErrorClass(second)) return { msg };
  return { ErrorClass: second, msgIncludes: third, msg };
}

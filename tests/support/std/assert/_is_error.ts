import { stripAnsiCode } from "./_styles.ts";
import { suffix } from "./_suffix.ts";
import { AssertionError } from "./assertion_error.ts";

/** A class of errors, possibly abstract. */
// deno-lint-ignore no-explicit-any
export type ErrorConstructorOf<E extends Error> = abstract new (...args: any[]) => E;

/** What a caller of `assertThrows` or `assertRejects` expects. */
export interface ErrorExpectation<E extends Error> {
  /** The class the error must be an instance of. */
  ErrorClass?: ErrorConstructorOf<E> | undefined;
  /** A text the error's message must hold. */
  msgIncludes?: string | undefined;
  /** The caller's own failure message. */
  msg?: string | undefined;
}

/** Whether a class is `Error` or extends it. */
export function isErrorClass(value: object): boolean {
  const { prototype } = value as { prototype?: unknown };
  return prototype === Error.prototype || prototype instanceof Error;
}

/** Fails unless the caught value is the expected error; `verb` says how it came about. */
export function checkCaught<E extends Error>(
  caught: unknown,
  { ErrorClass, msgIncludes, msg }: ErrorExpectation<E>,
  verb: "thrown" | "rejected",
): void {
  if (!ErrorClass) return;
  if (!(caught instanceof Error)) {
    throw new AssertionError(`A non-Error object was ${verb}${suffix(msg)}`);
  }
  if (!(caught instanceof ErrorClass)) {
    throw new AssertionError(
      `Expected error to be instance of "${ErrorClass.name}", ` +
        `but was "${(caught as Error).constructor?.name}"${suffix(msg)}`,
    );
  }
  if (!msgIncludes) return;
  if (!stripAnsiCode(caught.message).includes(stripAnsiCode(msgIncludes))) {
    throw new AssertionError(
      `Expected error message to include ${JSON.stringify(msgIncludes)}, ` +
        `but got ${JSON.stringify(caught.message)}${suffix(msg)}`,
    );
  }
}

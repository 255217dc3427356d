import { InvalidStateError } from "../coroutine/errors.ts";
import { PythonError } from "./python_errors.ts";

/**
 * How the objects of a manager in Python do what the homes of this package do. A *seat* has the methods of a home,
 * made of those that Python's proxies have.
 */

/** Who holds a lock: to Python's server that is the connection over which it was acquired. */
export interface PythonOwner {
  /** The connections; what they are knows `_python_link.ts`. */
  readonly holders: unknown[];
}

/** Calls a method of the object in Python. */
export type PythonCaller = (
  name: string,
  args?: readonly unknown[],
  owner?: PythonOwner,
) => Promise<unknown>;

/** What a method of a seat is called with. Its calls to Python are given up with the call that it answers. */
export interface PythonTurn {
  readonly signal: AbortSignal;
  readonly call: PythonCaller;
}

/** A method of a seat. */
// deno-lint-ignore no-explicit-any -- the arguments are those of the home's method
export type PythonMethod = (turn: PythonTurn, ...args: any[]) => unknown;

/** What one handle has of an object in Python. */
export interface PythonSeat {
  readonly methods: Readonly<Record<string, PythonMethod>>;
  /** Ends waits, and gives back what was acquired through the handle. */
  leave?(call: PythonCaller): Promise<void>;
}

/** A method that Python's objects do not have. */
export function lacks(action: string, advice: string): PythonMethod {
  return () => {
    throw new TypeError(`Cannot ${action}: a manager in Python has no such step; ${advice}`);
  };
}

/** A method that asks for what Python's objects do not tell. */
export function untold(what: string): PythonMethod {
  return () => {
    throw new TypeError(`Cannot get ${what}: a manager in Python does not tell`);
  };
}

/** Whether an error is an exception of Python's of a class. */
export function isPython(error: unknown, name: string): error is PythonError {
  return error instanceof PythonError && error.module === "builtins" && error.name === name;
}

/** Waits for an answer. An exception of a class becomes what the home would throw, or answer. */
export async function mapping<T>(
  answer: Promise<unknown>,
  name: string,
  instead: (error: Error) => T | Promise<T>,
): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (!isPython(error, name)) throw error;
    return await instead(error as Error);
  }
}

/** Waits for an answer. Python raises a `RuntimeError` when a lock is not held that must be. */
export async function ifHeld(answer: Promise<unknown>, text: string): Promise<unknown> {
  return await mapping(answer, "RuntimeError", (cause) => {
    throw new InvalidStateError(text, { cause });
  });
}

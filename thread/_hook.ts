import type { ThreadInfo } from "./thread_info.ts";

/**
 * Gets the errors that threads do not catch.
 *
 * @param error What was thrown.
 * @param thread The thread that threw it.
 */
export type ExceptHook = (error: unknown, thread: ThreadInfo) => void;

/** The hook that is in place; without one, errors are printed. */
export const hook: { current: ExceptHook | undefined } = { current: undefined };

/** Hands an error to the hook. */
export function callExcepthook(error: unknown, thread: ThreadInfo): void {
  if (hook.current === undefined) return printException(error, thread);
  try {
    hook.current(error, thread);
  } catch (failure) {
    print(`The hook for the error of thread ${thread.name} failed:`, failure);
    printException(error, thread);
  }
}

/** Prints an error on standard error, with the thread that threw it. */
export function printException(error: unknown, thread: ThreadInfo): void {
  print(`Exception in thread ${thread.name}:`, error);
}

function print(...values: unknown[]): void {
  try {
    console.error(...values);
  } catch {
    // The error throws when it is looked at, or standard error is closed.
  }
}

import { currentScope } from "./_current_scope.ts";

/**
 * Makes a wait of this library end when the task in which it was begun is cancelled. A wait that was
 * given a signal listens to that signal alone.
 *
 * @param signal The signal that the wait was given.
 * @param fail Ends the wait with a reason.
 * @returns Takes the wait back; `undefined` when there is nothing to take back.
 * @throws The signal's reason, or that of a cancellation that the task has not had yet.
 */
export function listenForCancel(
  signal: AbortSignal | undefined,
  fail: (reason: unknown) => void,
): (() => void) | undefined {
  if (signal === undefined) return currentScope()?.enter(fail);
  signal.throwIfAborted();
  const onAbort = () => fail(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  return () => signal.removeEventListener("abort", onAbort);
}

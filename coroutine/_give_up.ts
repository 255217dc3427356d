import { checkTimeout } from "./_check_timeout.ts";
import { listenForCancel } from "./_listen_for_cancel.ts";
import type { WaitOptions } from "./wait_options.ts";

/** What {@linkcode untilGivenUp} does when the wait ends before the work. */
export interface GivingUp<T> {
  /** Is called with the work, which goes on, and why nobody waits for it any more. */
  givenUp(work: Promise<T>, reason: unknown): void;
  /** Makes the error for a wait that took too long. */
  timedOut(timeoutMs: number): unknown;
}

/**
 * Begins work and waits for it, unless the caller gives the wait up. The work goes on in any case.
 *
 * @param begin Begins the work. Is not called when the caller has given up already.
 * @param options The usual two. Without a signal the wait also ends when the current task is cancelled.
 * @param handlers What to do when the wait is given up.
 */
export function untilGivenUp<T>(
  begin: () => Promise<T>,
  options: WaitOptions,
  handlers: GivingUp<T>,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  let isWaiting = true;
  let why: unknown;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let unlisten: (() => void) | undefined;
  let work: Promise<T> | undefined;
  const settle = (): boolean => {
    if (!isWaiting) return false;
    isWaiting = false;
    clearTimeout(timer);
    unlisten?.();
    return true;
  };
  const giveUp = (reason: unknown): void => {
    if (!settle()) return;
    why = reason;
    reject(reason);
    if (work !== undefined) handlers.givenUp(work, reason);
  };
  try {
    const timeoutMs = checkTimeout(options.timeoutMs);
    unlisten = listenForCancel(options.signal, giveUp);
    work = begin();
    // The work itself may have aborted the signal before its first wait.
    if (!isWaiting) handlers.givenUp(work, why);
    else if (timeoutMs !== Infinity) {
      timer = setTimeout(() => giveUp(handlers.timedOut(timeoutMs)), timeoutMs);
    }
  } catch (error) {
    settle();
    return Promise.reject(error);
  }
  // Handled also when nobody waits any more.
  work.then(
    (value) => settle() && resolve(value),
    (error) => settle() && reject(error),
  );
  return promise;
}

import { checkTimeout } from "./_check_timeout.ts";
import { follow } from "./_follow.ts";
import { listenForCancel } from "./_listen_for_cancel.ts";
import type { WaitOptions } from "./wait_options.ts";

/**
 * Waits for a promise for as long as the caller allows. What the promise stands for goes on either way,
 * and keeps nothing of a wait that is over.
 *
 * @param promise What to wait for: the one that lasts. One that is made of it for each wait would stay with it.
 * @param options The usual two.
 * @param timedOut Called when the time is over: its value, or what it throws, is the answer.
 */
export async function waitWithin<T>(
  promise: Promise<T>,
  options: WaitOptions,
  timedOut: (timeoutMs: number) => T,
): Promise<T> {
  const timeoutMs = checkTimeout(options.timeoutMs);
  const answer = Promise.withResolvers<T>();
  // What happens in the moment in which the wait is given up still counts.
  const giveUp = (end: () => T) => Promise.resolve().then(end).then(answer.resolve, answer.reject);
  const unlisten = listenForCancel(options.signal, (reason) => {
    giveUp(() => {
      throw reason;
    });
  });
  if (unlisten === undefined && timeoutMs === Infinity) return await promise;
  const timer = timeoutMs === Infinity
    ? undefined
    : setTimeout(() => giveUp(() => timedOut(timeoutMs)), timeoutMs);
  const leave = follow(promise, answer);
  try {
    return await answer.promise;
  } finally {
    leave();
    if (timer !== undefined) clearTimeout(timer);
    unlisten?.();
  }
}

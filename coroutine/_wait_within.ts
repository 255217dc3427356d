import { checkTimeout } from "./_check_timeout.ts";
import { listenForCancel } from "./_listen_for_cancel.ts";
import type { WaitOptions } from "./wait_options.ts";

/**
 * Waits for a promise for as long as the caller allows. What the promise stands for goes on either way.
 *
 * @param promise What to wait for.
 * @param options The usual two.
 * @param timedOut Called when the time is over: its value, or what it throws, is the answer.
 */
export async function waitWithin<T>(
  promise: Promise<T>,
  options: WaitOptions,
  timedOut: (timeoutMs: number) => T,
): Promise<T> {
  const timeoutMs = checkTimeout(options.timeoutMs);
  const { promise: stopped, resolve, reject } = Promise.withResolvers<void>();
  const unlisten = listenForCancel(options.signal, reject);
  if (unlisten === undefined && timeoutMs === Infinity) return await promise;
  const timer = timeoutMs === Infinity ? undefined : setTimeout(resolve, timeoutMs);
  try {
    return await Promise.race([promise, stopped.then(() => timedOut(timeoutMs))]);
  } finally {
    if (timer !== undefined) clearTimeout(timer);
    unlisten?.();
  }
}

import { LONGEST_TIMER_MS } from "../coroutine/_check_timeout.ts";

/**
 * Follows a promise, and has this process go on until it settles: neither a child that may outlast the
 * wish for it nor a hub in the background does so, and a program would end in the midst of an `await`.
 */
export async function keepAlive<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, LONGEST_TIMER_MS);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}

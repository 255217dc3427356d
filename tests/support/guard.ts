/** How long a guard waits when it is not told otherwise: far longer than a slow machine needs. */
export const GUARD_MS = 30_000;

/**
 * Follows the promise, but fails with the description once the time is over, so that a test which
 * would wait for ever says what it waited for.
 */
export async function guard<T>(
  promise: Promise<T>,
  describe: () => string,
  timeoutMs: number = GUARD_MS,
): Promise<T> {
  const { promise: overdue, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error(`Waited ${timeoutMs} ms for ${describe()}`));
  }, timeoutMs);
  try {
    return await Promise.race([promise, overdue]);
  } finally {
    clearTimeout(timer);
  }
}

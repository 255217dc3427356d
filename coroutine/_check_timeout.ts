/** `setTimeout` counts in 32 bits: what is longer fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Checks a `timeoutMs` option.
 *
 * @returns The milliseconds to wait, or `Infinity` for a wait without end.
 */
export function checkTimeout(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return Infinity;
  if (typeof timeoutMs !== "number") {
    throw new TypeError(`Cannot wait: "timeoutMs" must be a number, got ${typeof timeoutMs}`);
  }
  if (Number.isNaN(timeoutMs) || timeoutMs < 0) {
    throw new RangeError(`Cannot wait: "timeoutMs" must be 0 or more, got ${timeoutMs}`);
  }
  // More than 24 days: nobody can tell it from "for ever".
  return timeoutMs > LONGEST_TIMER_MS ? Infinity : timeoutMs;
}

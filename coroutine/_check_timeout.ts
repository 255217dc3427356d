/** `setTimeout` counts in 32 bits: what is longer fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Checks a `timeoutMs` option, or another one that says how long to wait.
 *
 * @returns The milliseconds to wait, or `Infinity` for a wait without end.
 */
export function checkTimeout(timeoutMs: number | undefined, name = "timeoutMs"): number {
  if (timeoutMs === undefined) return Infinity;
  if (typeof timeoutMs !== "number") {
    throw new TypeError(`Cannot wait: "${name}" must be a number, got ${typeof timeoutMs}`);
  }
  if (Number.isNaN(timeoutMs) || timeoutMs < 0) {
    throw new RangeError(`Cannot wait: "${name}" must be 0 or more, got ${timeoutMs}`);
  }
  // More than 24 days: nobody can tell it from "for ever".
  return timeoutMs > LONGEST_TIMER_MS ? Infinity : timeoutMs;
}

/** Calls back after so long, if that is not for ever. @returns The timer, for `clearTimeout`. */
export function startLimit(
  callback: () => void,
  limitMs: number,
): ReturnType<typeof setTimeout> | undefined {
  return limitMs > LONGEST_TIMER_MS ? undefined : setTimeout(callback, limitMs);
}

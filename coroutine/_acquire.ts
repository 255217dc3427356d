import { checkTimeout } from "./_check_timeout.ts";
import type { Waiters } from "./_waiters.ts";
import type { WaitOptions } from "./wait_options.ts";

/** The answer to those who need not wait: made once, so that they cost no promise. */
export const YES: Promise<boolean> = Promise.resolve(true);
/** The answer to those who would have to wait and must not. */
export const NO: Promise<boolean> = Promise.resolve(false);

const TIME_IS_OVER = Symbol("time is over");

/**
 * Checks the options of a wait, the aborted signal first.
 *
 * @returns The milliseconds to wait, or `Infinity` for a wait without end.
 */
export function beginWait(options: WaitOptions): number {
  options.signal?.throwIfAborted();
  return checkTimeout(options.timeoutMs);
}

/**
 * Waits in a line as Python's locks do: `true` for those who are granted it, `false` when the time is
 * over. `timeoutMs` 0 must have been answered by the caller.
 */
export function waitInLine<Data>(
  line: Waiters<boolean, Data>,
  data: Data,
  options: WaitOptions,
): Promise<boolean> {
  const waiting = line.wait(data, options, () => TIME_IS_OVER);
  return options.timeoutMs === undefined ? waiting : waiting.catch(falseWhenOver);
}

function falseWhenOver(error: unknown): boolean {
  if (error === TIME_IS_OVER) return false;
  throw error;
}

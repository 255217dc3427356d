import { abortable } from "./abortable.ts";

/** Options of {@linkcode deadline}. */
export interface DeadlineOptions {
  /** A signal that ends the wait early. */
  signal?: AbortSignal;
}

/** A promise that follows `p`, but rejects with a `TimeoutError` once `ms` milliseconds are over. */
export async function deadline<T>(
  p: Promise<T>,
  ms: number,
  options: DeadlineOptions = {},
): Promise<T> {
  const limits: AbortSignal[] = [];
  // A longer time could not be waited for exactly, so it counts as no limit.
  if (ms < Number.MAX_SAFE_INTEGER) limits.push(AbortSignal.timeout(ms));
  if (options.signal) limits.push(options.signal);
  return await abortable(p, AbortSignal.any(limits));
}

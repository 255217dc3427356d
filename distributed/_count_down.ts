import { checkTimeout } from "../coroutine/_check_timeout.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";

/** The same options for each of several waits, with what is left of the time limit that they have together. */
export function countDown({ signal, timeoutMs }: WaitOptions): () => WaitOptions {
  const end = performance.now() + checkTimeout(timeoutMs);
  return () => ({ signal, timeoutMs: Math.max(0, end - performance.now()) });
}

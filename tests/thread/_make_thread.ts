import { type TargetFunction, Thread, type ThreadOptions } from "../../thread/mod.ts";

/** The module of the targets of these tests. */
export const MODULE: URL = new URL("fixtures/targets.ts", import.meta.url);

/** A thread that runs a function of `fixtures/targets.ts`. */
export function makeThread<F extends TargetFunction>(
  target: F,
  args: Parameters<F>,
  options: Partial<ThreadOptions<F>> = {},
): Thread<F> {
  return new Thread<F>({ module: MODULE, target, args, ...options });
}

/** Words of shared memory. */
export function makeWords(count = 2): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(4 * count));
}

/** Waits until the first word is set by a thread. */
export async function waitForWord(words: Int32Array<SharedArrayBuffer>): Promise<void> {
  const { async, value } = Atomics.waitAsync(words, 0, 0);
  const timer = setInterval(() => {}, 1_000);
  if (async) await value;
  clearInterval(timer);
}

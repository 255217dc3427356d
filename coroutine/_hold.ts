import { TimeoutError } from "./errors.ts";
import type { Permit } from "./permit.ts";

/** Releases once. */
export class HeldPermit implements Permit {
  #release: (() => void) | undefined;

  constructor(release: () => void) {
    this.#release = release;
  }

  [Symbol.dispose](): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }
}

/**
 * Makes the scoped form out of `acquire()`.
 *
 * @param acquired What `acquire()` answered.
 * @param release Undoes it.
 * @param what What is acquired, for the message: `the lock`.
 * @param timeoutMs How long was waited, for the message.
 */
export async function holdAcquired(
  acquired: Promise<boolean>,
  release: () => void,
  what: string,
  timeoutMs: number | undefined,
): Promise<Permit> {
  if (await acquired) return new HeldPermit(release);
  throw new TimeoutError(`Cannot acquire ${what}: others held it for ${timeoutMs} ms`);
}

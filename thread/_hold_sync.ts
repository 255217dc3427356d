import { TimeoutError } from "../coroutine/errors.ts";
import type { Permit } from "../coroutine/permit.ts";

class HeldPermit implements Permit {
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
 * Makes the scoped form out of `acquireSync()`.
 *
 * @param acquire Calls `acquireSync()`.
 * @param release Undoes it.
 * @param what What was acquired, for the message: `the lock`.
 * @param timeoutMs How long was waited, for the message.
 */
export function holdAcquiredSync(
  acquire: () => boolean,
  release: () => void,
  what: string,
  timeoutMs: number | undefined,
): Permit {
  if (acquire()) return new HeldPermit(release);
  throw new TimeoutError(`Cannot acquire ${what}: others held it for ${timeoutMs} ms`);
}

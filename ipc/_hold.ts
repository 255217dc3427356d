import { TimeoutError } from "../coroutine/errors.ts";
import { ConnectionClosedError, ConnectionLostError } from "./errors.ts";
import type { Permit } from "./permit.ts";

class HeldPermit implements Permit {
  #release: (() => Promise<void>) | undefined;

  constructor(release: () => Promise<void>) {
    this.#release = release;
  }

  [Symbol.dispose](): void {
    void this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const release = this.#release;
    this.#release = undefined;
    try {
      await release?.();
    } catch (error) {
      // Where the way to the lock has ended, or the lock itself, nothing is held any more.
      if (error instanceof ConnectionClosedError || error instanceof ConnectionLostError) return;
      throw error;
    }
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
  release: () => Promise<void>,
  what: string,
  timeoutMs: number | undefined,
): Promise<Permit> {
  if (await acquired) return new HeldPermit(release);
  throw new TimeoutError(`Cannot acquire ${what}: others held it for ${timeoutMs} ms`);
}

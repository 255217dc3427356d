import { HeldPermit } from "../coroutine/_hold.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { Permit } from "../coroutine/permit.ts";

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

import { InvalidStateError } from "../coroutine/errors.ts";
import { Lock } from "./lock.ts";
import { RLock } from "./rlock.ts";

/** The lock that an option asks for. */
export function makeLock(lock: unknown, action: string): Lock | RLock | undefined {
  if (lock === undefined || lock === true) return new RLock();
  if (lock === false) return undefined;
  if (lock instanceof Lock || lock instanceof RLock) return lock;
  throw new TypeError(`Cannot ${action}: "lock" must be a Lock, an RLock, true or false`);
}

/** The lock of a value, or why there is none. */
export function lockOf(lock: Lock | RLock | undefined, what: string): Lock | RLock {
  if (lock !== undefined) return lock;
  throw new InvalidStateError(`Cannot get the lock of the ${what}: it was made with "lock: false"`);
}

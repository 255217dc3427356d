import type { LockHome } from "./_lock_home.ts";

const homes = new WeakMap<object, () => LockHome | undefined>();

/** Tells where a lock lives, for those who build on it: conditions. */
export function setLockHome(lock: object, home: () => LockHome | undefined): void {
  homes.set(lock, home);
}

/** The home of a lock; `undefined` when it is in another process. */
export function lockHomeOf(lock: object): LockHome | undefined {
  return homes.get(lock)?.();
}

import type { LentReference } from "./_family.ts";
import { AcquiringHandle } from "./_lock_handle.ts";
import { SemaphoreHome } from "./_semaphore_home.ts";

/** What a process has of a semaphore. */
export type SemaphoreHandle = AcquiringHandle<SemaphoreHome>;

const handles = new WeakMap<object, SemaphoreHandle>();
let nextPlace: LentReference | undefined;
let nextBound = Infinity;

/**
 * Makes a semaphore that lives in another process, for which its constructor has no place.
 *
 * @param place Where it lives.
 * @param make Calls the constructor.
 */
export function withHandle<T>(place: LentReference, make: () => T): T {
  nextPlace = place;
  return make();
}

/** Sets the bound of the semaphore that is constructed next. */
export function setBound(bound: number): void {
  nextBound = bound;
}

/** The handle for the semaphore that is being constructed. */
export function takeHandle(semaphore: object, value: number): SemaphoreHandle {
  const bound = nextBound;
  const place = nextPlace;
  nextBound = Infinity;
  nextPlace = undefined;
  const home = place ?? new SemaphoreHome(value, bound);
  const handle = new AcquiringHandle<SemaphoreHome>("the semaphore", home);
  handles.set(semaphore, handle);
  return handle;
}

/** The handle of a semaphore. */
export function handleOf(semaphore: object): SemaphoreHandle {
  return handles.get(semaphore)!;
}

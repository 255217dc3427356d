/** What `bounded_semaphore.ts` needs of a `Semaphore`; set by `semaphore.ts`. */
export interface SemaphoreInternals {
  /** Its memory. */
  memoryOf(semaphore: object): SharedArrayBuffer;
  /** How many places there may be. */
  boundOf(semaphore: object): number;
}

export const semaphoreInternals = {} as SemaphoreInternals;

let bound: number | undefined;

/** Sets the bound of the semaphore that is constructed next: its constructor has no place for one. */
export function setBound(value: number): void {
  bound = value;
}

/** The bound for the semaphore that is being constructed, once. */
export function takeBound(): number | undefined {
  const value = bound;
  bound = undefined;
  return value;
}

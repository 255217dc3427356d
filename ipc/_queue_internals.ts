import type { LentReference } from "./_family.ts";

/** What `joinable_queue.ts` needs of a `Queue`; set by `queue.ts`. */
export interface QueueInternals {
  /** Calls a method of the queue, wherever it is. */
  call(queue: object, method: string, args: unknown[]): Promise<unknown>;
  /** Says what crosses in its place. */
  lend(queue: object): LentReference;
  /** Makes it stand for what has crossed. */
  borrow(queue: object, data: unknown): void;
}

export const queueInternals = {} as QueueInternals;

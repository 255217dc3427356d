import type { Queue } from "../coroutine/queue.ts";
import { type LentReference, ownObject, readReference, type WireReference } from "./_reference.ts";

/** What `joinable_queue.ts` and the like need of a `Queue`; set by `queue.ts`. */
export interface QueueInternals {
  /** Calls a method of the queue, wherever it is. */
  call(queue: object, method: string, args: unknown[]): Promise<unknown>;
  /** Says where a queue that was just made keeps its items. */
  keepIn(queue: object, place: Queue<unknown>): void;
  /** Says what crosses in place of the object that has it, itself for example. */
  lend(queue: object, object: object): WireReference;
  /** How the object is shown that has it, itself for example. */
  describe(queue: object, object: object): string;
  /** Makes it stand for one that lives elsewhere. */
  borrow(queue: object, reference: LentReference): void;
}

export const queueInternals = {} as QueueInternals;

/**
 * Makes a queue of what has crossed, or finds it where it lives here.
 *
 * @param data What has crossed.
 * @param queueClass Its class.
 * @param inner The `Queue` that an object of the class has or is.
 */
export function receiveQueue<Q extends object>(
  data: unknown,
  queueClass: new () => Q,
  inner: (queue: Q) => object,
): Q {
  const reference = readReference(data, "a queue");
  const own = ownObject(reference, queueClass);
  if (own !== undefined) return own;
  const queue = new queueClass();
  queueInternals.borrow(inner(queue), reference);
  return queue;
}

import {
  Barrier,
  Condition,
  Event,
  Lock,
  type Queue,
  RLock,
  Semaphore,
  SharedArray,
  Value,
} from "../../ipc/mod.ts";

/** What the tests of locks run in processes that are killed. */

/** Locks, as far as these tests use them. */
export interface Acquirable {
  readonly ownerDied: boolean;
  acquire(): Promise<boolean>;
  release(): Promise<void>;
  markConsistent(): Promise<void>;
}

/** One of each, which a process lends to the one that will kill it. */
export interface Lent {
  lock: Lock;
  rlock: RLock;
  semaphore: Semaphore;
  condition: Condition;
  event: Event;
  barrier: Barrier;
  value: Value<"int32">;
  array: SharedArray<"float64">;
}

/** Makes one of each, holds what can be held, and does nothing more. */
export async function lendAndHold(queue: Queue<Lent>): Promise<void> {
  const lent: Lent = {
    lock: new Lock(),
    rlock: new RLock(),
    semaphore: new Semaphore(1),
    condition: new Condition(),
    event: new Event(),
    barrier: new Barrier(2),
    value: new Value("int32", 7),
    array: new SharedArray("float64", 2),
  };
  const { lock, rlock, semaphore, condition } = lent;
  for (const held of [lock, rlock, semaphore, condition]) await held.acquire();
  await queue.put(lent);
  await new Promise(() => {});
}

/**
 * Acquires and releases until it is told to stop. What another one left half done is put in order.
 *
 * @param inside How many are between acquire and release.
 * @param rounds How often anybody was.
 * @param violations How often there were two.
 */
export async function hammer(
  lock: Acquirable,
  inside: Value<"int32">,
  rounds: Value<"int32">,
  violations: Value<"int32">,
  stop: Event,
): Promise<void> {
  while (!await stop.isSet()) {
    await lock.acquire();
    if (lock.ownerDied) {
      await inside.set(0);
      await lock.markConsistent();
    }
    if (await inside.add(1) !== 1) await violations.add(1);
    await rounds.add(1);
    await inside.add(-1);
    await lock.release();
  }
}

/** Acquires and releases a place until it is told to stop. */
export async function useSemaphore(
  semaphore: Semaphore,
  rounds: Value<"int32">,
  stop: Event,
): Promise<void> {
  while (!await stop.isSet()) {
    await semaphore.acquire();
    await rounds.add(1);
    await semaphore.release();
  }
}

/** Takes tokens that are announced by a condition until it is told to stop. */
export async function takeTokens(
  changed: Condition,
  tokens: Value<"int32">,
  taken: Value<"int32">,
  stop: Event,
): Promise<void> {
  while (!await stop.isSet()) {
    await using _ = await changed.hold();
    await changed.waitFor(async () => await stop.isSet() || await tokens.get() > 0);
    if (await tokens.get() === 0) continue;
    // One step: a kill between two would lose the token, which is not the condition's fault.
    await tokens.add(-1);
    await taken.add(1);
  }
}

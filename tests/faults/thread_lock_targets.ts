/** What the threads of `thread_lock_kill_test.ts` and `thread_queue_kill_test.ts` run. */

import {
  type Barrier,
  type Condition,
  type Lock,
  type Queue,
  type RLock,
  type Semaphore,
  Thread,
  type Value,
} from "../../thread/mod.ts";

type Words = Int32Array<SharedArrayBuffer>;

function tell(words: Words): void {
  Atomics.store(words, 0, 1);
  Atomics.notify(words, 0);
}

/** Takes the lock, and never gives it back. */
export function holdAndSpin(lock: Lock | RLock | Semaphore | Condition, words: Words): void {
  lock.acquireSync();
  tell(words);
  while (true);
}

/** The same with the lock of a value. */
export function holdValueAndSpin(value: Value<"int32">, words: Words): void {
  holdAndSpin(value.getLock(), words);
}

/** The same, twice over. */
export function holdTwiceAndSpin(lock: RLock, words: Words): void {
  lock.acquireSync();
  holdAndSpin(lock, words);
}

/** Takes the lock, and ends. */
export function holdAndEnd(lock: Lock | RLock, words: Words): void {
  lock.acquireSync();
  tell(words);
}

/** Takes the lock, and throws. */
export function holdAndThrow(lock: Lock | RLock): void {
  lock.acquireSync();
  throw new Error("enough");
}

/** Waits for the lock. */
export function acquire(lock: Lock | RLock | Semaphore): boolean {
  return lock.acquireSync();
}

/** Waits to be notified. */
export function waitFor(condition: Condition): boolean {
  using _ = condition.holdSync();
  return condition.waitSync();
}

/** Waits for the others. */
export function meet(barrier: Barrier): number {
  return barrier.waitSync();
}

/** Holds the lock until it is told to go on. */
export function holdUntil(lock: Lock | RLock, words: Words): void {
  lock.acquireSync();
  tell(words);
  Atomics.wait(words, 1, 0);
  lock.release();
}

/** Counts in two words that must stay equal, over and over. Whoever dies in between leaves them unequal. */
export function countForEver(lock: Lock | RLock, words: Words): void {
  for (;;) {
    lock.acquireSync();
    if (words[0] !== words[1]) {
      if (!lock.ownerDied) Atomics.store(words, 2, 1);
      words[1] = words[0]!;
      lock.markConsistent();
    }
    words[0]!++;
    words[1]!++;
    lock.release();
  }
}

/** Puts and gets numbers and texts, over and over. What it puts is new each time: `from` and up. */
export function passForEver(queue: Queue<unknown>, from: number): void {
  for (let n = from;; n++) {
    queue.putSync(n % 3 === 0 ? n : [n, "x".repeat(n % 50)]);
    queue.getSync();
  }
}

/** Puts numbers over and over. */
export function putForEver(queue: Queue<number>, from: number): void {
  for (let n = from;; n++) queue.putSync(n);
}

/** Gets over and over. */
export function getForEver(queue: Queue<unknown>): void {
  for (;;) queue.getSync();
}

/** Starts a thread that holds the lock, and kills it a moment after the main thread has begun to wait. */
export async function holdAndBeKilled(lock: Lock, words: Words): Promise<void> {
  const thread = new Thread({
    module: import.meta.url,
    target: holdAndSpin,
    args: [lock, words],
    killable: true,
  });
  await thread.start();
  while (Atomics.load(words, 0) === 0 || lock.statistics().waiting === 0) await nextTurn();
  await thread.terminate();
}

/** Starts a thread that holds the lock, and waits for it for ever. */
export async function holdInChild(lock: Lock, words: Words): Promise<void> {
  const thread = new Thread({
    module: import.meta.url,
    target: holdAndSpin,
    args: [lock, words],
    killable: true,
  });
  await thread.start();
  await thread.join();
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/**
 * A lock that nobody else wants: acquired and released by one task, again and again.
 *
 * The semaphore of `@std/async` would be a peer as well, but it is to be had from JSR only, and its place
 * is taken here by a stand-in that has no semaphore.
 *
 * @module
 */

import { Lock } from "../coroutine/mod.ts";
import { expectResult, measure, type Scenario } from "./harness.ts";
import { npmPeer } from "./npm_peer.ts";

const TURNS = 100_000;

/** A lock that nobody else wants. */
export const scenario: Scenario = {
  name: "lock uncontended",
  description: "100,000 times acquired and released by one task; an operation is both",
  ours: { name: "coroutine.Lock", run: () => measure(lockAndUnlock) },
  peers: [
    npmPeer({ name: "async-mutex", version: "0.5.0", goal: 1.2, pass: lockAndUnlockMutex }),
  ],
};

/** As much of the package as is used. */
interface AsyncMutex {
  Mutex: new () => { acquire(): Promise<() => void>; isLocked(): boolean };
}

async function lockAndUnlock(): Promise<number> {
  const lock = new Lock();
  let held = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    await lock.acquire();
    if (lock.locked()) held++;
    lock.release();
  }
  expectResult("how often it was held", held, TURNS);
  return TURNS;
}

async function lockAndUnlockMutex({ Mutex }: AsyncMutex): Promise<number> {
  const mutex = new Mutex();
  let held = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    const release = await mutex.acquire();
    if (mutex.isLocked()) held++;
    release();
  }
  expectResult("how often it was held", held, TURNS);
  return TURNS;
}

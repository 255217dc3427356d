/**
 * A lock with 100,000 waiters, all of them served: what one operation costs when the line is long.
 *
 * @module
 */

import { Lock } from "../coroutine/mod.ts";
import { expectResult, measure, type Scenario } from "./harness.ts";
import { npmPeer } from "./npm_peer.ts";

const WAITERS = 100_000;

/** A lock with a long line. */
export const scenario: Scenario = {
  name: "lock 100k waiters",
  description: "100,000 waiters queued, then all served in order; an operation is one waiter",
  ours: { name: "coroutine.Lock", run: () => measure(serveAll) },
  peers: [
    npmPeer({ name: "async-mutex", version: "0.5.0", goal: 1, pass: serveAllOfMutex }),
  ],
};

/** As much of the package as is used. */
interface AsyncMutex {
  Mutex: new () => { acquire(): Promise<() => void> };
}

async function serveAll(): Promise<number> {
  const lock = new Lock();
  await lock.acquire();
  let served = 0;
  let inOrder = 0;
  const pass = async (place: number): Promise<void> => {
    await lock.acquire();
    if (place === served++) inOrder++;
    lock.release();
  };
  const waiters = Array.from({ length: WAITERS }, (_, place) => pass(place));
  lock.release();
  await Promise.all(waiters);
  expectResult("how many were served in order", inOrder, WAITERS);
  return WAITERS;
}

async function serveAllOfMutex({ Mutex }: AsyncMutex): Promise<number> {
  const mutex = new Mutex();
  const releaseFirst = await mutex.acquire();
  let served = 0;
  let inOrder = 0;
  const pass = async (place: number): Promise<void> => {
    const release = await mutex.acquire();
    if (place === served++) inOrder++;
    release();
  };
  const waiters = Array.from({ length: WAITERS }, (_, place) => pass(place));
  releaseFirst();
  await Promise.all(waiters);
  expectResult("how many were served in order", inOrder, WAITERS);
  return WAITERS;
}

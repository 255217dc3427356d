/**
 * Two threads that hand locks to each other, and wait for each other each time.
 *
 * @module
 */

import { Lock, Thread } from "../thread/mod.ts";
import { type Contestant, expectResult, measure, type Peer, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { answerLocks } from "./subjects/thread_turns.ts";

const ROUNDS = 2_000;

/** Two threads that hand locks to each other. */
export const scenario: Scenario = {
  name: "thread lock hand-over",
  description: "2,000 times a lock handed to another thread, and one back; an operation is both",
  ours: lockContestant(),
  peers: [
    barePeer(),
    pythonPeer({
      name: "CPython threading.Lock",
      goal: 1,
      program: "thread_lock.py",
      args: ["hand-over"],
    }),
  ],
};

function lockContestant(): Contestant {
  const [mine, other] = [new Lock(), new Lock()];
  const stop = new Int32Array(new SharedArrayBuffer(4));
  let thread: Thread | undefined;
  return {
    name: "thread.Lock",
    async setup(): Promise<void> {
      mine.acquireSync();
      other.acquireSync();
      thread = new Thread({
        module: new URL("./subjects/thread_turns.ts", import.meta.url),
        target: answerLocks.name,
        args: [other, mine, stop],
      });
      await thread.start();
    },
    run: () =>
      measure(() => {
        let rounds = 0;
        for (let round = 0; round < ROUNDS; round++) {
          other.release();
          if (mine.acquireSync()) rounds++;
        }
        expectResult("the rounds", rounds, ROUNDS);
        return ROUNDS;
      }),
    async teardown(): Promise<void> {
      Atomics.store(stop, 0, 1);
      other.release();
      await thread?.join();
    },
  };
}

/** The least that it can take: a word that both wait for. */
function barePeer(): Peer {
  const words = new Int32Array(new SharedArrayBuffer(4));
  let worker: Worker | undefined;
  return {
    name: "bare Atomics.wait and notify",
    goal: 0.5,
    async setup(): Promise<void> {
      worker = new Worker(new URL("./peers/bare_turns.ts", import.meta.url), { type: "module" });
      const ready = new Promise((resolve) => worker!.onmessage = resolve);
      worker.postMessage(words);
      await ready;
    },
    run: () =>
      measure(() => {
        let rounds = 0;
        for (let round = 0; round < ROUNDS; round++) {
          Atomics.store(words, 0, 1);
          Atomics.notify(words, 0);
          // The notification of the round before may be late, and wake it too early.
          while (Atomics.load(words, 0) === 1) Atomics.wait(words, 0, 1);
          rounds++;
        }
        expectResult("the rounds", rounds, ROUNDS);
        return ROUNDS;
      }),
    teardown(): void {
      Atomics.store(words, 0, 2);
      Atomics.notify(words, 0);
      worker?.terminate();
      worker = undefined;
    },
  };
}

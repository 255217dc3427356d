/**
 * Eight mebibytes to another process.
 *
 * @module
 */

import { Queue, SharedMemory } from "../ipc/mod.ts";
import { Process } from "../process/mod.ts";
import { type Contestant, expectResult, measure, type Peer, type Scenario } from "./harness.ts";
import { pythonPeer } from "./python_peer.ts";
import { readMemory, readQueue, samplePages } from "./subjects/shared_memory.ts";

const CALLS = 10;
const SIZE = 8 << 20;
const SUBJECTS = new URL("./subjects/shared_memory.ts", import.meta.url);

/** Eight mebibytes whose bytes differ from those of the call before. */
function fill(bytes: Uint8Array, call: number): void {
  bytes.fill(1 + call % 250);
}

/** Writes into shared memory, and tells the other process by a queue. */
function throughMemory(): Contestant {
  let stack: AsyncDisposableStack | undefined;
  let once: (() => Promise<number>) | undefined;
  return {
    name: "ipc.SharedMemory",
    async setup(): Promise<void> {
      stack = new AsyncDisposableStack();
      const memory = stack.use(SharedMemory.create(SIZE));
      stack.defer(() => memory.unlink());
      const requests = stack.use(new Queue<number>());
      const answers = stack.use(new Queue<number>());
      const child = stack.use(
        new Process({
          module: SUBJECTS,
          target: readMemory,
          args: [memory, requests, answers],
          permissions: { ffi: true },
        }),
      );
      await child.start();
      const source = new Uint8Array(SIZE);
      let calls = 0;
      once = async () => {
        for (let call = 0; call < CALLS; call++) {
          fill(source, ++calls);
          memory.buf.set(source);
          await requests.put(calls);
          expectResult("the sample", await answers.get(), samplePages(source));
        }
        return CALLS;
      };
      stack.defer(async () => {
        await requests.put(-1);
        await child.join();
      });
    },
    run: () => measure(once!),
    async teardown(): Promise<void> {
      await stack?.disposeAsync();
      stack = undefined;
    },
  };
}

/** Puts the bytes themselves into the queue. */
function throughQueue(goal: number): Peer {
  let stack: AsyncDisposableStack | undefined;
  let once: (() => Promise<number>) | undefined;
  return {
    name: "ipc.Queue",
    goal,
    async setup(): Promise<void> {
      stack = new AsyncDisposableStack();
      const requests = stack.use(new Queue<Uint8Array>());
      const answers = stack.use(new Queue<number>());
      const child = stack.use(
        new Process({ module: SUBJECTS, target: readQueue, args: [requests, answers] }),
      );
      await child.start();
      const source = new Uint8Array(SIZE);
      let calls = 0;
      once = async () => {
        for (let call = 0; call < CALLS; call++) {
          fill(source, ++calls);
          await requests.put(source);
          expectResult("the sample", await answers.get(), samplePages(source));
        }
        return CALLS;
      };
      stack.defer(async () => {
        await requests.put(new Uint8Array());
        await child.join();
      });
    },
    run: () => measure(once!),
    async teardown(): Promise<void> {
      await stack?.disposeAsync();
      stack = undefined;
    },
  };
}

/** Eight mebibytes to another process. */
export const scenario: Scenario = {
  name: "shared memory bytes",
  description: "8 MiB to another process, which looks at each page and answers with a number, " +
    "10 times one after another; an operation is one time",
  ours: throughMemory(),
  peers: [
    throughQueue(5),
    pythonPeer({
      name: "CPython SharedMemory",
      goal: 1,
      program: "shared_memory.py",
      args: ["memory"],
    }),
    pythonPeer({
      name: "CPython Queue",
      goal: 5,
      program: "shared_memory.py",
      args: ["queue"],
    }),
  ],
};

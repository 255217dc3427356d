/**
 * Small messages to another process and back through shared memory.
 *
 * @module
 */

import { SharedMemory } from "../ipc/mod.ts";
import { Process } from "../process/mod.ts";
import { bareFutexPeer } from "./bare_futex_peer.ts";
import { type Contestant, expectResult, measure, type Scenario } from "./harness.ts";
import { openFutex } from "./subjects/futex.ts";
import { echoRing, LAST, RING, Ring } from "./subjects/shared_memory.ts";

const TIMES = 10_000;
const SUBJECTS = new URL("./subjects/shared_memory.ts", import.meta.url);

function throughRing(): Contestant {
  let stack: AsyncDisposableStack | undefined;
  let once: (() => number) | undefined;
  return {
    name: "ring on ipc.SharedMemory",
    async setup(): Promise<void> {
      stack = new AsyncDisposableStack();
      const memory = stack.use(SharedMemory.create(2 * Ring.BYTES));
      stack.defer(() => memory.unlink());
      const child = stack.use(
        new Process({
          module: SUBJECTS,
          target: echoRing,
          args: [memory],
          permissions: { ffi: true },
        }),
      );
      await child.start();
      const futex = stack.use(openFutex());
      const [there, back] = [new Ring(memory, 0, futex), new Ring(memory, Ring.BYTES, futex)];
      const [message, answer] = [new Uint8Array(RING.bytes), new Uint8Array(RING.bytes)];
      once = () => {
        for (let n = 0; n < TIMES; n++) {
          message[RING.bytes - 1] = n % 256;
          there.put(message);
          back.take(answer);
          expectResult("the last byte", answer[RING.bytes - 1]!, n % 256);
        }
        return TIMES;
      };
      stack.defer(async () => {
        there.put(message.fill(LAST));
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

/** Small messages to another process and back through shared memory. */
export const scenario: Scenario = {
  name: "shared memory ring",
  description: "10,000 messages of 64 bytes to another process and back through two rings, one " +
    "after another, each side looking 100 times before it sleeps; an operation is there and back",
  ours: throughRing(),
  peers: [bareFutexPeer(1 / 1.5, TIMES)],
};

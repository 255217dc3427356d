/**
 * What the scenarios of shared memory run in the other process.
 *
 * @module
 */

import type { Queue, SharedMemory } from "../../ipc/mod.ts";
import "../../ipc/queue.ts";
import "../../ipc/shared_memory.ts";
import { type Futex, openFutex } from "./futex.ts";

/** The sum of some of the bytes: one in each page, so that all of them are really there. */
export function samplePages(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 4096) sum += bytes[at]!;
  return sum;
}

/** Answers for each request with the sample of what is in the memory, until it is told `-1`. */
export async function readMemory(
  memory: SharedMemory,
  requests: Queue<number>,
  answers: Queue<number>,
): Promise<void> {
  while (await requests.get() !== -1) {
    await answers.put(samplePages(memory.buf));
  }
}

/** Answers for each item with its sample, until one is empty. */
export async function readQueue(
  requests: Queue<Uint8Array>,
  answers: Queue<number>,
): Promise<void> {
  for (;;) {
    const bytes = await requests.get();
    if (bytes.length === 0) return;
    await answers.put(samplePages(bytes));
  }
}

/** How many messages of how many bytes a ring holds. */
export const RING = { slots: 64, bytes: 64 } as const;

/** So often a side looks before it sleeps. */
const LOOKS = 100;

/**
 * One direction between two processes: a count of what was written, whether the reader sleeps, and the
 * slots.
 */
export class Ring {
  readonly #written: Int32Array<ArrayBuffer>;
  readonly #asleep: Int32Array<ArrayBuffer>;
  readonly #slots: Uint8Array[];
  readonly #futex: Futex;
  #turn = 0;

  /** Uses the memory from an offset on. */
  constructor(memory: SharedMemory, offset: number, futex: Futex) {
    const { buffer } = memory.buf;
    this.#futex = futex;
    this.#written = new Int32Array(buffer, offset, 1);
    this.#asleep = new Int32Array(buffer, offset + 4, 1);
    this.#slots = Array.from(
      { length: RING.slots },
      (_, i) => new Uint8Array(buffer, offset + RING.bytes * (i + 1), RING.bytes),
    );
  }

  /** How many bytes it takes. */
  static readonly BYTES = RING.bytes * (RING.slots + 1);

  /** Writes a message; whoever uses it knows that the slot is free. */
  put(message: Uint8Array): void {
    this.#slots[this.#turn % RING.slots]!.set(message);
    Atomics.store(this.#written, 0, ++this.#turn);
    if (Atomics.load(this.#asleep, 0) === 1) this.#futex.wake(this.#written);
  }

  /** Copies the next message: looks for it for some time, then sleeps. */
  take(into: Uint8Array): void {
    for (let look = 0; Atomics.load(this.#written, 0) === this.#turn; look++) {
      if (look < LOOKS) continue;
      // The writer looks at the flag after it has written, and the kernel at the count before it sleeps.
      Atomics.store(this.#asleep, 0, 1);
      this.#futex.wait(this.#written, this.#turn);
      Atomics.store(this.#asleep, 0, 0);
    }
    into.set(this.#slots[this.#turn++ % RING.slots]!);
  }
}

/** What the first byte of the last message is. */
export const LAST = 255;

/** Sends messages back over the second ring, until the last one, and keeps its thread all the time. */
export function echoRing(memory: SharedMemory): void {
  using futex = openFutex();
  const [there, back] = [new Ring(memory, 0, futex), new Ring(memory, Ring.BYTES, futex)];
  const message = new Uint8Array(RING.bytes);
  while (message[0] !== LAST) {
    there.take(message);
    back.put(message);
  }
}

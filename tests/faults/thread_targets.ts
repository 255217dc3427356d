/** What goes wrong in a thread. */

import type { Lock } from "../../thread/mod.ts";

type Words = Int32Array<SharedArrayBuffer>;

/** More than what all the rest of a test takes, and less than what the machine has. */
const BOUNDED_MIB = 192;

/** Says that it runs. */
function sayRunning(words: Words): void {
  Atomics.store(words, 0, 1);
  Atomics.notify(words, 0);
}

export function returnText(): string {
  return "returned";
}

export function throwError(): never {
  throw new RangeError("thrown");
}

export function rejectLater(): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new RangeError("rejected")), 0));
}

export function throwAside(): Promise<never> {
  queueMicrotask(() => {
    throw new RangeError("aside");
  });
  return new Promise(() => {});
}

/** Throws what cannot even be looked at. */
export function throwUnreadable(): never {
  throw new Proxy({}, {
    get() {
      throw new Error("do not look");
    },
    getPrototypeOf() {
      throw new Error("do not ask");
    },
  });
}

export function returnUncloneable(): unknown {
  return { deep: [() => {}] };
}

/** Returns an object that throws when it is cloned. */
export function returnTrap(): unknown {
  return {
    get field(): never {
      throw new RangeError("a getter");
    },
  };
}

export function overflow(): number {
  return 1 + overflow();
}

export function closeSelf(): Promise<never> {
  (globalThis as unknown as { close(): void }).close();
  return new Promise(() => {});
}

/** Closes the thread and goes on for as long as it is let. */
export function closeSelfAndThrow(): never {
  (globalThis as unknown as { close(): void }).close();
  throw new RangeError("thrown after close()");
}

export function exitRuntime(): never {
  Deno.exit(3);
}

/** Takes away what the thread's own code might use. */
export function breakGlobals(): string {
  Object.assign(globalThis, {
    postMessage: () => {
      throw new Error("not this one");
    },
    onmessage: null,
    structuredClone: undefined,
    addEventListener: undefined,
  });
  return "returned";
}

export function spin(words: Words): never {
  sayRunning(words);
  while (true);
}

/** Parks where nothing of ours can wake it. */
export function park(words: Words): void {
  sayRunning(words);
  Atomics.wait(words, 1, 0);
}

/** Catches everything and goes on. */
export function resist(words: Words): never {
  sayRunning(words);
  while (true) {
    try {
      JSON.parse("{");
    } catch {
      // On.
    }
  }
}

/** Takes memory until there is much, and holds it for ever. */
export function takeMemory(words: Words): never {
  const taken: Uint8Array[] = [];
  for (let mib = 0; mib < BOUNDED_MIB; mib++) taken.push(new Uint8Array(1024 * 1024).fill(mib));
  sayRunning(words);
  while (taken.length > 0);
  throw new Error("never");
}

/** Takes memory without end. */
export function takeAllMemory(): never {
  const taken: unknown[] = [];
  while (true) taken.push(new Array(1_000).fill({}));
}

/** Holds the lock for ever. */
export function spinUnderLock(lock: Lock, words: Words): never {
  lock.acquireSync();
  return spin(words);
}

/** Counts under the lock, not atomically, until it is ended. */
export async function countUnderLock(lock: Lock, words: Words): Promise<never> {
  while (true) {
    for (let i = 0; i < 50; i++) {
      using _ = lock.holdSync();
      const count = words[0]!;
      words[1] = count;
      words[0] = count + 1;
    }
    await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

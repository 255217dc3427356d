import { Lock, type Queue, type RLock } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { spawn } from "../../coroutine/mod.ts";

/** What the tests of locks run in processes of their own. */

/** Classes that the targets have for types only, which would not be loaded otherwise. */
export const loaded = [Lock];

/** Hands the lock to a child of its own, and so on; each waits for it, and sends it back. */
export async function passOn(lock: Lock, back: Queue<Lock>, depth: number): Promise<void> {
  const permissions = "inherit";
  const args: Parameters<typeof passOn> = [lock, back, depth - 1];
  await using child = depth === 0
    ? undefined
    : new Process({ module: import.meta.url, target: passOn, args, permissions });
  await child?.start();
  {
    await using _ = await lock.hold();
    await back.put(lock);
  }
  await child?.join();
}

export async function acquireAndEnd(lock: Lock): Promise<void> {
  await lock.acquire();
}

export async function acquireAndClose(lock: Lock): Promise<void> {
  await lock.acquire();
  await lock.close();
}

export async function holdAndEnd(lock: Lock): Promise<void> {
  using _ = await lock.hold();
}

/** Keeps what it was given until it gets something. */
export async function keep(queue: Queue<Lock>, _kept: Lock): Promise<void> {
  await queue.get();
}

/** Two tasks of one process, and what each of them sees of the lock. */
export async function useInTasks(lock: RLock): Promise<unknown> {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = spawn(async () => {
    await using _ = await lock.hold();
    await using _again = await lock.hold();
    log.push(`first: ${await lock.recursionCount()}`);
    gate.resolve();
    for (let i = 0; i < 10; i++) await lock.statistics();
    log.push("first leaves");
  });
  const second = spawn(async () => {
    await gate.promise;
    log.push(`second: ${await lock.tryAcquire()}, ${await lock.recursionCount()}`);
    await using _ = await lock.hold();
    log.push(`second: ${await lock.recursionCount()}`);
  });
  await first;
  await second;
  // Outside of every task the program is an owner of its own.
  await lock.acquire();
  log.push(`outside: ${await lock.recursionCount()}, ${await spawn(() => lock.recursionCount())}`);
  await lock.release();
  return log;
}

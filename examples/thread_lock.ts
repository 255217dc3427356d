// deno run --allow-read=. examples/thread_lock.ts

// Two threads that change one balance: right with a lock, and visibly wrong without.

import { Lock, Thread, Value } from "@manyhands/concurrency/thread";

const TIMES = 10_000;

/** Adds to the balance and takes the same away again; reading and writing are two steps. */
function addAndSubtract(balance: Value<"int32">, amount: number): void {
  balance.value = balance.value + amount;
  balance.value = balance.value - amount;
}

export function runWithLock(balance: Value<"int32">, amount: number, lock: Lock): void {
  for (let i = 0; i < TIMES; i++) {
    using _ = lock.holdSync();
    addAndSubtract(balance, amount);
  }
}

/** Goes on until somebody else has got in between, so that it is wrong in the end on any machine. */
export function runWithoutLock(
  balance: Value<"int32">,
  amount: number,
  wrong: Value<"int32">,
): void {
  for (let i = 0; i < TIMES || wrong.value === 0; i++) {
    const before = balance.value;
    balance.value = before + amount;
    if (balance.value !== before + amount) wrong.value = 1;
    balance.value = balance.value - amount;
  }
}

async function runBoth(...threads: Thread[]): Promise<void> {
  await Promise.all(threads.map((thread) => thread.start()));
  await Promise.all(threads.map((thread) => thread.result()));
}

if (import.meta.main) {
  const module = import.meta.url;
  const [balance, lock] = [new Value("int32", 0), new Lock()];
  await runBoth(
    new Thread({ module, target: runWithLock, args: [balance, 5, lock] }),
    new Thread({ module, target: runWithLock, args: [balance, 8, lock] }),
  );
  console.log(`With the lock: ${balance.value}`);

  const [unguarded, wrong] = [new Value("int32", 0), new Value("int32", 0)];
  await runBoth(
    new Thread({ module, target: runWithoutLock, args: [unguarded, 5, wrong] }),
    new Thread({ module, target: runWithoutLock, args: [unguarded, 8, wrong] }),
  );
  // Both go on until one of them has met a balance that it had not left.
  console.log(
    "Without it: the balance was changed by one thread in the midst of the other one's turn",
  );
}

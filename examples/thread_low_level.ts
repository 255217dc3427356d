// deno run --allow-read=. examples/thread_low_level.ts

// Threads that are known by a number only: each is given a lock, and gives it back when it is done.

import { allocateLock, getIdent, type Lock, startNewThread } from "@manyhands/concurrency/thread";

export function greet(name: string, isDone: Lock): void {
  console.log(`Hello, ${name}, from ${getIdent() === 1 ? "the main thread" : "a thread"}`);
  isDone.release();
}

if (import.meta.main) {
  for (const name of ["Ann", "Bob"]) {
    const isDone = allocateLock();
    await isDone.acquire();
    const ident = startNewThread({ module: import.meta.url, target: greet }, [name, isDone]);
    await isDone.acquire();
    console.log(`Thread ${ident} is done`);
  }
}

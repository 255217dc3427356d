// deno run --allow-read=. examples/thread.ts

// A loop in a thread of its own, and the thread that waits for it.

import { currentThread, Thread } from "@manyhands/concurrency/thread";

export function loop(): void {
  const { name } = currentThread();
  console.log(`thread ${name} is running...`);
  for (let n = 1; n <= 5; n++) console.log(`thread ${name} >>> ${n}`);
  console.log(`thread ${name} ended.`);
}

if (import.meta.main) {
  const { name } = currentThread();
  console.log(`thread ${name} is running...`);
  await using thread = new Thread({ module: import.meta.url, target: loop, name: "LoopThread" });
  await thread.start();
  await thread.join();
  console.log(`thread ${name} ended.`);
}

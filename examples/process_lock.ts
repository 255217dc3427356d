// deno run --allow-run=deno --allow-net=127.0.0.1 examples/process_lock.ts

// Ten processes print under one lock. Each line is written in pieces, and still no two are mixed.

import { Lock } from "@manyhands/concurrency/ipc";
import { Process } from "@manyhands/concurrency/process";

const encoder = new TextEncoder();

export async function greet(lock: Lock, number: number): Promise<void> {
  await using _ = await lock.hold();
  for (const piece of ["hello ", "world ", String(number), "\n"]) {
    // Each piece is a write of its own; without the lock others would come between.
    await Deno.stdout.write(encoder.encode(piece));
  }
}

if (import.meta.main) {
  await using lock = new Lock();
  const children = Array.from(
    { length: 10 },
    (_, number) => new Process({ module: import.meta.url, target: greet, args: [lock, number] }),
  );
  await Promise.all(children.map((child) => child.start()));
  await Promise.all(children.map((child) => child.join()));
}

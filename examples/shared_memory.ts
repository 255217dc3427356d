// deno run --allow-run=deno --allow-net=127.0.0.1 --allow-ffi examples/shared_memory.ts

// Two processes work on the halves of one array. The array is in memory that all of them have mapped: only
// its name crosses, and no number is copied. A list beside it takes what they have to say.

import { ShareableList, SharedMemory } from "@manyhands/concurrency/ipc";
import { Pool } from "@manyhands/concurrency/process";

const COUNT = 1_000_000;
const WORKERS = 2;

export function square(memory: SharedMemory, notes: ShareableList, worker: number): number {
  const share = COUNT / WORKERS;
  const numbers = new Float64Array(memory.buf.buffer, worker * share * 8, share);
  for (let i = 0; i < share; i++) numbers[i]! **= 2;
  notes.set(worker, `${share} squared`);
  memory.close();
  notes.shm.close();
  return share;
}

if (import.meta.main) {
  using memory = SharedMemory.create(COUNT * 8);
  using notes = ShareableList.create(Array(WORKERS).fill("nothing done so far"));
  try {
    const numbers = new Float64Array(memory.buf.buffer, 0, COUNT);
    for (let i = 0; i < COUNT; i++) numbers[i] = i;

    await using pool = new Pool(WORKERS, { module: import.meta.url, permissions: { ffi: true } });
    const calls = Array.from(notes, (_, worker) => pool.apply(square, [memory, notes, worker]));
    await Promise.all(calls);

    for (const [worker, note] of [...notes].entries()) console.log(`Worker ${worker}: ${note}`);
    console.log(`The last number: ${numbers.at(-1)}`);
  } finally {
    // The names go when everybody is done; the memory goes with the last process that has it open.
    memory.unlink();
    notes.shm.unlink();
  }
}

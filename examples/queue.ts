// deno run --allow-run=deno --allow-net=127.0.0.1 examples/queue.ts

// One process writes into a queue, another one reads from it for ever. The parent waits for the writer,
// and ends the reader when it has seen everything.

import { Queue } from "@manyhands/concurrency/ipc";
import { Process } from "@manyhands/concurrency/process";

const LETTERS = ["A", "B", "C"];

export async function write(queue: Queue<string>): Promise<void> {
  console.log(`Process to write: ${Deno.pid}`);
  for (const letter of LETTERS) {
    console.log(`Put ${letter} to queue...`);
    await queue.put(letter);
  }
}

export async function read(queue: Queue<string>, seen: Queue<string>): Promise<never> {
  console.log(`Process to read: ${Deno.pid}`);
  for (;;) {
    const letter = await queue.get();
    console.log(`Get ${letter} from queue.`);
    await seen.put(letter);
  }
}

if (import.meta.main) {
  await using queue = new Queue<string>();
  await using seen = new Queue<string>();
  await using writer = new Process({ module: import.meta.url, target: write, args: [queue] });
  await using reader = new Process({ module: import.meta.url, target: read, args: [queue, seen] });
  await Promise.all([writer.start(), reader.start()]);
  await writer.join();
  for (const _ of LETTERS) await seen.get();
  // The reader never ends by itself.
  reader.terminate();
  await reader.join();
  console.log(`The reader was terminated: exit code ${reader.exitCode}`);
}

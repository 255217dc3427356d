// deno run --allow-run=deno --allow-net=127.0.0.1 examples/queue_simple.ts

// A child puts one item into a queue, and the parent takes it.

import { Queue } from "@manyhands/concurrency/ipc";
import { Process } from "@manyhands/concurrency/process";

type Item = [number, null, string];

export async function put(queue: Queue<Item>): Promise<void> {
  await queue.put([42, null, "hello"]);
}

if (import.meta.main) {
  await using queue = new Queue<Item>();
  await using child = new Process({ module: import.meta.url, target: put, args: [queue] });
  await child.start();
  console.log(JSON.stringify(await queue.get()));
  await child.join();
}

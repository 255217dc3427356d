// deno run --allow-run=deno --allow-net=127.0.0.1 examples/process.ts

// A function in a process of its own: started, and waited for.

import { Process } from "@manyhands/concurrency/process";

export function runProc(name: string): void {
  console.log(`Run child process ${name} (${Deno.pid})...`);
}

if (import.meta.main) {
  console.log(`Parent process ${Deno.pid}.`);
  await using child = new Process({ module: import.meta.url, target: runProc, args: ["test"] });
  console.log("Child process will start.");
  await child.start();
  await child.join();
  console.log("Child process end.");
}

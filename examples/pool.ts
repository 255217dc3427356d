// deno run --allow-run=deno --allow-net=127.0.0.1 examples/pool.ts

// Five tasks for four processes: the fifth starts when one of the others has ended.

import { sleep } from "@manyhands/concurrency/coroutine";
import { Pool } from "@manyhands/concurrency/process";

export async function longTimeTask(name: number): Promise<string> {
  console.log(`Run task ${name} (${Deno.pid})...`);
  const start = performance.now();
  await sleep(200 + Math.random() * 100);
  const seconds = (performance.now() - start) / 1000;
  console.log(`Task ${name} runs ${seconds.toFixed(2)} seconds.`);
  return `${name} is done`;
}

if (import.meta.main) {
  console.log(`Parent process ${Deno.pid}.`);
  await using pool = new Pool(4, { module: import.meta.url });
  for (let n = 0; n < 5; n++) pool.applyAsync(longTimeTask, [n]);
  console.log("Waiting for all subprocesses done...");
  pool.close();
  try {
    pool.applyAsync(longTimeTask, [5]);
  } catch (error) {
    console.log(String(error));
  }
  await pool.join();
  console.log("All subprocesses done.");
}

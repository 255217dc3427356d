// deno run --allow-run=deno --allow-net=127.0.0.1 examples/pool_callback.ts

// Callbacks run in the parent. apply() waits for each result, applyAsync() for none, and terminate() ends
// what is left.

import { sleep } from "@manyhands/concurrency/coroutine";
import { Pool } from "@manyhands/concurrency/process";

export async function greet(name: string): Promise<{ text: string; pid: number }> {
  await sleep(50);
  return { text: `hello ${name}`, pid: Deno.pid };
}

function collect({ text, pid }: { text: string; pid: number }): void {
  const where = pid === Deno.pid ? "the parent" : "a child";
  console.log(
    `${text}, made in ${where}, received by ${import.meta.main ? "the parent" : "a child"}`,
  );
}

if (import.meta.main) {
  await using pool = new Pool(5, { module: import.meta.url });

  console.log("applyAsync: ten at once, five at a time");
  const results = Array.from(
    { length: 10 },
    (_, n) => pool.applyAsync(greet, [`task ${n}`], { callback: collect }),
  );
  await Promise.all(results.map((result) => result.wait()));

  console.log("apply: one after the other");
  for (const name of ["first", "second"]) console.log((await pool.apply(greet, [name])).text);

  console.log("terminate: nothing more comes");
  const late = pool.applyAsync(greet, ["nobody"], { callback: collect });
  await pool.terminate();
  await late.wait();
  console.log(late.cancelled() ? "the last task was cancelled" : "the last task was done");
}

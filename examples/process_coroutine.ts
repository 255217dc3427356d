// deno run --allow-run=deno --allow-net=127.0.0.1 examples/process_coroutine.ts

// Several processes, one for each core, and in each of them many coroutines: computing is divided between
// the processes, waiting between the coroutines of each.

import { gather, Semaphore, sleep } from "@manyhands/concurrency/coroutine";
import { cpuCount, Process } from "@manyhands/concurrency/process";

const TASKS = 100;
const AT_ONCE = 20;

export interface Report {
  pid: number;
  tasks: number;
  mostInFlight: number;
  sum: number;
}

/** Runs tasks that wait as for a network, and compute a little. */
export async function work(first: number, count: number): Promise<Report> {
  const limit = new Semaphore(AT_ONCE);
  let inFlight = 0;
  let mostInFlight = 0;
  const fetchSquare = async (n: number) => {
    using _permit = await limit.hold();
    mostInFlight = Math.max(mostInFlight, ++inFlight);
    await sleep(10);
    inFlight--;
    return n * n;
  };
  const squares = await gather(
    Array.from({ length: count }, (_, i) => () => fetchSquare(first + i)),
  );
  const sum = squares.reduce((total, square) => total + square, 0);
  return { pid: Deno.pid, tasks: count, mostInFlight, sum };
}

if (import.meta.main) {
  const processes = Math.max(2, Math.min(4, cpuCount()));
  await using stack = new AsyncDisposableStack();
  const reports = await Promise.all(Array.from({ length: processes }, async (_, i) => {
    const child = stack.use(
      new Process({ module: import.meta.url, target: work, args: [i * TASKS, TASKS] }),
    );
    await child.start();
    return await child.result();
  }));
  for (const { pid, tasks, mostInFlight } of reports) {
    console.log(`Process ${pid}: ${tasks} tasks, at most ${mostInFlight} at once`);
  }
  const sum = reports.reduce((total, report) => total + report.sum, 0);
  console.log(`The sum of the squares below ${processes * TASKS} is ${sum}`);
}

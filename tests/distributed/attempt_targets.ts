import { Pool, reportProgress, sleep } from "../../coroutine/mod.ts";
import { taskAttempt } from "../../distributed/serve_tasks.ts";
import { Pool as ProcessPool } from "../../process/mod.ts";
import { ThreadPool } from "../../thread/mod.ts";

/** What workers run that tell which attempt they are at. */

export function attempt(): number {
  return taskAttempt();
}

/** Before and after it has waited. */
export async function attemptsAround(): Promise<number[]> {
  const before = taskAttempt();
  await sleep(0);
  return [before, taskAttempt()];
}

/** Tells it with each value. */
export async function* attemptsOf(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) {
    yield taskAttempt();
    if (n % 2 === 0) await sleep(0);
  }
}

/** The same, without waiting for anything. */
export function* attemptsAtOnce(count: number): Generator<number> {
  for (let n = 0; n < count; n++) yield taskAttempt();
}

/** Throws until this attempt. */
export function failUntil(attempt: number): number {
  if (taskAttempt() < attempt) throw new RangeError(`not before attempt ${attempt}`);
  return taskAttempt();
}

/** With 1 it ends the thread or process that it runs in, at the first attempt. */
export function dieOnceOfOne(n: number): number {
  if (n === 1 && taskAttempt() === 1) Deno.exit(3);
  return taskAttempt();
}

/** At the first attempt it says that it has started, and never ends. */
export async function stayOnce(): Promise<number> {
  if (taskAttempt() === 1) {
    reportProgress("started");
    await new Promise(() => {});
  }
  return taskAttempt();
}

/** Takes some milliseconds, in which nothing else goes on. */
export function attemptAfter(ms: number): number {
  for (const end = performance.now() + ms; performance.now() < end;);
  return taskAttempt();
}

/** What functions tell that a pool of the function's own calls, some of which are interrupted by others. */
export async function nestedAttempts(
  inside: "coroutines" | "threads" | "processes",
  from: number,
): Promise<number[]> {
  if (taskAttempt() < from) throw new RangeError(`not before attempt ${from}`);
  const { url: module } = import.meta;
  await using pool = inside === "coroutines"
    ? new Pool(1)
    : inside === "threads"
    ? new ThreadPool(1, { module })
    : new ProcessPool(1, { module, permissions: { read: true } });
  const called = pool.apply(attempt);
  const mapped = await pool.map(attemptAfter, [4, 4, 4, 4, 4, 4], { chunkSize: 6 });
  return [await called, ...mapped];
}

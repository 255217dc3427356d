/**
 * How a task queue grows with its workers: throughput, and memory of the master for each connection.
 *
 * ```sh
 * deno run -A bench/task_queue_growth.ts [WORKERS...]
 * ```
 *
 * The master is a process of its own, a new one for each line of the table. A worker is a connection with a loop
 * that takes a task, adds one, and gives the result back, one task at a time and nothing fetched ahead; up to four
 * processes share the workers among them, so a connection costs what it costs, and the processes of a real fleet are
 * not paid for here. Everything is on this machine, so the master shares its processors with the workers.
 *
 * @module
 */

import { TextLineStream } from "@std/streams/text-line-stream";
import type { Memory, Step } from "./subjects/task_queue_growth.ts";

const TASKS = 100_000;
const SIZES = [10, 100, 1_000];
const MOST_PROCESSES = 4;

/** How long one line of the table may take, in milliseconds. */
const LIMIT_MS = 90_000;

/** One line of the table. */
interface Line {
  readonly workers: number;
  readonly connectSeconds: number;
  readonly seconds: number;
  readonly connected: Memory;
  readonly done: Memory;
}

function start(role: "serve" | "work", numbers: readonly number[]): Deno.ChildProcess {
  const subject = new URL("subjects/task_queue_growth.ts", import.meta.url);
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--v8-flags=--expose-gc", subject.href, role, ...numbers.map(String)],
    stdin: "null",
    stdout: role === "serve" ? "piped" : "inherit",
    stderr: "inherit",
  }).spawn();
}

/** How many workers each process has. */
function share(workers: number): number[] {
  const processes = Math.min(MOST_PROCESSES, workers);
  return Array.from(
    { length: processes },
    (_, n) => Math.floor(workers / processes) + (n < workers % processes ? 1 : 0),
  );
}

async function measure(workers: number): Promise<Line> {
  const master = start("serve", [workers, TASKS]);
  const children = [master];
  const limit = setTimeout(() => children.forEach(kill), LIMIT_MS);
  const lines = master.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(
    new TextLineStream(),
  )[Symbol.asyncIterator]();
  const next = async <S extends Step["step"]>(step: S): Promise<Extract<Step, { step: S }>> => {
    const { value } = await lines.next();
    const said = value === undefined ? undefined : JSON.parse(value) as Step;
    if (said?.step !== step) throw new Error(`The master of ${workers} workers has failed`);
    return said as Extract<Step, { step: S }>;
  };
  try {
    const { port } = await next("serves");
    const begun = performance.now();
    for (const count of share(workers)) {
      const child = start("work", [port, count]);
      children.push(child);
      // The master would wait for workers that do not come.
      child.status.then(({ success }) => success || children.forEach(kill));
    }
    const connected = await next("connected");
    const connectSeconds = (performance.now() - begun) / 1000;
    const done = await next("done");
    await Promise.all(children.map(({ status }) => status));
    return {
      workers,
      connectSeconds,
      seconds: done.seconds,
      connected: connected.memory,
      done: done.memory,
    };
  } finally {
    clearTimeout(limit);
    children.forEach(kill);
    await lines.return?.();
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
}

const COLUMNS = [
  "workers",
  "connected in",
  "tasks/s",
  "resident/connection",
  "used/connection",
  "used/connection after",
] as const;

function format({ workers, connectSeconds, seconds, connected, done }: Line): string[] {
  const each = (bytes: number) => `${(bytes / workers / 1024).toFixed(1)} KiB`;
  return [
    String(workers),
    `${connectSeconds.toFixed(2)} s`,
    String(Math.round(TASKS / seconds)),
    each(connected.resident),
    each(connected.used),
    each(done.used),
  ];
}

if (import.meta.main) {
  const sizes = Deno.args.length === 0 ? SIZES : Deno.args.map(Number);
  if (!sizes.every((size) => Number.isInteger(size) && size > 0)) {
    console.error("usage: deno run -A bench/task_queue_growth.ts [WORKERS...]");
    Deno.exit(2);
  }
  console.log(`${TASKS} instant tasks; Deno ${Deno.version.deno}`);
  const print = (cells: readonly string[]) =>
    console.log(cells.map((cell, n) => cell.padStart(COLUMNS[n]!.length)).join("  "));
  print(COLUMNS);
  for (const workers of sizes) print(format(await measure(workers)));
}

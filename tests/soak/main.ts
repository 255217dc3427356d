/**
 * Has processes killed for a long time, and looks whether anything is lost or grows:
 * `deno task soak [--minutes N] [--seed N] [--json FILE]`.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { soak, writeTable } from "./soak.ts";

const USAGE = `Usage: deno task soak [--minutes N] [--seed N] [--json FILE]

Counts primes over and over with workers that are killed and replaced: workers of a task queue whose
manager is killed as well, of one whose manager lives, and of a pool. At the end all results must be
right, none missing, and memory, descriptors and threads as they were.

  --minutes N   how long (default 10; may be a fraction)
  --seed N      which kills (default: another one each time, printed)
  --json FILE   writes all figures to FILE
  --help        prints this text

Exit code: 0 all is well, 1 something is not, 2 the command line is wrong. It runs on Linux.`;

function usageError(message: string): never {
  console.error(`${message}; --help tells more`);
  Deno.exit(2);
}

if (import.meta.main) {
  const options = parseArgs(Deno.args, {
    string: ["minutes", "seed", "json"],
    boolean: ["help"],
    unknown: (option) => usageError(`Unknown option: ${option}`),
  });
  if (options.help) {
    console.log(USAGE);
    Deno.exit(0);
  }
  const minutes = Number(options.minutes ?? 10);
  const seed = Number(options.seed ?? Math.floor(Math.random() * 1_000_000));
  if (!(minutes > 0 && minutes < Infinity)) usageError("--minutes must be a number above 0");
  if (!Number.isSafeInteger(seed)) usageError("--seed must be a whole number");
  if (options.json === "") usageError("--json needs a file name");
  if (Deno.build.os !== "linux") usageError("The figures of processes are read as Linux has them");
  console.log(`${minutes} minutes, --seed ${seed}`);
  const print = (line: string) => console.log(line);
  const report = await soak({ durationMs: minutes * 60_000, seed, print });
  for (const line of writeTable(report)) console.log(line);
  if (options.json !== undefined) {
    await Deno.writeTextFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  Deno.exit(report.problems.length === 0 ? 0 : 1);
}

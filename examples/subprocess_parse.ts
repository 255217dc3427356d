// deno run --allow-run=df examples/subprocess_parse.ts

// Runs a program, and takes a number out of what it prints: how full the disk of this directory is.

import { run } from "@manyhands/concurrency/process";

/** The percentage in the table that `df -P` prints; nothing when there is none. */
export function findUsage(table: string): number | undefined {
  const percent = /\s(\d{1,3})%\s/.exec(table)?.[1];
  return percent === undefined ? undefined : Number(percent);
}

if (import.meta.main) {
  // For a disk that does not answer (one of a network, for example).
  const { stdout } = await run(["df", "-P", "."], {
    captureOutput: true,
    text: true,
    check: true,
    timeoutMs: 10_000,
  });
  const usage = findUsage(stdout);
  console.log(usage === undefined ? "No number found." : `The disk is ${usage} % full.`);
}

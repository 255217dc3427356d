/**
 * Reads what `deno coverage --lcov` writes from standard input, and prints it by room:
 * `deno task coverage [--below PERCENT]`.
 *
 * Processes that tests start are counted as well, unless they are killed. Threads are not, because they are
 * terminated when they have ended: what runs in threads only looks as if no test reached it.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { fileURLToPath } from "node:url";
import { listRoomFiles, PROJECT_ROOT } from "../meta/_project.ts";
import { readLcov } from "./lcov.ts";
import { findUnloaded, writeCoverage } from "./table.ts";

const DEFAULT_BELOW = 95;

function usageError(message: string): never {
  console.error(`${message}; usage: deno task coverage [--below PERCENT]`);
  Deno.exit(2);
}

if (import.meta.main) {
  const { below: text = String(DEFAULT_BELOW) } = parseArgs(Deno.args, {
    string: ["below"],
    unknown: (option) => usageError(`Unknown option: ${option}`),
  });
  const below = Number(text || NaN);
  if (!(below >= 0 && below <= 100)) usageError("--below must be a number from 0 to 100");
  const report = await new Response(Deno.stdin.readable).text();
  const files = readLcov(report, fileURLToPath(PROJECT_ROOT));
  if (files.length === 0) {
    console.error("There is no report on standard input");
    Deno.exit(1);
  }
  for (const line of writeCoverage(files, below)) console.log(line);
  const texts = new Map<string, string>();
  for (const path of (await listRoomFiles()).filter((path) => path.endsWith(".ts"))) {
    texts.set(path, await Deno.readTextFile(new URL(path, PROJECT_ROOT)));
  }
  const unloaded = findUnloaded(texts, files);
  if (unloaded.length > 0) {
    console.log(`\nNo test has loaded, unless in a thread: ${unloaded.join(", ")}`);
  }
}

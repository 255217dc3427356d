/**
 * Reads what `deno test --coverage` has left in the folder `coverage`, and prints it by room:
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
import { readRaw, removeCutOff } from "./raw.ts";
import { findUnloaded, writeCoverage } from "./table.ts";

const DEFAULT_BELOW = 95;

function usageError(message: string): never {
  console.error(`${message}; usage: deno task coverage [--below PERCENT]`);
  Deno.exit(2);
}

if (import.meta.main) {
  const { below: text = String(DEFAULT_BELOW), ...rest } = parseArgs(Deno.args, {
    string: ["below", "test-code"],
    unknown: (option) => usageError(`Unknown option: ${option}`),
  });
  const below = Number(text || NaN);
  if (!(below >= 0 && below <= 100)) usageError("--below must be a number from 0 to 100");
  const folder = new URL("coverage/", PROJECT_ROOT);
  const cutOff = await removeCutOff(folder);
  if (cutOff > 0) console.log(`Processes that were killed while they wrote theirs: ${cutOff}`);
  const files = readLcov(await readRaw(folder), fileURLToPath(PROJECT_ROOT));
  for (const line of writeCoverage(files, below)) console.log(line);
  const texts = new Map<string, string>();
  for (const path of (await listRoomFiles()).filter((path) => path.endsWith(".ts"))) {
    texts.set(path, await Deno.readTextFile(new URL(path, PROJECT_ROOT)));
  }
  const unloaded = findUnloaded(texts, files);
  if (unloaded.length > 0) {
    console.log(`\nNo test has loaded, unless in a thread: ${unloaded.join(", ")}`);
  }
  // The report tells of everything that has run; the task has failed nevertheless when a test has.
  Deno.exit(Number(rest["test-code"] ?? 0));
}

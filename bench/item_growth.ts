/**
 * How queues grow with what waits in them: time and memory for an item, from a thousand to a million.
 *
 * ```sh
 * deno run -A bench/item_growth.ts [ITEMS...]
 * ```
 *
 * Each line is a program of its own. All items are put first, and taken when all of them wait:
 *
 * - `loop`: a `Queue` of `coroutine`, in one program;
 * - `process`: a `Queue` of `ipc`, whose items a child puts and takes, many at a time;
 * - `tasks`: a `TaskQueue`, whose tasks ten workers of another process do over connections of their own.
 *
 * @module
 */

import type { Growth } from "./subjects/item_growth.ts";

const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const KINDS = ["loop", "process", "tasks"];

/** How long one line of the table may take, in milliseconds. */
const LIMIT_MS = 300_000;

async function measure(kind: string, items: number): Promise<Growth> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--v8-flags=--expose-gc",
      new URL("subjects/item_growth.ts", import.meta.url).href,
      kind,
      String(items),
    ],
    stdin: "null",
    stderr: "inherit",
    stdout: "piped",
  }).spawn();
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const { success, stdout } = await child.output();
  clearTimeout(limit);
  if (!success) throw new Error(`The program with ${items} items (${kind}) has failed`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

const COLUMNS = [
  "queue  ",
  "    items",
  "put an item",
  "take an item",
  "memory for an item",
] as const;

if (import.meta.main) {
  const sizes = Deno.args.length === 0 ? SIZES : Deno.args.map(Number);
  if (!sizes.every((size) => Number.isInteger(size) && size > 0)) {
    console.error("usage: deno run -A bench/item_growth.ts [ITEMS...]");
    Deno.exit(2);
  }
  console.log(`Deno ${Deno.version.deno}`);
  const print = (cells: readonly string[]) =>
    console.log(cells.map((cell, n) => cell.padStart(COLUMNS[n]!.length)).join("  "));
  print(COLUMNS);
  for (const kind of KINDS) {
    for (const items of sizes) {
      const { putSeconds, takeSeconds, bytes } = await measure(kind, items);
      const each = (seconds: number) => `${(seconds / items * 1e6).toFixed(3)} µs`;
      print([
        kind,
        String(items),
        each(putSeconds),
        each(takeSeconds),
        `${Math.round(bytes / items)} B`,
      ]);
    }
  }
}

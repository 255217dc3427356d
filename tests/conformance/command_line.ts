/**
 * What `deno task conformance` understands and prints.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import type { Assessment, Row } from "./assessment.ts";

const USAGE = `Usage: deno task conformance [--open [NAME]]

Counts which of the tests of CPython's test suite have a counterpart here: a test whose title ends
with the name of CPython's, as in "[cpython: QueueGetTests.test_blocking_get]".

  --open [NAME]  prints the names that have no counterpart and no reason why not, instead of the
                 table; of one primitive or of all primitives of one topic when NAME says which
  --help         prints this text

covered    titles that name them / tests that make sense in JavaScript
explained  tests that have no counterpart, for a reason that not_covered.tsv gives
open       tests that have neither

Exit code: 0 when the titles and lists are sound, also when something is open; 1 when a title names
what is not there, makes no sense here or is explained away; 2 when the command line is wrong.`;

/** Options for {@linkcode runCommandLine}. */
export interface CommandLineOptions {
  /** What to print. */
  readonly assessment: Assessment;
  /** Where the text goes, line by line. @default {console.log} */
  readonly print?: ((line: string) => void) | undefined;
  /** Where complaints go. @default {console.error} */
  readonly complain?: ((line: string) => void) | undefined;
}

/**
 * Prints what the arguments ask for.
 *
 * @param args The arguments.
 * @param options The assessment, and where the text goes.
 * @returns The exit code: 0 all is sound, 1 something is not, 2 the command line is wrong.
 */
export function runCommandLine(args: readonly string[], options: CommandLineOptions): number {
  const { assessment: { rows, problems }, print = console.log, complain = console.error } = options;
  const unknown: string[] = [];
  const { help, open } = parseArgs([...args], {
    boolean: ["help"],
    string: ["open"],
    unknown: (arg) => {
      unknown.push(arg);
      return false;
    },
  });
  if (unknown.length > 0) {
    complain(`Unknown argument ${unknown.join(", ")}; --help lists what is known`);
    return 2;
  }
  if (help) {
    print(USAGE);
    return 0;
  }
  if (open === undefined) {
    for (const line of formatTable(rows)) print(line);
  } else {
    const selected = rows.filter(({ primitive: { name, rooms } }) =>
      open === "" || open === name || rooms.includes(open)
    );
    if (selected.length === 0) {
      const names = rows.map(({ primitive }) => primitive.name).join(", ");
      complain(`Unknown primitive or topic "${open}"; the primitives are ${names}`);
      return 2;
    }
    for (const row of selected) {
      for (const name of row.open) print(`${row.primitive.name}: ${name}`);
    }
  }
  for (const { where, message } of problems) complain(`${where}: ${message}`);
  return problems.length > 0 ? 1 : 0;
}

function formatTable(rows: readonly Row[]): string[] {
  const cells = rows.map(({ primitive, ...row }) => [
    primitive.name,
    primitive.rooms.join(", "),
    ...formatCounts(row.covered, row.meaningful, row.explained, row.open.length),
  ]);
  const sum = (count: (row: Row) => number) => rows.reduce((all, row) => all + count(row), 0);
  const total = formatCounts(
    sum((row) => row.covered),
    sum((row) => row.meaningful),
    sum((row) => row.explained),
    sum((row) => row.open.length),
  );
  const table = [["primitive", "topics", "covered", "explained", "open"], ...cells]
    .concat([["all", "", ...total]]);
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row.map((cell, column) =>
      column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
    ).join("  ")
  );
}

function formatCounts(
  covered: number,
  meaningful: number,
  explained: number,
  open: number,
): string[] {
  return [`${covered} / ${meaningful}`, String(explained), String(open)];
}

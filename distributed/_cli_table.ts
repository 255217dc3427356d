/** A column: its head, and whether it is of figures. */
export interface Column {
  readonly head: string;
  readonly isFigure: boolean;
}

/** Writes a table, one line a row: texts to the left, figures to the right. */
export function writeTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string[] {
  const all = [columns.map(({ head }) => head), ...rows.map((row) => row.map(printable))];
  const widths = columns.map((_, at) => Math.max(...all.map((row) => [...row[at]!].length)));
  return all.map((row) =>
    row.map((cell, at) => {
      const fill = " ".repeat(widths[at]! - [...cell].length);
      return columns[at]!.isFigure ? fill + cell : cell + fill;
    }).join("  ").trimEnd()
  );
}

/** A text that others have chosen, without what would steer a terminal. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- these are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, "?");
}

/** A time in the unit that suits it. */
export function writeDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor(ms / 1_000) % 60} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.floor(ms / 60_000) % 60} min`;
}

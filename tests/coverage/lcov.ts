/** How much of something tests have reached. */
export interface Reached {
  readonly found: number;
  readonly hit: number;
}

/** What tests have reached of a file. */
export interface FileCoverage {
  /** Its path from the project's folder. */
  readonly path: string;
  readonly lines: Reached;
  readonly branches: Reached;
  /** The lines that no test has reached, from 1. */
  readonly missed: readonly number[];
}

/** Reads a report as `deno coverage --lcov` writes it. Files outside of the folder are left out. */
export function readLcov(text: string, root: string): FileCoverage[] {
  const files: FileCoverage[] = [];
  for (const record of text.split(/^end_of_record$/m)) {
    const path = /^SF:(.+)$/m.exec(record)?.[1];
    if (path === undefined || !path.startsWith(root)) continue;
    const missed = [...record.matchAll(/^DA:(\d+),0$/gm)].map(([, line]) => Number(line));
    files.push({
      path: path.slice(root.length),
      lines: { found: countOf(record, "LF"), hit: countOf(record, "LH") },
      branches: { found: countOf(record, "BRF"), hit: countOf(record, "BRH") },
      missed,
    });
  }
  return files;
}

function countOf(record: string, name: string): number {
  return Number(new RegExp(`^${name}:(\\d+)$`, "m").exec(record)?.[1] ?? 0);
}

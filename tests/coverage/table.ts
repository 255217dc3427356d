import { ROOMS } from "../meta/_project.ts";
import type { FileCoverage, Reached } from "./lcov.ts";

/** Writes what was reached of each room, and the files of which less was reached than wanted. */
export function writeCoverage(files: readonly FileCoverage[], leastPercent: number): string[] {
  const ours = files.filter(({ path }) => ROOMS.includes(roomOf(path)));
  const lines = [row("room", "files", "lines", "branches")];
  for (const room of ROOMS) lines.push(summarize(room, ours.filter((file) => isOf(file, room))));
  lines.push(summarize("all", ours));
  const low = ours.filter(({ lines }) => percentOf(lines) < leastPercent);
  if (low.length === 0) return [...lines, "", `No file is below ${leastPercent} % of its lines`];
  lines.push("", `Below ${leastPercent} % of their lines:`);
  for (const file of low.toSorted((a, b) => percentOf(a.lines) - percentOf(b.lines))) {
    lines.push(
      `${percent(file.lines)}  ${file.path}, branches ${percent(file.branches).trim()}, ` +
        `not reached: ${writeRanges(file.missed)}`,
    );
  }
  return lines;
}

/** Files with code that no test has loaded. */
export function findUnloaded(
  texts: ReadonlyMap<string, string>,
  files: readonly FileCoverage[],
): string[] {
  const loaded = new Set(files.map(({ path }) => path));
  // What has types only does not exist at run time.
  const hasCode = (text: string) =>
    /^(export )?(async )?(abstract )?(function|class|const|let) /m
      .test(text);
  return [...texts].filter(([path, text]) => !loaded.has(path) && hasCode(text))
    .map(([path]) => path);
}

/** Neighbours together: `3-5, 9`. */
export function writeRanges(numbers: readonly number[]): string {
  const ranges: [from: number, to: number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => from === to ? `${from}` : `${from}-${to}`).join(", ");
}

function summarize(name: string, files: readonly FileCoverage[]): string {
  const sum = (parts: readonly Reached[]): Reached => ({
    found: parts.reduce((sum, { found }) => sum + found, 0),
    hit: parts.reduce((sum, { hit }) => sum + hit, 0),
  });
  const lines = sum(files.map((file) => file.lines));
  const branches = sum(files.map((file) => file.branches));
  return row(name, String(files.length), percent(lines), percent(branches));
}

function row(name: string, files: string, lines: string, branches: string): string {
  return `${name.padEnd(12)} ${files.padStart(5)}  ${lines.padStart(8)}  ${branches.padStart(8)}`;
}

function percentOf({ found, hit }: Reached): number {
  return found === 0 ? 100 : 100 * hit / found;
}

function percent(reached: Reached): string {
  return reached.found === 0 ? "-" : `${percentOf(reached).toFixed(1).padStart(5)} %`;
}

function roomOf(path: string): string {
  return path.split("/", 1)[0]!;
}

function isOf({ path }: FileCoverage, room: string): boolean {
  return roomOf(path) === room;
}

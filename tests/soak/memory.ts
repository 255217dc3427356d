/** What the system has given to a process. */
export interface Figures {
  /** Resident memory, in bytes. */
  readonly memory: number;
  /** Open file descriptors. */
  readonly descriptors: number;
  readonly threads: number;
}

/** How much more a process may have at the end than after the first tenth of the time. */
export const TOLERANCE = {
  /** Of the memory, as a factor, and besides that in bytes: the garbage of the moment is in it. */
  memory: { factor: 1.25, more: 32 * 2 ** 20 },
  /** Workers that are being replaced have some. */
  descriptors: { factor: 1, more: 16 },
  threads: { factor: 1, more: 4 },
} as const;

/** What a run had of something in its second tenth and in its last, as medians. */
export interface Trend {
  readonly what: keyof Figures;
  readonly early: number;
  readonly late: number;
  readonly limit: number;
  readonly isFlat: boolean;
}

/** Asks the system about processes. One that has just ended is not in the answer. */
export async function readFigures(pids: readonly number[]): Promise<Map<number, Figures>> {
  const table = await run("ps", ["-o", "pid=,rss=,nlwp=", "-p", pids.join(",")]);
  const figures = new Map<number, Figures>();
  for (const line of table.trim().split("\n")) {
    const [pid, kibibytes, threads] = line.trim().split(/\s+/).map(Number);
    if (pid === undefined || kibibytes === undefined || threads === undefined) continue;
    // This runtime lets nobody read /proc who has not all permissions.
    const names = await run("ls", ["-U", `/proc/${pid}/fd`]);
    if (names === "") continue;
    const descriptors = names.trim().split("\n").length;
    figures.set(pid, { memory: kibibytes * 1024, descriptors, threads });
  }
  return figures;
}

/** Compares the second tenth of the samples with the last one. */
export function findTrends(samples: readonly Figures[]): Trend[] {
  const tenth = Math.max(1, Math.floor(samples.length / 10));
  const early = samples.slice(tenth, 2 * tenth);
  const late = samples.slice(-tenth);
  return (["memory", "descriptors", "threads"] as const).map((what) => {
    const [before, after] = [early, late].map((part) => median(part.map((each) => each[what])));
    const { factor, more } = TOLERANCE[what];
    const limit = before! * factor + more;
    return { what, early: before!, late: after!, limit, isFlat: after! <= limit };
  });
}

/** The middle one, or 0 when there is none. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}

import { sleep } from "../coroutine/sleep.ts";
import type { Arguments } from "./_cli_arguments.ts";
import { type Command, type CommandIo, EXIT, type Screen } from "./_cli_command.ts";
import { Connection, CONNECTION_OPTIONS, readPlace } from "./_cli_connect.ts";
import { type Snapshot, writeLines, writeReport } from "./_cli_report.ts";

const DEFAULT_INTERVAL_MS = 1_000;

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR = "\x1b[H\x1b[2J";

export const top: Command = {
  name: "top",
  words: "",
  wordCount: [0, 0],
  summary: "watch queues and workers",
  description:
    `Shows queues and workers with their rates, again and again, until q or Ctrl-C. Where the output is no
terminal it prints one line a queue each time. What the columns mean is told by "manyhands stats --help".`,
  options: [
    ...CONNECTION_OPTIONS,
    { name: "interval", value: "MS", help: `how often (default ${DEFAULT_INTERVAL_MS})` },
    { name: "count", value: "N", help: "end after so many times" },
  ],
  permissions:
    "--allow-net=HOST:PORT --allow-env=MANYHANDS_AUTHKEY (or --allow-read=FILE for files)",
  examples: ["manyhands top", "manyhands top --count 60 --interval 1000 >> load.txt"],
  run,
};

async function run(args: Arguments, io: CommandIo): Promise<number> {
  const intervalMs = args.count("interval", { least: 1 }) ?? DEFAULT_INTERVAL_MS;
  const count = args.count("count", { least: 1 }) ?? Infinity;
  const place = await readPlace(args);
  using stop = io.listen();
  await using connection = await Connection.open(place, { signal: stop.inOrder });
  const { screen } = io;
  const left = new AbortController();
  const signal = AbortSignal.any([stop.inOrder, left.signal]);
  const watching = screen === undefined ? undefined : watchKeys(screen, left, signal);
  let before: Snapshot | undefined;
  screen?.write(HIDE_CURSOR);
  try {
    for (let n = 1; n <= count && !signal.aborted; n++) {
      const report = await connection.status();
      const now = { report, atMs: performance.now() };
      if (screen !== undefined) draw(screen, connection.place, writeReport(now, before));
      else writeLines(now, before).forEach((line) => io.print(line));
      before = now;
      if (n < count) await sleep(intervalMs, { signal }).catch(() => {});
    }
  } finally {
    screen?.write(SHOW_CURSOR);
    left.abort();
    await watching;
  }
  return EXIT.ok;
}

async function watchKeys(
  screen: Screen,
  left: AbortController,
  signal: AbortSignal,
): Promise<void> {
  for await (const key of screen.keys(signal)) {
    // Ctrl-C is a key like others while keys are read one by one.
    if (key === "q" || key === "Q" || key === "\x03") return left.abort();
  }
}

/** Draws what fits. */
function draw(screen: Screen, place: string, lines: readonly string[]): void {
  const { columns, rows } = screen.size();
  const shown = [`manyhands top - ${place} - q ends it`, ...lines].slice(0, Math.max(1, rows - 1));
  screen.write(
    CLEAR + shown.map((line) => [...line].slice(0, columns).join("")).join("\r\n") + "\r\n",
  );
}

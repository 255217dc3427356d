import { sleep } from "../coroutine/sleep.ts";
import type { Arguments } from "./_cli_arguments.ts";
import { type Command, type CommandIo, EXIT } from "./_cli_command.ts";
import { Connection, CONNECTION_OPTIONS, readPlace } from "./_cli_connect.ts";

const DEFAULT_COUNT = 5;

export const ping: Command = {
  name: "ping",
  words: "",
  wordCount: [0, 0],
  summary: "see whether a server answers, how fast, and whether the key is right",
  description:
    `Connects to a server, which proves the key on both sides, and measures round trips. It works with
every manager, also with one of a Python program.`,
  options: [
    ...CONNECTION_OPTIONS,
    { name: "count", value: "N", help: `how many round trips (default ${DEFAULT_COUNT})` },
    { name: "interval", value: "MS", help: "the pause between two of them (default 100)" },
    {
      name: "timeout",
      value: "MS",
      help: "how long the server may take to connect (default 10000)",
    },
    { name: "json", help: "print one line of JSON" },
  ],
  permissions:
    "--allow-net=HOST:PORT --allow-env=MANYHANDS_AUTHKEY (or --allow-read=FILE for files)",
  examples: ["manyhands ping --host 10.0.0.7", "manyhands ping --count 1 && echo it serves"],
  run,
};

async function run(args: Arguments, io: CommandIo): Promise<number> {
  const count = args.count("count", { least: 1 }) ?? DEFAULT_COUNT;
  const intervalMs = args.count("interval", { least: 0 }) ?? 100;
  const timeoutMs = args.count("timeout", { least: 0 });
  const isJson = args.has("json");
  const place = await readPlace(args);
  const begin = performance.now();
  await using connection = await Connection.open(place, { timeoutMs });
  const connectMs = performance.now() - begin;
  if (!isJson) {
    io.print(`Connected to ${connection.place} in ${connectMs.toFixed(1)} ms, the key is right`);
  }
  const times: number[] = [];
  for (let n = 1; n <= count; n++) {
    if (n > 1) await sleep(intervalMs);
    const sentAt = performance.now();
    await connection.ping();
    times.push(performance.now() - sentAt);
    if (!isJson) io.print(`Round trip ${n}: ${times.at(-1)!.toFixed(3)} ms`);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const figures = {
    connectMs,
    count,
    leastMs: sorted[0]!,
    // Of an even number, between the two in the middle.
    medianMs: (sorted[(count - 1) >> 1]! + sorted[count >> 1]!) / 2,
    mostMs: sorted.at(-1)!,
  };
  if (isJson) {
    io.print(JSON.stringify(figures));
    return EXIT.ok;
  }
  const { leastMs, medianMs, mostMs } = figures;
  const told = [leastMs, medianMs, mostMs].map((time) => time.toFixed(3)).join(" / ");
  io.print(`least / median / most: ${told} ms`);
  return EXIT.ok;
}

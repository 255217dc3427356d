import type { Arguments } from "./_cli_arguments.ts";
import { type Command, type CommandIo, EXIT } from "./_cli_command.ts";
import { Connection, CONNECTION_OPTIONS, readPlace } from "./_cli_connect.ts";
import { writeReport } from "./_cli_report.ts";

export const stats: Command = {
  name: "stats",
  words: "",
  wordCount: [0, 0],
  summary: "tell how much there is to do, and what was done",
  description:
    `Prints what the server tells of its queues and workers. Figures of what has happened count from the start of
the server. READY tasks can be taken, DELAYED ones not yet, LEASED ones are at workers; OLDEST is how long a
READY task waits; GETTING and PUTTING are calls that wait. RETRIED and LOST are attempts: put back, and
lost with a worker. DEAD tasks have failed for good and are kept.`,
  options: [...CONNECTION_OPTIONS, { name: "json", help: "print one line of JSON" }],
  permissions:
    "--allow-net=HOST:PORT --allow-env=MANYHANDS_AUTHKEY (or --allow-read=FILE for files)",
  examples: ["manyhands stats", "manyhands stats --json --host 10.0.0.7 --authkey-file key"],
  run,
};

async function run(args: Arguments, io: CommandIo): Promise<number> {
  const isJson = args.has("json");
  await using connection = await Connection.open(await readPlace(args));
  const report = await connection.status();
  const lines = isJson
    ? [JSON.stringify(report)]
    : writeReport({ report, atMs: performance.now() }, undefined);
  for (const line of lines) io.print(line);
  return EXIT.ok;
}

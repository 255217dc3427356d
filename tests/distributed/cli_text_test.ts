import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { InvalidStateError } from "../../coroutine/mod.ts";
import { type EnginePlace, explainMissing } from "../../distributed/_cli_engine.ts";
import { explainError } from "../../distributed/_cli_errors.ts";
import { describeCommand } from "../../distributed/_cli_help.ts";
import { fromJson, toJson } from "../../distributed/_cli_json.ts";
import { ping } from "../../distributed/_cli_ping.ts";
import { type Snapshot, writeLines, writeReport } from "../../distributed/_cli_report.ts";
import { writeDuration } from "../../distributed/_cli_table.ts";
import type { TaskQueueStatistics, TaskWorkerStatistics } from "../../distributed/mod.ts";
import { runCommand, ServedQueues } from "./cli_io.ts";

/** How the command line writes what it has to tell. */

Deno.test("writeDuration() writes a time in the unit that suits it", () => {
  const times = [0, 999.4, 1_000, 59_940, 60_000, 3_599_999, 3_600_000, 90_061_000];
  assertEquals(times.map(writeDuration), [
    "0 ms",
    "999 ms",
    "1.0 s",
    "59.9 s",
    "1 min 0 s",
    "59 min 59 s",
    "1 h 0 min",
    "25 h 1 min",
  ]);
});

Deno.test("toJson() writes what JSON has nothing for as the nearest thing that it has", () => {
  assertEquals(toJson(undefined), "null");
  assertEquals(
    toJson({ map: new Map([[1, new Set([2n])]]), error: new TypeError("m") }),
    '{"map":[[1,["2"]]],"error":{"name":"TypeError","message":"m"}}',
  );
  assertEquals(toJson([new Uint8Array([1, 2, 255])]), '["AQL/"]');
});

Deno.test("fromJson() shows the beginning of what is no JSON", () => {
  const told = (text: string): string => {
    try {
      return String(fromJson(text, "It"));
    } catch (error) {
      return (error as Error).message;
    }
  };
  assertEquals(told("{"), "It is no JSON: {");
  assertEquals(told(" \n"), "It is no JSON: there is nothing");
  assertEquals(told("x".repeat(41)), `It is no JSON: ${"x".repeat(40)}…`);
});

Deno.test("explainError() says each error in one line, with the code of its kind", () => {
  const named = (name: string, message: string): Error =>
    Object.assign(new Error(message), { name });
  const cases: [error: unknown, code: number, line: string][] = [
    ["a text", 1, "a text"],
    [named("HostUnreachable", "no route\nto it"), 3, "no route"],
    [named("NetworkUnreachable", "no network"), 3, "no network"],
    [
      new Error("failed to lookup address information: none"),
      3,
      "failed to lookup address information: none",
    ],
    [new Deno.errors.TimedOut("late"), 3, "late"],
    [named("JobError", "no"), 1, "JobError: no"],
    [named("JobError", "Cannot do it"), 1, "Cannot do it"],
    [new Deno.errors.NotCapable("--allow-x"), 1, "A permission is missing: --allow-x"],
  ];
  for (const [error, code, line] of cases) assertEquals(explainError(error), { code, line });
});

Deno.test("describeCommand() gives an option that is long a line of its own", () => {
  const options = [{ name: "a-name-that-is-long", value: "VALUE", help: "what it does" }];
  const text = describeCommand({ ...ping, options });
  assertStringIncludes(text, `\n  --a-name-that-is-long VALUE\n${" ".repeat(24)}what it does\n`);
});

function worker(name: string, done: number): TaskWorkerStatistics {
  return { name, concurrency: 2, held: 1, done, failed: 0, lost: 0 } as TaskWorkerStatistics;
}

function snapshot(atMs: number, put: number, workers: TaskWorkerStatistics[]): Snapshot {
  const queue = {
    size: 1,
    delayed: 0,
    held: 0,
    oldestMs: 5,
    put,
    done: 0,
    workers,
    deadLetters: 0,
  };
  const queues = { tasks: queue as unknown as TaskQueueStatistics };
  const server = { connections: 1, refused: 0, calls: 3 };
  return { report: { queues, server, uptimeMs: 5 }, atMs } as unknown as Snapshot;
}

Deno.test("writeReport() tells how much each worker does in a second, as far as it can be told", () => {
  const before = snapshot(0, 0, [worker("a", 1), worker("twice", 1), worker("twice", 5)]);
  const now = snapshot(2_000, 3_000, [
    worker("a", 4),
    worker("twice", 2),
    worker("twice", 6),
    worker("new", 7),
  ]);
  const lines = writeReport(now, before);
  const rates = lines.slice(6).map((line) => [line.split(" ")[0], line.split(/ +/).at(-1)]);
  assertEquals(rates, [["a", "1.5"], ["twice", "-"], ["twice", "-"], ["new", "-"]]);
  assert(lines[2]!.endsWith("PUT/S  DONE/S"), lines[2]);
  assert(/ 1500 +0\.0$/.test(lines[3]!), lines[3]);
});

Deno.test("writeLines() tells no rate of a server that was started anew, nor of no time", () => {
  const later = snapshot(2_000, 5, []);
  for (const other of [snapshot(3_000, 1, []), snapshot(2_000, 9, [])]) {
    assertStringIncludes(writeLines(other, later)[0]!, "put -/s");
  }
  assertStringIncludes(writeLines(snapshot(3_000, 7, []), later)[0]!, "put 2.0/s");
});

Deno.test("manyhands tells what is wrong with files and with what is fed to it", async () => {
  const folder = await Deno.makeTempDir();
  const { code, err } = await runCommand(["ping", "--authkey-file", folder]);
  assertEquals(code, 1);
  assert(!err.includes("\n") && err !== "", err);
  await Deno.remove(folder);
  await using served = await ServedQueues.start();
  const fed = await runCommand(["put", ...served.place, "--stdin"]);
  assertEquals([fed.code, fed.err], [2, "There is no task on standard input"]);
});

Deno.test("explainMissing() says that there is no queue, and passes on what else went wrong", () => {
  const place = { place: "nats://a" } as EnginePlace;
  const other = new Error("no luck");
  assertEquals(explainMissing(other, place, "jobs"), other);
  const broken = new InvalidStateError("it is broken");
  assertEquals(explainMissing(broken, place, "jobs"), broken);
  const missing = explainMissing(new InvalidStateError("there is none"), place, "jobs");
  assertStringIncludes(String(missing), 'There is no queue "jobs" on nats://a');
});

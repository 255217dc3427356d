import { TimeoutError } from "../coroutine/errors.ts";
import { type Arguments, UsageError } from "./_cli_arguments.ts";
import { type Command, type CommandIo, EXIT } from "./_cli_command.ts";
import { Connection, CONNECTION_OPTIONS, QUEUE_OPTION, readPlace } from "./_cli_connect.ts";
import { TaskFailure } from "./_cli_errors.ts";
import { fromJson, readArgument, toJson } from "./_cli_json.ts";
import type { TaskHandle } from "./task_handle.ts";
import { EngineUnavailableError } from "./task_errors.ts";

export const put: Command = {
  name: "put",
  words: "[FUNCTION [ARGUMENT...]]",
  wordCount: [0, Infinity],
  summary: "put a task, and wait for its result if that is wanted",
  description:
    `Puts a task that calls a FUNCTION of the workers' module. Each ARGUMENT is JSON when it reads as such, and
a text otherwise: 7 is a number, seven a text, '"7"' a text as well. Behind "--" nothing is an option.

With --stdin tasks come as JSON from standard input, one a line: {"name": FUNCTION, "args": [...]} calls a
function, anything else is for programs that take tasks themselves.

Prints the id of each task, or with --wait the result of each as JSON, in the order of the tasks. A task that
has failed is told of on standard error, and makes the exit code 1.`,
  options: [
    ...CONNECTION_OPTIONS,
    QUEUE_OPTION,
    { name: "stdin", help: "read tasks from standard input" },
    { name: "wait", help: "wait for the results, and print them" },
    {
      name: "id",
      value: "TEXT",
      help: "a name for the task; putting it again then changes nothing",
    },
    { name: "priority", value: "N", help: "higher ones are taken first (default 0)" },
    { name: "delay", value: "MS", help: "the task cannot be taken before that (default 0)" },
    {
      name: "retries",
      value: "N",
      help: "how often it is tried again when it fails or its worker is lost (default 0)",
    },
    {
      name: "timeout",
      value: "MS",
      help: "how long to wait, for a place in the queue and for results (default: for ever)",
    },
  ],
  permissions:
    "--allow-net=HOST:PORT --allow-env=MANYHANDS_AUTHKEY (or --allow-read=FILE for files)",
  examples: [
    "manyhands put resize cat.png 640 480 --retries 3",
    "manyhands put square 7 --wait --timeout 5000",
    `manyhands put --stdin --wait < tasks.jsonl`,
  ],
  run,
};

async function run(args: Arguments, io: CommandIo): Promise<number> {
  const { words } = args;
  const fromInput = args.has("stdin");
  if (fromInput === words.length > 0) {
    throw new UsageError("There must be either a FUNCTION or --stdin; --help tells more");
  }
  const id = args.text("id");
  if (fromInput && id !== undefined) {
    throw new UsageError("Option --id is for one task, not --stdin");
  }
  const options = {
    id,
    priority: args.number("priority"),
    delayMs: args.count("delay", { least: 0 }),
    retries: args.count("retries", { least: 0 }),
  };
  const timeoutMs = args.count("timeout", { least: 0 }) ?? Infinity;
  const place = await readPlace(args);
  const [name, ...given] = words;
  const values = fromInput
    ? readLines(await io.readInput())
    : [{ name, args: given.map(readArgument) }];
  const endsAt = performance.now() + timeoutMs;
  const left = () => ({
    timeoutMs: timeoutMs === Infinity ? undefined : Math.max(0, endsAt - performance.now()),
  });
  await using connection = await Connection.open(place);
  await using queue = await connection.queue(args.text("queue"));
  const tasks: TaskHandle<unknown>[] = [];
  for (const value of values) {
    const task = await queue.put(value, { ...options, ...left() });
    tasks.push(task);
    if (!args.has("wait")) io.print(task.id);
  }
  if (!args.has("wait")) return EXIT.ok;
  let code: number = EXIT.ok;
  for (const task of tasks) {
    try {
      io.print(toJson(await task.result(left())));
    } catch (error) {
      if (error instanceof TimeoutError) {
        throw new TimeoutError(`Task ${task.id} is ${task.state} after ${timeoutMs} ms`);
      }
      const ended = ["failed", "cancelled"].includes(task.state);
      if (!ended || error instanceof EngineUnavailableError) throw error;
      const failure = new TaskFailure(describeFailure(task, error));
      if (tasks.length === 1) throw failure;
      io.complain(failure.message);
      // A line for every task, so that lines can be told apart.
      io.print("null");
      code = EXIT.failed;
    }
  }
  return code;
}

function describeFailure({ id, state }: TaskHandle<unknown>, error: unknown): string {
  const { name = "Error", message } = error as Partial<Error>;
  if (state === "cancelled") return `Task ${id} was cancelled`;
  return `Task ${id} has failed: ${message === undefined ? String(error) : `${name}: ${message}`}`;
}

function readLines(input: string): unknown[] {
  const lines = input.split("\n").map((line) => line.trim());
  const tasks = lines.flatMap((line, n) => line === "" ? [] : [fromJson(line, `Line ${n + 1}`)]);
  if (tasks.length === 0) throw new UsageError("There is no task on standard input");
  return tasks;
}

import { type Arguments, UsageError } from "./_cli_arguments.ts";
import { type Command, type CommandIo, EXIT } from "./_cli_command.ts";
import { Connection, CONNECTION_OPTIONS, QUEUE_OPTION, readPlace } from "./_cli_connect.ts";
import { TaskFailure } from "./_cli_errors.ts";
import { fromJson, toJson } from "./_cli_json.ts";
import { isJobForm, unpack } from "./_worker_wire.ts";

export const get: Command = {
  name: "get",
  words: "",
  wordCount: [0, 0],
  summary: "take one task and print it",
  description:
    `Waits for a task, takes it, and prints it as one line of JSON: id, attempt, and value. What then becomes of it:

- By itself it is given back, as if it had not been taken: others get it, and it costs no attempt.
- --complete ends it with the result of --result, which is JSON; --result=- reads it from standard input,
  while the task stays this program's.
- --fail ends it with an error: it is tried again if it has retries left.

SIGINT and SIGTERM give it back. Standard error says what has become of it; the exit code is 1 when the task was
not this program's any more.`,
  options: [
    ...CONNECTION_OPTIONS,
    QUEUE_OPTION,
    { name: "complete", help: "end the task with a result" },
    { name: "result", value: "JSON", help: "the result (default null)" },
    { name: "fail", value: "TEXT", help: "end the task with an error that says TEXT" },
    {
      name: "lease",
      value: "MS",
      help:
        "after so long without a sign of life the task is given to others (default: the queue's)",
    },
    { name: "timeout", value: "MS", help: "how long to wait for a task (default: for ever)" },
  ],
  permissions:
    "--allow-net=HOST:PORT --allow-env=MANYHANDS_AUTHKEY (or --allow-read=FILE for files)",
  examples: [
    "manyhands get --timeout 0",
    "manyhands get --complete --result '{\"size\": 3}'",
    "manyhands get --complete --result=- < answer.json",
  ],
  run,
};

async function run(args: Arguments, io: CommandIo): Promise<number> {
  const failure = args.text("fail");
  const isComplete = args.has("complete");
  const result = args.text("result");
  if (isComplete && failure !== undefined) {
    throw new UsageError("A task can be ended with --complete or with --fail, not with both");
  }
  if (result !== undefined && !isComplete) throw new UsageError("Option --result needs --complete");
  const known = result === undefined
    ? null
    : result === "-"
    ? undefined
    : fromJson(result, "The result");
  const leaseMs = args.count("lease", { least: 1 });
  const timeoutMs = args.count("timeout", { least: 0 });
  const place = await readPlace(args);
  await using connection = await Connection.open(place);
  await using queue = await connection.queue(args.text("queue"));
  // Not before: until something can be taken, a signal ends the program as it ends any other.
  using stop = io.listen();
  const lease = await queue.get({ leaseMs, timeoutMs, signal: stop.inOrder }).catch((error) => {
    if (stop.inOrder.aborted) return undefined;
    throw error;
  });
  if (lease === undefined) return EXIT.ok;
  const { id, attempt } = lease;
  const give = async (): Promise<number> => {
    await lease.release();
    io.complain(`Task ${id} was given back`);
    return EXIT.ok;
  };
  io.print(toJson({ id, attempt, value: readable(lease.value) }));
  if (failure !== undefined) {
    if (!await lease.fail(new Error(failure))) throw lost(id);
    io.complain(`Task ${id} has failed`);
    return EXIT.ok;
  }
  if (!isComplete) return await give();
  let answer = known;
  if (answer === undefined) {
    const { promise: stopped, resolve } = Promise.withResolvers<undefined>();
    const onAbort = () => resolve(undefined);
    stop.inOrder.addEventListener("abort", onAbort, { once: true });
    lease.signal.addEventListener("abort", onAbort, { once: true });
    const text = await Promise.race([io.readInput(), stopped]);
    if (text === undefined && stop.inOrder.aborted) return await give();
    if (text === undefined) {
      throw new TaskFailure(`Task ${id}: ${(lease.signal.reason as Error).message}`);
    }
    try {
      answer = fromJson(text, "The result on standard input");
    } catch (error) {
      await give();
      throw error;
    }
  }
  if (!await lease.complete(answer)) throw lost(id);
  io.complain(`Task ${id} is complete`);
  return EXIT.ok;
}

function lost(id: string): TaskFailure {
  return new TaskFailure(`Task ${id} was lost meanwhile: others have it`);
}

/** A task of a pool has its arguments packed. */
function readable(value: unknown): unknown {
  if (!isJobForm(value)) return value;
  try {
    return { name: value.name, items: unpack(value.items) };
  } catch {
    return { name: value.name };
  }
}

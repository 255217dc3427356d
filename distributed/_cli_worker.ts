import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Arguments, UsageError } from "./_cli_arguments.ts";
import { type Command, type CommandIo, EXIT } from "./_cli_command.ts";
import {
  type AnyPlace,
  Connection,
  CONNECTION_OPTIONS,
  DEFAULT_QUEUE,
  describePlace,
  QUEUE_OPTION,
  readPlace,
} from "./_cli_connect.ts";
import { openEngine } from "./_cli_engine.ts";
import { explainError, TaskFailure } from "./_cli_errors.ts";
import { serveTasks, type ServeTasksOptions } from "./serve_tasks.ts";

const KINDS = ["coroutines", "threads", "processes"] as const;

export const worker: Command = {
  name: "worker",
  words: "MODULE",
  wordCount: [1, 1],
  summary: "run tasks with the functions that a module exports",
  description:
    `Takes tasks and calls the functions that MODULE, a file or a URL, exports. Nothing else can be called:
producers send names and data, never code. It ends when the server has ended in order.

The first SIGINT or SIGTERM ends it in order: no more is taken, what runs is finished. The second one gives
what runs back, as if it had not been taken, and ends at once; the code is 0 in either case.
While the server cannot be reached, it goes on trying.`,
  options: [
    ...CONNECTION_OPTIONS,
    QUEUE_OPTION,
    {
      name: "concurrency",
      value: "N",
      help:
        "how many tasks run at a time (default 1; with --inside as many as there are processors)",
    },
    {
      name: "inside",
      value: "KIND",
      help:
        `what functions run in: ${KINDS.join(", ")} (default coroutines: the event loop of this ` +
        "process; what computes for long belongs into the others)",
    },
    { name: "name", value: "NAME", help: "what it is called in statistics and errors" },
    {
      name: "reconnect",
      value: "MS",
      help: "how long to go on trying when the server cannot be reached (default: for ever)",
    },
  ],
  permissions:
    "--allow-net=HOST:PORT --allow-env=MANYHANDS_AUTHKEY --allow-read=MODULE, and what the functions need;\n" +
    "  with --inside threads --allow-read; with --inside processes --allow-net=127.0.0.1 --allow-run=deno,\n" +
    "  and no --allow-read",
  examples: [
    "MANYHANDS_AUTHKEY=secret manyhands worker ./jobs.ts --concurrency 8",
    "manyhands worker ./jobs.ts --host 10.0.0.7 --authkey-file key --queue images --inside processes",
  ],
  run,
};

async function run(args: Arguments, io: CommandIo): Promise<number> {
  const url = moduleUrl(args.words[0]!);
  const inside = args.choice("inside", KINDS, "coroutines");
  const concurrency = args.count("concurrency", { least: 1 });
  const reconnectMs = args.count("reconnect", { least: 0 });
  const queue = args.text("queue");
  const place = await readPlace(args);
  using stop = io.listen();
  stop.inOrder.addEventListener(
    "abort",
    () => io.complain("Leaving when what runs has ended; stop again to give it back"),
    { once: true },
  );
  // Before it takes anything: a worker without its module fails every task.
  const module = inside === "coroutines" ? await load(url) : url;
  try {
    await using connection = await Connection.open(place, { signal: stop.inOrder });
    await using _queue = await connection.queue(queue);
    io.print(
      `Working for ${connection.place}${queue === undefined ? "" : `, queue ${queue}`}` +
        (typeof module === "string" ? "" : `, with ${functionsOf(module).join(", ")}`),
    );
  } catch (error) {
    if (stop.inOrder.aborted) return EXIT.ok;
    const { code, line } = explainError(error);
    if (code !== EXIT.noConnection) throw error;
    if (reconnectMs !== 0) io.complain(`${line}; trying again`);
    else throw error;
  }
  try {
    await serveTasks({
      ...await openPlace(place, queue, reconnectMs),
      module,
      concurrency,
      inside,
      name: args.text("name"),
      signal: stop.inOrder,
      giveBackSignal: stop.atOnce,
    });
  } catch (error) {
    // What does not stop is left behind with this process; it was given back.
    if (!stop.inOrder.aborted) throw error;
  }
  if (!stop.inOrder.aborted) io.print(`The server on ${describePlace(place)} has ended`);
  return EXIT.ok;
}

/** Where the tasks come from. */
async function openPlace(
  { manager, engine }: AnyPlace,
  queue: string | undefined,
  reconnectMs: number | undefined,
): Promise<Partial<ServeTasksOptions>> {
  if (engine === undefined) return { ...manager, queue, reconnectMs };
  const options = { create: false, patienceMs: reconnectMs ?? Infinity };
  return { engine: await openEngine(engine, queue ?? DEFAULT_QUEUE, options) };
}

/** The URL of a module that was named as a file or as a URL. */
function moduleUrl(name: string): string {
  const isPath = isAbsolute(name) || /^\.{1,2}[\\/]/.test(name) || !URL.canParse(name);
  return isPath ? pathToFileURL(resolve(name)).href : name;
}

async function load(url: string): Promise<Readonly<Record<string, unknown>>> {
  let module: Record<string, unknown>;
  try {
    module = await import(url);
  } catch (error) {
    const { name, message } = error as Error;
    if (error instanceof Deno.errors.NotCapable) throw error;
    const why = `${message}`.split("\n")[0]!;
    throw new TaskFailure(
      `Cannot load the module: ${name === "TypeError" ? why : `${name}: ${why}`}`,
    );
  }
  if (functionsOf(module).length > 0) return module;
  throw new UsageError(`The module ${url} exports no function`);
}

function functionsOf(module: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(module).filter((name) => typeof module[name] === "function");
}

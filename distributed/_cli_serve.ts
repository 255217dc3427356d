import { sleep } from "../coroutine/sleep.ts";
import { formatAddress } from "../ipc/mod.ts";
import { type Arguments, UsageError } from "./_cli_arguments.ts";
import { type Command, type CommandIo, EXIT, type Stop } from "./_cli_command.ts";
import { DEFAULT_QUEUE, PLACE_OPTIONS, readOwnPlace } from "./_cli_connect.ts";
import {
  ENGINE_OPTIONS,
  type EnginePlace,
  type EngineSettings,
  openEngine,
  readEngine,
} from "./_cli_engine.ts";
import { explainError } from "./_cli_errors.ts";
import { readEngineTls, SERVER_TLS_OPTIONS } from "./_cli_tls.ts";
import { BaseManager } from "./base_manager.ts";
import { embeddedEngine } from "./embedded_engine.ts";
import type { Server } from "./server.ts";
import { readStatus, serveStatus, type ServeStatusOptions, type StatusEndpoint } from "./status.ts";
import { TaskQueue } from "./task_queue.ts";

/** How often it is told that connections were refused. */
const REFUSED_MS = 1_000;

/** How long clients may take to leave when everything is done. */
const FAREWELL_MS = 1_000;

export const serve: Command = {
  name: "serve",
  words: "",
  wordCount: [0, 0],
  summary: "serve task queues, until it is told to end",
  description:
    `Serves task queues, which are kept in memory. "worker" runs their tasks, "put" and programs put them.

With --engine the tasks are kept by NATS, which serves them: then this creates queues that are not there, opens
those again that were shut down, and serves the status if that is wanted. When it ends, the queues stay.

The first SIGINT or SIGTERM ends it in order: nothing more is put, and when the tasks that are there have
ended, it leaves with code 0. The second one ends it at once; code 1 says that tasks were given up.`,
  options: [
    ...PLACE_OPTIONS,
    ...SERVER_TLS_OPTIONS,
    ...ENGINE_OPTIONS,
    {
      name: "replicas",
      value: "N",
      help: "with --engine: on how many of its servers each task is kept (default 1)",
    },
    {
      name: "priority",
      value: "N",
      many: true,
      help: "with --engine: a priority that tasks can have; may be given several times (default 0)",
    },
    {
      name: "queue",
      value: "NAME",
      many: true,
      help: `a queue to serve; may be given several times (default "${DEFAULT_QUEUE}")`,
    },
    {
      name: "max-size",
      value: "N",
      help:
        "the most unfinished tasks of each queue: with more, those who put wait (default 0: no limit)",
    },
    {
      name: "lease",
      value: "MS",
      help:
        "after so long without a sign of life of a worker its tasks are given to others (default 10000)",
    },
    {
      name: "max-dead-letters",
      value: "N",
      help: "how many tasks that have failed for good each queue keeps (default 1000)",
    },
    { name: "max-connections", value: "N", help: "the most connections at a time (default 10000)" },
    {
      name: "status-port",
      value: "N",
      help:
        "also serve /status (JSON), /metrics (Prometheus) and /healthz over HTTP, without a key",
    },
    {
      name: "status-host",
      value: "NAME",
      help: "where that listens (default 127.0.0.1: this machine only)",
    },
    {
      name: "status-name",
      value: "NAME",
      many: true,
      help: "a host name under which that may be asked for, beside localhost and IP addresses",
    },
  ],
  permissions:
    "--allow-net=HOST:PORT --allow-env=MANYHANDS_AUTHKEY (or --allow-read=FILE for files);\n" +
    "  with --status-port also --allow-net=STATUS-HOST:STATUS-PORT",
  examples: [
    "MANYHANDS_AUTHKEY=secret manyhands serve",
    "manyhands serve --tls-cert server.crt --tls-key server.key --host 0.0.0.0",
    "manyhands serve --engine nats://10.0.0.7:4222 --queue images --replicas 3",
    "manyhands serve --host 0.0.0.0 --port 5000 --authkey-file /run/secrets/key \\\n" +
    "    --queue images --queue mails --max-size 10000 --status-port 9090",
  ],
  run,
};

async function run(args: Arguments, io: CommandIo): Promise<number> {
  const given = args.all("queue");
  const names = given.length === 0 ? [DEFAULT_QUEUE] : [...new Set(given)];
  const maxSize = args.count("max-size", { least: 0 });
  const leaseMs = args.count("lease", { least: 1 });
  const maxDeadLetters = args.count("max-dead-letters", { least: 0 });
  const maxConnections = args.count("max-connections", { least: 1 });
  const statusPort = args.count("status-port", { least: 0, most: 65_535 });
  const statusHost = args.text("status-host");
  const hosts = args.all("status-name");
  for (const name of ["status-host", "status-name"]) {
    if (args.text(name) === undefined || statusPort !== undefined) continue;
    throw new UsageError(`Option --${name} needs --status-port`);
  }
  for (const name of ["replicas", "priority"]) {
    if (args.text(name) === undefined || args.text("engine") !== undefined) continue;
    throw new UsageError(`Option --${name} needs --engine`);
  }
  const engine = await readEngine(args, readEngineTls);
  const status = { hostname: statusHost, port: statusPort, hosts };
  if (engine !== undefined) {
    const replicas = args.count("replicas", { least: 1, most: 5 });
    const priorities = readPriorities(args);
    const settings = { maxSize, leaseMs, maxDeadLetters, replicas, priorities };
    return await serveEngine(engine, names, settings, { io, status });
  }
  const place = await readOwnPlace(args);
  const queues: Record<string, TaskQueue<unknown>> = Object.create(null);
  for (const name of names) {
    queues[name] = new TaskQueue<unknown>({
      engine: embeddedEngine({ maxSize, leaseMs, maxDeadLetters }),
    });
  }
  using stop = io.listen();
  const Manager = BaseManager
    .register("getTasks", { callable: (name?: unknown) => findQueue(queues, name) })
    .register("getStatus", { callable: () => readStatus({ server, queues }) })
    .register("ping", { callable: () => undefined });
  const onRefused = tellRefused(io);
  const server: Server = new Manager({ ...place, maxConnections, onRefused }).getServer();
  await using _server = server;
  await using endpoint = statusPort === undefined
    ? undefined
    : serveStatus({ server, queues }, status);
  io.print(`Serving ${tell(names)} on ${formatAddress(server.address)}`);
  tellStatus(io, endpoint);
  await Promise.race([aborted(stop.inOrder), server.serveForever()]);
  return await end(Object.values(queues), server, { io, stop });
}

/** Creates queues on an engine, and tells of them until the user has had enough. */
async function serveEngine(
  engine: EnginePlace,
  names: readonly string[],
  settings: EngineSettings,
  { io, status }: { io: CommandIo; status: ServeStatusOptions },
): Promise<number> {
  using stop = io.listen();
  await using stack = new AsyncDisposableStack();
  const queues: Record<string, TaskQueue<unknown>> = Object.create(null);
  for (const name of names) {
    const opened = stack.use(await openEngine(engine, name, { ...settings, create: true }));
    await opened.reopen();
    queues[name] = new TaskQueue<unknown>({ engine: opened });
  }
  const endpoint = status.port === undefined ? undefined : stack.use(
    serveStatus({ queues }, status),
  );
  io.print(`Serving ${tell(names)} on ${engine.place}`);
  tellStatus(io, endpoint);
  await aborted(stop.inOrder);
  return EXIT.ok;
}

function readPriorities(args: Arguments): number[] | undefined {
  const given = args.all("priority");
  if (given.length === 0) return undefined;
  return given.map((text) => {
    const priority = Number(text);
    if (Number.isFinite(priority) && text.trim() !== "") return priority;
    throw new UsageError(`Option --priority is "${text}", must be a number`);
  });
}

function tell(names: readonly string[]): string {
  return names.length === 1 ? `queue ${names[0]}` : `queues ${names.join(", ")}`;
}

function tellStatus(io: CommandIo, endpoint: StatusEndpoint | undefined): void {
  if (endpoint === undefined) return;
  io.print(`Status on ${endpoint.url}status, metrics on ${endpoint.url}metrics`);
}

/** Tells of connections that were refused: one a second at most, whatever somebody tries. */
function tellRefused(io: CommandIo): (error: unknown) => void {
  let toldAt = -Infinity;
  let untold = 0;
  return (error) => {
    untold++;
    const now = performance.now();
    if (now - toldAt < REFUSED_MS) return;
    const others = untold > 1 ? `, ${untold} since the last time` : "";
    io.complain(`Refused a connection${others}: ${explainError(error).line}`);
    toldAt = now;
    untold = 0;
  };
}

/** Ends in order, or at once when the user has had enough. */
async function end(
  queues: readonly TaskQueue<unknown>[],
  server: Server,
  { io, stop }: { io: CommandIo; stop: Stop },
): Promise<number> {
  for (const queue of queues) await queue.shutdown();
  const left = await countUnfinished(queues);
  if (left > 0) {
    io.complain(
      `Nothing more is put; ${left} tasks have not ended yet. Stop again to give them up`,
    );
    const signal = stop.atOnce;
    await Promise.all(queues.map((queue) => queue.join({ signal }))).catch(() => {});
  }
  const lost = await countUnfinished(queues);
  // Those who wait for results or tasks are told, and leave by themselves.
  const endsAt = performance.now() + FAREWELL_MS;
  while (
    server.statistics().connections > 0 && performance.now() < endsAt && !stop.atOnce.aborted
  ) await sleep(5);
  await server.shutdown();
  for (const queue of queues) await queue[Symbol.asyncDispose]();
  if (lost === 0) return EXIT.ok;
  io.complain(`${lost} tasks were given up`);
  return EXIT.failed;
}

async function countUnfinished(queues: readonly TaskQueue<unknown>[]): Promise<number> {
  const all = await Promise.all(queues.map((queue) => queue.statistics()));
  return all.reduce((sum, { unfinished }) => sum + unfinished, 0);
}

/** The queue of a name; the first one when there is no name. */
function findQueue(
  queues: Readonly<Record<string, TaskQueue<unknown>>>,
  name: unknown,
): TaskQueue<unknown> {
  const names = Object.keys(queues);
  const found = name === undefined ? queues[names[0]!] : queues[String(name)];
  if (found !== undefined) return found;
  throw new ReferenceError(`There is no queue "${String(name)}"; there are ${names.join(", ")}`);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

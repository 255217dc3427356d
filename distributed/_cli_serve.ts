import { sleep } from "../coroutine/sleep.ts";
import { formatAddress } from "../ipc/mod.ts";
import { type Arguments, UsageError } from "./_cli_arguments.ts";
import { type Command, type CommandIo, EXIT, type Stop } from "./_cli_command.ts";
import { DEFAULT_QUEUE, PLACE_OPTIONS, readOwnPlace } from "./_cli_connect.ts";
import { explainError } from "./_cli_errors.ts";
import { SERVER_TLS_OPTIONS } from "./_cli_tls.ts";
import { BaseManager } from "./base_manager.ts";
import { embeddedEngine } from "./embedded_engine.ts";
import type { Server } from "./server.ts";
import { readStatus, serveStatus } from "./status.ts";
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

The first SIGINT or SIGTERM ends it in order: nothing more is put, and when the tasks that are there have
ended, it leaves with code 0. The second one ends it at once; code 1 says that tasks were given up.`,
  options: [
    ...PLACE_OPTIONS,
    ...SERVER_TLS_OPTIONS,
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
  await using status = statusPort === undefined
    ? undefined
    : serveStatus({ server, queues }, { hostname: statusHost, port: statusPort, hosts });
  const told = names.length === 1 ? `queue ${names[0]}` : `queues ${names.join(", ")}`;
  io.print(`Serving ${told} on ${formatAddress(server.address)}`);
  if (status !== undefined) {
    io.print(`Status on ${status.url}status, metrics on ${status.url}metrics`);
  }
  await Promise.race([aborted(stop.inOrder), server.serveForever()]);
  return await end(Object.values(queues), server, { io, stop });
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

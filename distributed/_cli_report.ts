import { type Column, printable, writeDuration, writeTable } from "./_cli_table.ts";
import type { TaskQueueStatistics, TaskWorkerStatistics } from "./engine.ts";
import type { StatusReport } from "./status.ts";

/** A report, and when it was made. */
export interface Snapshot {
  readonly report: StatusReport;
  readonly atMs: number;
}

const QUEUE_COLUMNS: readonly Column[] = [
  { head: "QUEUE", isFigure: false },
  ...figures(
    "READY DELAYED LEASED OLDEST GETTING PUTTING PUT DONE FAILED CANCELLED RETRIED LOST DEAD",
  ),
];
const WORKER_COLUMNS: readonly Column[] = [
  { head: "WORKER", isFigure: false },
  { head: "QUEUE", isFigure: false },
  ...figures("SLOTS LEASED DONE FAILED LOST"),
];
const RATES = figures("PUT/S DONE/S");
const WORKER_RATES = figures("DONE/S");

/** Shows a report as tables; with rates, when there is an earlier one. */
export function writeReport(now: Snapshot, before: Snapshot | undefined): string[] {
  const { report } = now;
  const queues = Object.entries(report.queues);
  const workers = queues.flatMap(([name, queue]) =>
    queue.workers.filter(isWorker).map((worker) => [name, worker] as const)
  );
  const lines = [summarize(report)];
  const columns = before === undefined ? QUEUE_COLUMNS : [...QUEUE_COLUMNS, ...RATES];
  lines.push("", ...writeTable(columns, queues.map(([name]) => queueCells(name, now, before))));
  if (workers.length === 0) return [...lines, "", "There is no worker"];
  const workerColumns = before === undefined
    ? WORKER_COLUMNS
    : [...WORKER_COLUMNS, ...WORKER_RATES];
  const rows = workers.map(([queue, worker]) => [
    worker.name,
    queue,
    ...[worker.concurrency, worker.held, worker.done, worker.failed, worker.lost].map(String),
    ...before === undefined ? [] : [workerRate(queue, worker, now, before)],
  ]);
  return [...lines, "", ...writeTable(workerColumns, rows)];
}

/** Shows a report in one line a queue. */
export function writeLines(now: Snapshot, before: Snapshot | undefined): string[] {
  return Object.entries(now.report.queues).map(([name, queue]) => {
    const { size, delayed, held, oldestMs, deadLetters } = queue;
    const [putRate, doneRate] = queueRates(name, now, before);
    const workers = queue.workers.filter(isWorker).length;
    return `${printable(name)}: ready ${size}, delayed ${delayed}, leased ${held}, ` +
      `oldest ${writeDuration(oldestMs)}, put ${putRate}/s, done ${doneRate}/s, ` +
      `workers ${workers}, dead ${deadLetters}`;
  });
}

function summarize({ server, uptimeMs }: StatusReport): string {
  if (server === undefined) return "The server tells nothing of its connections";
  const { connections, refused, calls } = server;
  return `Up ${
    writeDuration(uptimeMs)
  }, ${connections} connections, ${refused} refused, ${calls} calls`;
}

function queueCells(name: string, now: Snapshot, before: Snapshot | undefined): string[] {
  const queue = now.report.queues[name]!;
  const { size, delayed, held, oldestMs, getting, putting, put, done, failed } = queue;
  const { cancelled, retried, lost, deadLetters } = queue;
  const figures = [getting, putting, put, done, failed, cancelled, retried, lost, deadLetters];
  return [
    name,
    ...[size, delayed, held].map(String),
    size === 0 ? "-" : writeDuration(oldestMs),
    ...figures.map(String),
    ...before === undefined ? [] : queueRates(name, now, before),
  ];
}

function queueRates(
  name: string,
  now: Snapshot,
  before: Snapshot | undefined,
): [put: string, done: string] {
  const one = now.report.queues[name]!;
  const other: TaskQueueStatistics | undefined = before?.report.queues[name];
  if (before === undefined || other === undefined) return ["-", "-"];
  const ms = now.atMs - before.atMs;
  return [rate(one.put - other.put, ms), rate(one.done - other.done, ms)];
}

function workerRate(
  queue: string,
  worker: TaskWorkerStatistics,
  now: Snapshot,
  before: Snapshot,
): string {
  const same = before.report.queues[queue]?.workers.filter(({ name }) => name === worker.name) ??
    [];
  // Two of one name cannot be told apart.
  if (same.length !== 1) return "-";
  return rate(worker.done - same[0]!.done, now.atMs - before.atMs);
}

/** A server that was started anew counts from the beginning. */
function rate(count: number, ms: number): string {
  if (count < 0 || ms <= 0) return "-";
  const each = count * 1_000 / ms;
  return each >= 100 ? String(Math.round(each)) : each.toFixed(1);
}

function isWorker({ concurrency }: TaskWorkerStatistics): boolean {
  return concurrency > 0;
}

function figures(heads: string): Column[] {
  return heads.split(" ").map((head) => ({ head, isFigure: true }));
}

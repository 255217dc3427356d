import type { PoolStatistics } from "../coroutine/pool_statistics.ts";
import type { TaskQueueStatistics, TaskWorkerStatistics } from "./engine.ts";
import type { ServerStatistics } from "./server.ts";

interface PoolFigures extends PoolStatistics {
  readonly workers?: readonly TaskWorkerStatistics[] | undefined;
}

/** What there is to tell. */
export interface Figures {
  readonly uptimeMs: number;
  readonly server?: ServerStatistics | undefined;
  readonly queues: Readonly<Record<string, TaskQueueStatistics>>;
  readonly pools: Readonly<Record<string, PoolFigures>>;
}

/** The type of the text. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** A metric: its name without the common beginning, its type, what it tells, and where it is found. */
type Metric<S> = readonly [
  name: string,
  type: "counter" | "gauge",
  help: string,
  read: (source: S) => number,
];

const SERVER: readonly Metric<ServerStatistics>[] = [
  ["connections", "gauge", "Connections that have proved the key", (s) => s.connections],
  ["refused_total", "counter", "Connections that were refused", (s) => s.refused],
  ["calls_total", "counter", "Calls of clients", (s) => s.calls],
  ["python_objects", "gauge", "Objects to which Python clients refer", (s) => s.pythonObjects],
];

const QUEUE: readonly Metric<TaskQueueStatistics>[] = [
  ["ready", "gauge", "Tasks that can be taken now", (s) => s.size],
  ["delayed", "gauge", "Tasks that wait until their delay is over", (s) => s.delayed],
  ["leased", "gauge", "Tasks that workers hold", (s) => s.held],
  ["unfinished", "gauge", "Tasks that have not ended", (s) => s.unfinished],
  ["max_size", "gauge", "The most unfinished tasks; 0 for no limit", (s) => s.maxSize],
  ["waiting_getters", "gauge", "Calls that wait for a task", (s) => s.getting],
  ["waiting_putters", "gauge", "Calls that wait for a place", (s) => s.putting],
  ["waiting_joiners", "gauge", "Calls that wait for the end of all tasks", (s) => s.joining],
  ["dead_letters", "gauge", "Tasks that have failed for good and are kept", (s) => s.deadLetters],
  [
    "oldest_age_seconds",
    "gauge",
    "How long the task has been there that can be taken for longest",
    (s) => s.oldestMs / 1000,
  ],
  ["put_total", "counter", "Tasks that were put", (s) => s.put],
  ["completed_total", "counter", "Tasks that have given a result", (s) => s.done],
  ["failed_total", "counter", "Tasks that have failed for good", (s) => s.failed],
  ["cancelled_total", "counter", "Tasks that were cancelled", (s) => s.cancelled],
  ["redelivered_total", "counter", "Attempts after which a task was put back", (s) => s.retried],
  ["leases_lost_total", "counter", "Leases whose worker was gone or silent", (s) => s.lost],
  ["clients", "gauge", "Clients of the queue, workers among them", (s) => s.workers.length],
];

const WORKERS: readonly Metric<readonly TaskWorkerStatistics[]>[] = [
  ["workers", "gauge", "Workers that have said who they are", (workers) => workers.length],
  ["workers_busy", "gauge", "Those of them that hold tasks", countBusy],
  ["worker_slots", "gauge", "How many tasks they run at a time, together", countSlots],
];

const WORKER: readonly Metric<TaskWorkerStatistics>[] = [
  ["leased", "gauge", "Tasks that the workers of a name hold", (s) => s.held],
  ["completed_total", "counter", "Results that they have given", (s) => s.done],
  ["failed_total", "counter", "Attempts that have failed at them", (s) => s.failed],
  ["leases_lost_total", "counter", "Leases that they have lost", (s) => s.lost],
];

const POOL: readonly Metric<PoolStatistics>[] = [
  ["queued", "gauge", "Calls that wait", (s) => s.queued],
  ["running", "gauge", "Calls that run", (s) => s.running],
  ["runners", "gauge", "What runs them", (s) => s.runners],
  ["completed_total", "counter", "Calls that have given a result", (s) => s.done],
  ["failed_total", "counter", "Calls that have failed", (s) => s.failed],
  ["cancelled_total", "counter", "Calls that were cancelled", (s) => s.cancelled],
];

/** Writes figures in the text format of Prometheus. */
export function writeMetrics(figures: Figures): string {
  const { server, queues, pools } = figures;
  const lines: string[] = [];
  const add = <S>(
    prefix: string,
    metrics: readonly Metric<S>[],
    sources: readonly (readonly [labels: Readonly<Record<string, string>>, source: S])[],
  ): void => {
    if (sources.length === 0) return;
    for (const [name, type, help, read] of metrics) {
      const full = `manyhands_${prefix}_${name}`;
      lines.push(`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`);
      for (const [labels, source] of sources) {
        lines.push(`${full}${writeLabels(labels)} ${read(source)}`);
      }
    }
  };
  const process: readonly Metric<Figures>[] = [
    ["uptime_seconds", "gauge", "How long the process has been there", (r) => r.uptimeMs / 1000],
  ];
  add("process", process, [[{}, figures]]);
  if (server !== undefined) add("server", SERVER, [[{}, server]]);
  const ofQueues = Object.entries(queues).map(([queue, source]) => [{ queue }, source] as const);
  const ofPools = Object.entries(pools).map(([pool, source]) => [{ pool }, source] as const);
  const workersOfQueues = ofQueues.map(([labels, { workers }]) =>
    [labels, onlyWorkers(workers)] as const
  );
  const workersOfPools = ofPools.flatMap(([labels, { workers }]) =>
    workers === undefined ? [] : [[labels, workers] as const]
  );
  add("queue", QUEUE, ofQueues);
  add("queue", WORKERS, workersOfQueues);
  add("pool", POOL, ofPools);
  add("pool", WORKERS, workersOfPools);
  add(
    "worker",
    WORKER,
    [...workersOfQueues, ...workersOfPools].flatMap(([labels, workers]) =>
      sumByName(workers).map((worker) => [{ ...labels, worker: worker.name }, worker] as const)
    ),
  );
  return `${lines.join("\n")}\n`;
}

/** Other clients have not said how much they do at a time. */
function onlyWorkers(clients: readonly TaskWorkerStatistics[]): TaskWorkerStatistics[] {
  return clients.filter(({ concurrency }) => concurrency > 0);
}

function countBusy(workers: readonly TaskWorkerStatistics[]): number {
  return workers.filter(({ held }) => held > 0).length;
}

function countSlots(workers: readonly TaskWorkerStatistics[]): number {
  return workers.reduce((sum, { concurrency }) => sum + concurrency, 0);
}

/** Workers of one name are one line: a line must not come twice. */
function sumByName(workers: readonly TaskWorkerStatistics[]): TaskWorkerStatistics[] {
  const sums = new Map<string, TaskWorkerStatistics>();
  for (const worker of workers) {
    const sum = sums.get(worker.name);
    if (sum === undefined) {
      sums.set(worker.name, { ...worker });
      continue;
    }
    sum.concurrency += worker.concurrency;
    sum.held += worker.held;
    sum.done += worker.done;
    sum.failed += worker.failed;
    sum.lost += worker.lost;
  }
  return [...sums.values()];
}

function writeLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

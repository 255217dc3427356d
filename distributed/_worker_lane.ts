import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import type { Job, Runner, RunnerPort, ValueSink } from "../coroutine/_runner.ts";
import { putTraced } from "./_put_traced.ts";
import { callerOf } from "./_telemetry.ts";
import { errorFromWire } from "./_task_wire.ts";
import { type JobForm, pack, type Packed, type Report, unpack } from "./_worker_wire.ts";
import type { TaskEngine, TaskOutcome, TaskWatcher } from "./engine.ts";
import { WorkerLostError } from "./task_errors.ts";

/** What all lanes of a pool share. */
export interface LaneOptions {
  readonly engine: TaskEngine;
}

/** The function of a call: only its name is sent. */
export function nameOf(action: string, target: unknown): string {
  const { name } = (target ?? {}) as { name?: unknown };
  const isTarget = typeof target === "function" || typeof target === "object";
  if (isTarget && typeof name === "string" && name !== "") return name;
  throw new TypeError(
    typeof target === "function"
      ? `Cannot ${action}: the function has no name by which a worker could find it; export a named function`
      : `Cannot ${action}: the task must be a function or a reference { name }, got ${
        target === null ? "null" : typeof target
      }`,
  );
}

/** The call that a job is of, as far as a lane looks at it. */
interface JobBatch {
  readonly priority: number;
}

/** Items of a job that are one task of the queue. */
interface Part {
  readonly job: Job;
  readonly id: string;
  readonly items: Packed;
  /** Which items of the job they are. */
  readonly sent: readonly number[];
  /** Every item before this place is settled. */
  next: number;
  /** No item from this place on is the part's any more. */
  end: number;
  /** Whether the queue was asked to cancel it. */
  isCancelled: boolean;
  readonly ended: PromiseWithResolvers<void>;
}

/** After so long the rest of a job is handed to others, when it has not been sent. */
const LONG_MS = 10;

/**
 * One hand of a pool whose workers are elsewhere: it holds one job at a time, as a task of the queue from which
 * the workers take. Items that may be stopped one by one are tasks of their own, one after the other.
 */
export class WorkerLane implements Runner {
  readonly name: string;
  readonly capacity = 1;
  readonly #options: LaneOptions;
  readonly #port: RunnerPort;
  /** Items that were asked to be stopped, and why. */
  readonly #stops = new Map<number, unknown>();
  #part: Part | undefined;
  /** Items that follow, each a task of its own. */
  #rest: number[] = [];
  #restTimer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  constructor(name: string, port: RunnerPort, options: LaneOptions) {
    this.name = name;
    this.#port = port;
    this.#options = options;
  }

  start(job: Job): void {
    this.#stops.clear();
    const { length } = job.items;
    const isMany = length > 1 && (job.isTimed || job.itemOf(1) === job.itemOf(0));
    if (!isMany) return this.#send(job, Array.from({ length }, (_, index) => index));
    this.#rest = Array.from({ length }, (_, index) => index);
    this.#restTimer = setTimeout(() => this.#giveRestBack(job), LONG_MS);
    this.#sendNext(job);
  }

  cancel(job: Job, index: number, reason: unknown): void {
    const at = this.#rest.indexOf(index);
    if (at >= 0) {
      this.#rest.splice(at, 1);
      return job.fail(index, reason);
    }
    const part = this.#part;
    if (part === undefined || part.job !== job || !part.sent.includes(index)) return;
    this.#stops.set(index, reason);
    // All items of a call are asked one by one, the running one last, and end together.
    queueMicrotask(() => {
      if (this.#stops.has(part.sent[part.next]!)) this.#cancelPart(part);
    });
  }

  stop(manner: "end" | "kill"): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#restTimer);
    this.#rest = [];
    const part = this.#part;
    if (part === undefined) return Promise.resolve();
    if (manner === "kill") this.#cancelPart(part);
    return part.ended.promise;
  }

  #send(job: Job, indices: readonly number[]): void {
    const packed = packItems(job, indices);
    if (packed === undefined) return;
    const part: Part = {
      ...packed,
      job,
      id: crypto.randomUUID(),
      next: 0,
      end: packed.sent.length,
      isCancelled: false,
      ended: Promise.withResolvers<void>(),
    };
    this.#part = part;
    const form: JobForm = {
      name: nameOf("call", job.target),
      items: part.items,
      spread: job.spread,
      progress: job.wantsProgress,
      stream: job.sink !== undefined,
      lost: job.losses ?? 0,
    };
    const { priority = 0 } = batchOf(job) ?? {};
    const task = { id: part.id, ownId: false, value: form, priority, delayMs: 0, retries: 0 };
    const caller = callerOf(job.target);
    runOutsideTasks(() => putTraced(this.#options.engine, task, this.#watcher(part), {}, caller))
      .catch((error) => this.#onEnd(part, { state: "failed", error }));
  }

  #sendNext(job: Job): void {
    while (this.#part === undefined && !this.#isStopped) {
      const index = this.#rest.shift();
      if (index === undefined) return clearTimeout(this.#restTimer);
      // It fails at once when it cannot be sent; with the last one the job is over, and the next has begun.
      if (this.#rest.length === 0) clearTimeout(this.#restTimer);
      this.#send(job, [index]);
    }
  }

  #giveRestBack(job: Job): void {
    const [first] = this.#rest;
    this.#rest = [];
    if (first !== undefined) job.giveBack(first);
  }

  #cancelPart(part: Part): void {
    if (this.#part !== part || part.isCancelled) return;
    part.isCancelled = true;
    // Why, is told to the caller here; what is sent must be such as can be.
    this.#options.engine.cancel(part.id).catch(() => {});
  }

  #watcher(part: Part): TaskWatcher {
    return {
      started: () => {
        if (!this.#isStopped) part.job.started(part.sent[part.next]!);
      },
      waiting: () => {},
      progress: (report) => {
        if (!this.#isStopped) return this.#guarded(part, () => this.#onReport(part, report));
      },
      ended: (outcome) => this.#onEnd(part, outcome),
    };
  }

  /** What comes from a network may be anything: a worker that talks nonsense has its job fail. */
  #guarded<T>(part: Part, run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      for (const index of this.#open(part)) part.job.fail(index, error);
      return undefined;
    }
  }

  /** Takes what is not settled out of a part. */
  #open(part: Part): number[] {
    const open = part.sent.slice(part.next, part.end);
    part.end = part.next;
    return open;
  }

  #onReport(part: Part, report: unknown): void | Promise<void> {
    const { job, sent } = part;
    const [kind, at, body] = report as Report;
    if (!(Number.isInteger(at) && at >= part.next && at < part.end)) {
      throw new RangeError(`Cannot read the report of a worker: it is about item ${String(at)}`);
    }
    const index = sent[at]!;
    switch (kind) {
      case "progress":
        return job.progress(index, unpack(body as Packed));
      case "value":
        return takeValue(job.sink!, unpack(body as Packed));
      case "values": {
        const values = unpack(body as Packed);
        if (!Array.isArray(values) || at + values.length > part.end) {
          throw new RangeError(
            "Cannot read the report of a worker: it is not of values of the task",
          );
        }
        part.next = at + values.length;
        if (sent.length === job.items.length) return job.succeedAll(index, values);
        return values.forEach((value, n) => {
          job.started(sent[at + n]!);
          job.succeed(sent[at + n]!, value);
        });
      }
      case "error":
        part.next = at + 1;
        job.started(index);
        return job.fail(index, errorFromWire(body));
      case "rest":
        return this.#giveBack(part, at);
      case "lost":
        this.#giveBack(part, at + 1);
        return this.#lost(part, errorFromWire(body));
      default:
        throw new TypeError(`Cannot read the report of a worker: it is of kind ${String(kind)}`);
    }
  }

  /** The items of a part from a place on have not started. */
  #giveBack(part: Part, at: number): void {
    const { job, sent, end } = part;
    part.end = Math.min(at, end);
    for (const index of sent.slice(at, end).reverse()) {
      if (this.#stops.has(index)) job.fail(index, this.#stops.get(index));
    }
    if (at < end) job.giveBack(sent[at]!);
  }

  #onEnd(part: Part, outcome: TaskOutcome): void {
    if (this.#part !== part) return;
    part.ended.resolve();
    if (this.#isStopped) return;
    this.#guarded(part, () => {
      if (outcome.state === "done") {
        for (const report of outcome.value as Report[]) {
          // The job is over with its last item, and the next one may have begun.
          this.#leaveWith(part, report);
          void this.#onReport(part, report);
        }
      } else if (outcome.state === "failed") {
        if (outcome.error instanceof WorkerLostError) return this.#lost(part, outcome.error);
        this.#part = undefined;
        for (const index of this.#open(part)) part.job.fail(index, outcome.error);
      }
      if (this.#part === part) this.#part = undefined;
      if (part.next < part.end) this.#giveBack(part, part.next);
    });
    if (this.#part === part) this.#part = undefined;
    this.#sendNext(part.job);
  }

  /** A lane must be free when it settles the last item: the pool hands it the next job at once. */
  #leaveWith(part: Part, report: Report): void {
    if (this.#part !== part) return;
    const count = report[0] === "values" ? Infinity : 1;
    if (report[0] === "rest" || part.next + count >= part.end) this.#part = undefined;
  }

  /** The worker is gone: so is this lane, and the pool makes another one. */
  #lost(part: Part, error: unknown): void {
    this.#open(part);
    this.#giveRestBack(part.job);
    clearTimeout(this.#restTimer);
    this.#isStopped = true;
    this.#port.lost(error, "starts unknown");
  }
}

/** Takes a value of a generator; the next one may be made when there is room for it. */
function takeValue(sink: ValueSink, value: unknown): void | Promise<void> {
  void sink.push(value);
  if (sink.room > 0) return;
  return new Promise((resolve) => sink.whenRoom(resolve));
}

function batchOf(job: Job): JobBatch | undefined {
  return (job as Job & { batch?: JobBatch }).batch;
}

/** Encodes items of a job; those that cannot be sent fail. `undefined` when none is left. */
function packItems(
  job: Job,
  indices: readonly number[],
): { items: Packed; sent: readonly number[] } | undefined {
  try {
    return { items: pack(indices.map((index) => job.items[index])), sent: indices };
  } catch {
    // One of them cannot be sent.
  }
  const errors = new Map<number, unknown>();
  for (const index of indices) {
    try {
      pack(job.items[index]);
    } catch (error) {
      errors.set(index, error);
    }
  }
  const sent = indices.filter((index) => !errors.has(index));
  const items = sent.length === 0 ? undefined : pack(sent.map((index) => job.items[index]));
  for (const [index, error] of errors) job.fail(index, error);
  return items === undefined ? undefined : { items, sent };
}

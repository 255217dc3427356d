import { runAttempt } from "../coroutine/_attempt.ts";
import { currentScope, runOutsideTasks } from "../coroutine/_current_scope.ts";
import { pourOut } from "../coroutine/_pour_out.ts";
import type { ValueSink } from "../coroutine/_runner.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import type { BasePool, PoolGenerator } from "../coroutine/base_pool.ts";
import { QueueShutDownError } from "../coroutine/errors.ts";
import { errorToWire } from "./_task_wire.ts";
import { failSpan, traceOf, withinSpan } from "./_telemetry.ts";
import {
  errorReport,
  isJobForm,
  isTaskCall,
  type JobForm,
  pack,
  type Report,
  type TaskCall,
  unpack,
} from "./_worker_wire.ts";
import type { TaskTrace } from "./engine.ts";
import type { TaskLease } from "./task_lease.ts";
import type { TaskQueue } from "./task_queue.ts";

/** After so long a worker runs no further item of a task: the rest goes to whoever is free. */
const LONG_MS = 10;

type AnyFunction = (...args: unknown[]) => unknown;

/** A pool of this machine, of any kind. */
export type InnerPool = BasePool<unknown>;

/** What a worker runs tasks with. */
export interface ServiceOptions {
  readonly pool: InnerPool;
  /** Finds a function by its name. @throws {TypeError} When the worker's module does not export it. */
  find(name: string): unknown;
  /** Whether generators run by way of a function that is made for that, or as streams of the pool. */
  readonly streams: "by closure" | "by the pool";
  /** Whether an error says that what ran the function has died. */
  isDeath(error: unknown): boolean;
}

/** A task that runs. */
interface Run {
  readonly lease: TaskLease<JobForm, Report[]>;
  readonly reports: Report[];
  /** The item that runs. */
  at: number;
  readonly attempt: number;
  readonly trace: TaskTrace | undefined;
}

/** What says when a worker is to leave. */
export interface LeaveSignals {
  /** No more tasks are to be taken. */
  readonly leave: AbortSignal;
  /** Those that run are not to be finished either. */
  readonly giveBack?: AbortSignal | undefined;
}

/** A task of any producer: what it is shows when it is there. */
type AnyLease = TaskLease<unknown, unknown>;

/** Takes tasks of a worker pool, and those that name a function, from a queue, and has them run here. */
export class WorkerService {
  readonly #queue: TaskQueue<unknown, unknown>;
  readonly #options: ServiceOptions;

  constructor(queue: TaskQueue<unknown, unknown>, options: ServiceOptions) {
    this.#queue = queue;
    this.#options = options;
  }

  /**
   * Takes and runs tasks, so many at a time.
   *
   * @param concurrency How many.
   * @param signals Abort when no more are to be taken.
   * @returns When the queue is shut down, or the worker has left: nothing is held any more.
   */
  async serve(concurrency: number, { leave, giveBack }: LeaveSignals): Promise<void> {
    const failed = new AbortController();
    const signal = AbortSignal.any([leave, failed.signal, ...giveBack ? [giveBack] : []]);
    const lanes = Array.from(
      { length: concurrency },
      () => this.#lane(signal, giveBack).catch((error) => failed.abort(error)),
    );
    await Promise.all(lanes);
    // A worker that leaves has not failed.
    if (failed.signal.aborted && !leave.aborted) throw failed.signal.reason;
  }

  async #lane(signal: AbortSignal, giveBack: AbortSignal | undefined): Promise<void> {
    let told: Promise<unknown> | undefined;
    for (;;) {
      let lease: AnyLease;
      try {
        lease = await this.#queue.get({ signal });
      } catch (error) {
        // What was told last has to arrive.
        await told;
        if (error instanceof QueueShutDownError || signal.aborted) return;
        throw error;
      }
      if (signal.aborted) {
        // It was on its way when the worker left.
        await Promise.all([told, lease.release().catch(() => {})]);
        return;
      }
      const running = runOutsideTasks(() => withinSpan(lease, () => this.#perform(lease)));
      const tell = await (giveBack === undefined ? running : unlessAborted(running, giveBack));
      // Not waited for: the next task is asked for with the same message. When it does not arrive, the task
      // runs elsewhere.
      told = (tell === undefined ? lease.release() : tell()).catch(() => {});
    }
  }

  /** Has a task run, and answers what tells how it ended. */
  async #perform(lease: AnyLease): Promise<() => Promise<unknown>> {
    const { value } = lease;
    if (isJobForm(value)) {
      const reports = await this.#run(lease as TaskLease<JobForm, Report[]>);
      return () => lease.complete(reports);
    }
    try {
      // What comes from a network may be anything.
      if (!isTaskCall(value)) {
        throw new TypeError("Cannot run the task: it must name a function, as { name, args } does");
      }
      const result = await this.#runCall(lease, value);
      return () => lease.complete(result).catch((error) => lease.fail(error));
    } catch (error) {
      return () => lease.fail(error);
    }
  }

  /** Calls the function that a task names. */
  async #runCall(lease: AnyLease, { name, args }: TaskCall): Promise<unknown> {
    const { pool } = this.#options;
    const target = this.#options.find(name) as AnyFunction;
    const onProgress = (progress: unknown): void => void lease.progress(progress).catch(() => {});
    const options = { signal: lease.signal, onProgress };
    return await runAttempt(
      lease.attempt,
      () => pool.apply(target, args, options),
      this.#traceOf(lease),
    );
  }

  /** Has a task of a pool run. Whatever goes wrong is told of its items. */
  async #run(lease: TaskLease<JobForm, Report[]>): Promise<Report[]> {
    const { name, items, stream, lost } = lease.value;
    const attempt = lost + lease.attempt;
    const run: Run = { lease, reports: [], at: 0, attempt, trace: this.#traceOf(lease) };
    let list: unknown[] = [undefined];
    try {
      const unpacked = unpack(items);
      if (!Array.isArray(unpacked)) {
        throw new TypeError("Cannot run the task: its items are not well formed");
      }
      list = unpacked;
      const target = this.#options.find(name) as AnyFunction;
      if (stream) await this.#stream(run, target, argumentsOf(lease.value, list[0]));
      else await this.#runItems(run, target, list);
    } catch (error) {
      // No function of that name, or a generator that has thrown: the same for every item.
      list.forEach((_, index) => run.reports.push(this.#failure(run, index, error)));
    }
    return run.reports;
  }

  /** Runs items one after the other, until one of them has taken long: then the rest is given back. */
  async #runItems(run: Run, target: AnyFunction, list: readonly unknown[]): Promise<void> {
    const { lease, reports } = run;
    const startedAt = list.length > 1 ? performance.now() : 0;
    const values: unknown[] = [];
    let end = list.length;
    const giveRest = (): void => {
      if (end <= run.at + 1) return;
      end = run.at + 1;
      pushValues(reports, run.at, values.splice(0));
      // What has ended is not held up by what takes long.
      for (const report of [...reports.splice(0), ["rest", end] as const]) {
        void lease.progress(report).catch(() => {});
      }
    };
    const timer = list.length > 1 ? setTimeout(giveRest, LONG_MS) : undefined;
    for (; run.at < end && lease.isHeld; run.at++) {
      // While something computes no timer fires.
      if (run.at > 0 && performance.now() - startedAt > LONG_MS) giveRest();
      try {
        values.push(await this.#call(run, target, list[run.at]));
      } catch (error) {
        pushValues(reports, run.at, values.splice(0));
        const report = this.#failure(run, run.at, error);
        reports.push(report);
        if (report[0] === "lost" || lease.signal.aborted) break;
      }
    }
    clearTimeout(timer);
    pushValues(reports, run.at, values);
  }

  async #call(run: Run, target: AnyFunction, item: unknown): Promise<unknown> {
    const { lease, at, attempt, trace } = run;
    const { signal, value } = lease;
    const { pool } = this.#options;
    let failed: { error: unknown } | undefined;
    const onProgress = (progress: unknown): void => {
      try {
        void lease.progress(["progress", at, pack(progress)]).catch(() => {});
      } catch (error) {
        failed ??= { error };
      }
    };
    const options = { signal, onProgress: value.progress ? onProgress : undefined };
    const args = argumentsOf(value, item);
    const result = await runAttempt(attempt, () => pool.apply(target, args, options), trace);
    // It has reported what cannot be sent.
    if (failed !== undefined) throw failed.error;
    return result;
  }

  /** What goes along to other threads and processes; what runs here is in the span anyway. */
  #traceOf(lease: object): TaskTrace | undefined {
    return this.#options.streams === "by the pool" ? traceOf(lease) : undefined;
  }

  #failure({ lease }: Run, index: number, error: unknown): Report {
    failSpan(lease, error);
    return [this.#options.isDeath(error) ? "lost" : "error", index, errorToWire(error)];
  }

  async #stream(run: Run, target: AnyFunction, args: unknown[]): Promise<void> {
    const { lease, attempt, trace } = run;
    const { signal } = lease;
    const { pool, streams } = this.#options;
    const send = (value: unknown) => lease.progress(["value", 0, pack(value)]);
    if (streams === "by closure") {
      const pour = () => pourOut(target(...args), new ReportSink(send), currentScope()!);
      await runAttempt(attempt, () => pool.apply(pour, [], { signal }));
      return pushValues(run.reports, 1, [undefined]);
    }
    const generator = target as PoolGenerator<unknown[], unknown>;
    const options = { signal, lookAhead: 1 };
    const values = runAttempt(attempt, () => pool.stream(generator, args, options), trace);
    for await (const value of values) {
      // The answer comes when the pool has room for the next one.
      const sent = send(value);
      sent.catch(() => {});
      await waitWithin(sent, { signal }, () => {});
    }
    pushValues(run.reports, 1, [undefined]);
  }
}

/** What a promise gives; `undefined` as soon as the signal aborts. What becomes of it then, nobody is told. */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  promise.catch(() => {});
  if (signal.aborted) return undefined;
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const onAbort = (): void => resolve(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Sends the values of a generator, one at a time: the next one is made when the pool has room for it. */
class ReportSink implements ValueSink {
  room = 1;
  #again: (() => void) | undefined;
  readonly #send: (value: unknown) => Promise<void>;

  constructor(send: (value: unknown) => Promise<void>) {
    this.#send = send;
  }

  push(value: unknown): void {
    this.room = 0;
    const goOn = (): void => {
      this.room = 1;
      const again = this.#again;
      this.#again = undefined;
      again?.();
    };
    // Without a connection the task is cancelled.
    this.#send(value).then(goOn, goOn);
  }

  whenRoom(again: () => void): void {
    if (this.room > 0) again();
    else this.#again = again;
  }
}

/** Reports the results of the items that end before a place. */
function pushValues(reports: Report[], end: number, values: unknown[]): void {
  if (values.length === 0) return;
  const first = end - values.length;
  try {
    reports.push(["values", first, pack(values)]);
  } catch {
    // One of them cannot be sent: each is told by itself.
    values.forEach((value, n) => {
      try {
        reports.push(["values", first + n, pack([value])]);
      } catch (error) {
        reports.push(errorReport(first + n, error));
      }
    });
  }
}

function argumentsOf({ spread }: JobForm, item: unknown): unknown[] {
  return spread ? item as unknown[] : [item];
}

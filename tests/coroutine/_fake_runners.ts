import { MOST_CALLS } from "../../coroutine/_call_group.ts";
import { PoolCore, type PoolCoreOptions } from "../../coroutine/_pool_core.ts";
import { poolInternals } from "../../coroutine/_pool_internals.ts";
import type { Job, Runner, RunnerPort } from "../../coroutine/_runner.ts";
import { BasePool } from "../../coroutine/base_pool.ts";

/** A runner of which the test decides what happens. */
export class FakeRunner implements Runner {
  readonly name: string;
  readonly port: RunnerPort;
  capacity = 1;
  /** What it holds: whatever was handed over, less what the test has taken out. */
  readonly jobs: Job[] = [];
  readonly cancels: { job: Job; index: number; reason: unknown }[] = [];
  readonly stops: ("end" | "kill")[] = [];
  /** Whether it ends when it is stopped. */
  isObedient = true;
  onStart: (job: Job) => void = () => {};
  onCancel: (job: Job, index: number, reason: unknown) => void = () => {};

  constructor(port: RunnerPort, name: string) {
    this.port = port;
    this.name = name;
  }

  start(job: Job): void {
    this.jobs.push(job);
    this.onStart(job);
  }

  cancel(job: Job, index: number, reason: unknown): void {
    this.cancels.push({ job, index, reason });
    this.onCancel(job, index, reason);
  }

  stop(manner: "end" | "kill"): Promise<void> {
    this.stops.push(manner);
    return this.isObedient ? Promise.resolve() : new Promise(() => {});
  }

  /** What the items of its jobs are, job by job. */
  get held(): unknown[][] {
    return this.jobs.map((job) =>
      job.items.map((item) => job.spread ? (item as unknown[])[0] : item)
    );
  }

  /** The oldest job, which it then holds no more. */
  take(): Job {
    const job = this.jobs.shift();
    if (job === undefined) throw new Error(`${this.name} holds no job`);
    return job;
  }

  /** Ends all items of the oldest job: the result of an item is the item. */
  finish(): void {
    const job = this.take();
    for (const [index, item] of job.items.entries()) {
      job.started(index);
      job.succeed(index, job.spread ? (item as unknown[])[0] : item);
    }
  }
}

/** A pool of fake runners, in the order in which they were made. */
export class FakePool extends BasePool {
  readonly runners: FakeRunner[] = [];

  constructor(
    options: Partial<PoolCoreOptions> = {},
    create: (runner: FakeRunner) => Runner | PromiseLike<Runner> = (runner) => runner,
  ) {
    super();
    const core = new PoolCore({
      size: 1,
      mostCalls: MOST_CALLS,
      create: (port) => {
        const runner = new FakeRunner(port, `fake ${this.runners.length}`);
        this.runners.push(runner);
        return create(runner);
      },
      ...options,
    });
    poolInternals.attach(this, core);
  }

  /** The runner of a number. */
  runner(at: number): FakeRunner {
    const runner = this.runners[at];
    if (runner === undefined) throw new Error(`There is no runner ${at}`);
    return runner;
  }
}

/** What the calls of a fake pool seem to call. */
export function same<T>(value: T): T {
  return value;
}

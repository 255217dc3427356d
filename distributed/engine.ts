/**
 * What a task queue needs of whatever keeps its tasks.
 *
 * @module
 */

import type { WaitOptions } from "../coroutine/wait_options.ts";

/**
 * Where the tasks of a {@linkcode TaskQueue} are kept. The queue checks options, renews leases and makes
 * handles; the engine keeps tasks, hands each to one worker at a time, and says what has become of it.
 * `TaskQueue` brings one that lives in one process, and one that reaches it through a manager; a durable one
 * implements the same.
 *
 * - Three things are never mixed up: {@linkcode QueueFullError} (no place until the time was over),
 *   {@linkcode QueueEmptyError} (no task until the time was over), and {@linkcode EngineUnavailableError}
 *   (the engine did not answer, so nobody knows).
 * - A put that was answered is kept. A put of an id that is known already changes nothing.
 * - A task is at one worker at a time, as far as leases tell; it ends once. It may run more than once: when its
 *   worker is gone or its lease has expired, it is handed out again.
 * - Among the tasks that can be taken, the one of the highest priority is the next, then the one that was put
 *   first, also when it was given back meanwhile.
 *
 * @example Asking an engine directly
 * ```ts
 * import { embeddedEngine } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * await using engine = embeddedEngine();
 * const task = { id: "a", ownId: true, value: 20, priority: 0, delayMs: 0, retries: 0 };
 * await engine.put(task, undefined, {});
 * const lease = await engine.get({ leaseMs: 1000 });
 * assertEquals([lease.value, lease.attempt], [20, 1]);
 * assertEquals(await lease.complete(21), true);
 * ```
 */
export interface TaskEngine extends AsyncDisposable {
  /** How long a lease is when `get` does not say, in milliseconds. */
  readonly leaseMs: number;
  /**
   * Keeps a task.
   *
   * @param task What to keep.
   * @param watcher Is told what becomes of it; of one that is known already, from now on.
   * @param options How long to wait for a place, and what stops the wait.
   * @returns Whether the task is new.
   */
  put(
    task: EngineTask,
    watcher: TaskWatcher | undefined,
    options: WaitOptions,
  ): Promise<"put" | "known">;
  /**
   * Takes the next task.
   *
   * @param options How long the lease is, how long to wait, and what stops the wait.
   * @returns The lease.
   */
  get(options: EngineGetOptions): Promise<EngineLease>;
  /**
   * Cancels a task: one that waits ends at once, one that runs when its worker lets go of it.
   *
   * @param id Which one.
   * @param reason Why; it must be such as can be sent.
   * @returns Whether there was such a task that had not ended.
   */
  cancel(id: string, reason?: unknown): Promise<boolean>;
  /**
   * How many tasks can be taken now.
   *
   * @returns Their number.
   */
  qsize(): Promise<number>;
  /**
   * Waits until every task has ended.
   *
   * @param options How long to wait, and what stops the wait.
   */
  join(options: WaitOptions): Promise<void>;
  /**
   * How much there is to do, and what was done.
   *
   * @returns The figures of this moment.
   */
  statistics(): Promise<TaskQueueStatistics>;
  /**
   * The tasks that have failed for good, oldest first.
   *
   * @returns The tasks.
   */
  deadLetters(): Promise<DeadLetter[]>;
  /**
   * Puts a task that has failed for good again, as if it were new.
   *
   * @param id Which one.
   * @param watcher Is told what becomes of it.
   * @returns Whether there was one.
   */
  requeue(id: string, watcher: TaskWatcher | undefined): Promise<boolean>;
  /**
   * Takes no more tasks. Those that it has can still be taken; when all have ended, `get` fails with a
   * {@linkcode QueueShutDownError}.
   *
   * @param options Whether those that it has are cancelled.
   */
  shutdown(options: { immediate: boolean }): Promise<void>;
  /**
   * Says who this side is, for {@linkcode TaskQueueStatistics}.
   *
   * @param worker What it is called, and how many tasks it runs at a time.
   */
  introduce(worker: { name: string; concurrency: number }): Promise<void>;
  /**
   * Keeps this process alive until the function that it returns is called: somebody waits for a result.
   *
   * @returns Ends it.
   */
  hold(): () => void;
}

/** A task on its way to an engine. */
export interface EngineTask {
  /** Its name, which no other task of the queue has. */
  readonly id: string;
  /** Whether the user has chosen the id: then it is remembered for a while after the task has ended. */
  readonly ownId: boolean;
  /** What the worker gets. */
  readonly value: unknown;
  /** Higher ones first. */
  readonly priority: number;
  /** How long it cannot be taken yet, in milliseconds. */
  readonly delayMs: number;
  /** How often it is handed out again after it was lost or has failed. */
  readonly retries: number;
  /** The trace that it is part of; whoever runs it goes on with that. */
  readonly trace?: TaskTrace | undefined;
}

/**
 * Where in a trace something was, as {@link https://www.w3.org/TR/trace-context/ | W3C Trace Context} writes it.
 */
export interface TaskTrace {
  /** The trace, and the span in it. */
  readonly traceparent: string;
  /** What systems for traces add. */
  readonly tracestate?: string | undefined;
}

/** Options for {@linkcode TaskEngine.get}. */
export interface EngineGetOptions extends WaitOptions {
  /**
   * How long the lease is, in milliseconds.
   *
   * @default {the engine's}
   */
  leaseMs?: number | undefined;
}

/** A task in the hands of a worker. */
export interface EngineLease {
  /** The name of the task. */
  readonly id: string;
  /** What was put. */
  readonly value: unknown;
  /** Which attempt at the task this is; the first one is 1. */
  readonly attempt: number;
  /** After how long without {@linkcode touch} it ends, in milliseconds. */
  readonly leaseMs: number;
  /** The trace that the task is part of. */
  readonly trace?: TaskTrace | undefined;
  /**
   * Called when the worker is to stop: with a {@linkcode CancelledError} when the producer has cancelled the
   * task, and the lease goes on; with another error when the lease was lost. What happened before it was set
   * is told at once.
   */
  onStop: ((reason: unknown) => void) | undefined;
  /**
   * The task has given a result.
   *
   * @param result The result.
   * @returns Whether it counts: not when the lease had ended before.
   */
  complete(result: unknown): Promise<boolean>;
  /**
   * The task has failed.
   *
   * @param error Why.
   * @param options Whether and when to try again.
   * @returns Whether it counts: not when the lease had ended before.
   */
  fail(error: unknown, options: { retry: boolean; delayMs: number }): Promise<boolean>;
  /**
   * Gives the task back as if it had not been taken: it costs no attempt.
   *
   * @returns Whether the lease was still held.
   */
  release(): Promise<boolean>;
  /**
   * The lease begins anew.
   *
   * @returns Whether the lease was still held.
   */
  touch(): Promise<boolean>;
  /**
   * Tells the producer how far the task is.
   *
   * @param value What to tell.
   * @returns When the producer has taken note of it.
   */
  progress(value: unknown): Promise<void>;
}

/** Is told what becomes of a task. */
export interface TaskWatcher {
  /**
   * A worker has taken it.
   *
   * @param attempt Which attempt it is.
   */
  started(attempt: number): void;
  /** It was given back, and waits again. */
  waiting(): void;
  /**
   * The worker tells how far it is.
   *
   * @param value What it tells.
   * @returns When it may tell more, if that is not at once.
   */
  progress(value: unknown): void | Promise<void>;
  /**
   * It has ended; nothing more comes.
   *
   * @param outcome How.
   */
  ended(outcome: TaskOutcome): void;
}

/** How a task has ended. */
export type TaskOutcome =
  | { readonly state: "done"; readonly value: unknown }
  | { readonly state: "failed" | "cancelled"; readonly error: unknown };

/** A task that has failed for good. */
export interface DeadLetter<T = unknown> {
  /** Its name. */
  readonly id: string;
  /** What was put. */
  readonly value: T;
  /** Why its last attempt failed. */
  readonly error: unknown;
  /** How many attempts there were. */
  readonly attempts: number;
  /** When it failed for good. */
  readonly failedAt: Date;
}

/** What a task queue tells of itself; what has happened counts from its beginning. */
export interface TaskQueueStatistics {
  /** Tasks that can be taken now. */
  size: number;
  /** Tasks that wait until their delay is over. */
  delayed: number;
  /** Tasks that workers hold. */
  held: number;
  /** Tasks that have not ended: the three above together. */
  unfinished: number;
  /** The most tasks that may be unfinished; `0` when there is no limit. */
  maxSize: number;
  /** Calls of `get` that wait for a task. */
  getting: number;
  /** Calls of `put` that wait for a place. */
  putting: number;
  /** Calls of `join` that wait. */
  joining: number;
  /** Tasks that were put; one that was put again after it had failed for good counts again. */
  put: number;
  /** Tasks that have given a result. */
  done: number;
  /** Tasks that have failed for good. */
  failed: number;
  /** Tasks that were cancelled. */
  cancelled: number;
  /** Attempts after which a task was handed out again. */
  retried: number;
  /** Leases that ended because the worker was gone, or silent for too long. */
  lost: number;
  /** Tasks that have failed for good and are kept. */
  deadLetters: number;
  /** How long the task that can be taken for longest has been there, in milliseconds; `0` when there is none. */
  oldestMs: number;
  /** Those who are connected, or hold tasks. */
  workers: TaskWorkerStatistics[];
}

/** What a task queue tells of a worker. */
export interface TaskWorkerStatistics {
  /** What it is called. */
  name: string;
  /** How many tasks it runs at a time; `0` when it has not said so. */
  concurrency: number;
  /** Tasks that it holds. */
  held: number;
  /** Results that it has given. */
  done: number;
  /** Attempts that have failed. */
  failed: number;
  /** Leases that it has lost. */
  lost: number;
}

/**
 * The task engine that needs nothing: tasks are kept in this process.
 *
 * @module
 */

import { checkCount } from "../coroutine/_call_settings.ts";
import { checkTimeout } from "../coroutine/_check_timeout.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { setStore } from "./_task_embedded.ts";
import { createHolder, type HeldLease } from "./_task_record.ts";
import { TaskStore } from "./_task_store.ts";
import type {
  DeadLetter,
  EngineGetOptions,
  EngineLease,
  EngineTask,
  TaskEngine,
  TaskQueueStatistics,
  TaskTrace,
  TaskWatcher,
} from "./engine.ts";

const DEFAULT_LEASE_MS = 10_000;
const DEFAULT_MAX_DEAD_LETTERS = 1_000;
const DEFAULT_REMEMBER_MS = 120_000;

/** Options for {@linkcode EmbeddedEngine}. */
export interface EmbeddedEngineOptions {
  /**
   * The most tasks that may be unfinished: those that wait, those that are delayed, and those that workers
   * hold. `0` sets no limit.
   *
   * @default {0}
   */
  maxSize?: number | undefined;
  /**
   * How long a lease is unless `get` says otherwise, in milliseconds: after so long without a sign of life of
   * the worker its task is given to another one.
   *
   * @default {10000}
   */
  leaseMs?: number | undefined;
  /**
   * How many tasks that have failed for good are kept; with more, the oldest is dropped.
   *
   * @default {1000}
   */
  maxDeadLetters?: number | undefined;
  /**
   * How long the end of a task whose `id` the user has chosen is remembered, in milliseconds: a put of the
   * same id meanwhile gives the same result, and nothing runs again.
   *
   * @default {120000}
   */
  rememberMs?: number | undefined;
}

/**
 * Keeps the tasks of a {@linkcode TaskQueue} in this process, on its event loop. A queue that is given no
 * engine has one of these. What it keeps is gone with the process.
 *
 * All figures of the machine it runs on apply: no task is copied, nothing is written anywhere.
 *
 * @example The engine of a queue, with limits
 * ```ts
 * import { embeddedEngine, TaskQueue } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * await using queue = new TaskQueue<string, number>({ engine: embeddedEngine({ maxSize: 100 }) });
 * const task = await queue.put("four");
 * const lease = await queue.get();
 * await lease.complete(lease.value.length);
 * assertEquals(await task.result(), 4);
 * ```
 */
export class EmbeddedEngine implements TaskEngine {
  readonly leaseMs: number;
  readonly #store: TaskStore;
  readonly #holder = createHolder("this process");

  /**
   * Makes an engine without tasks.
   *
   * @param options Its limits.
   * @throws {TypeError} When an option is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   */
  constructor(options: EmbeddedEngineOptions = {}) {
    const { maxSize = 0, maxDeadLetters = DEFAULT_MAX_DEAD_LETTERS } = options;
    const { leaseMs = DEFAULT_LEASE_MS, rememberMs = DEFAULT_REMEMBER_MS } = options;
    const action = "create a task engine";
    checkCount(action, "maxSize", maxSize, 0);
    if (maxDeadLetters !== Infinity) checkCount(action, "maxDeadLetters", maxDeadLetters, 0);
    checkTimeout(rememberMs, "rememberMs");
    this.leaseMs = checkLease(leaseMs);
    this.#store = new TaskStore({ maxSize, maxDeadLetters, rememberMs });
    setStore(this, this.#store);
  }

  async put(
    task: EngineTask,
    watcher: TaskWatcher | undefined,
    options: WaitOptions,
  ): Promise<"put" | "known"> {
    return await this.#store.put(task, watcher, options);
  }

  async get(options: EngineGetOptions): Promise<EngineLease> {
    const { leaseMs = this.leaseMs, signal, timeoutMs } = options;
    const request = { holder: this.#holder, leaseMs };
    return new LocalLease(await this.#store.take(request, { signal, timeoutMs }));
  }

  cancel(id: string, reason?: unknown): Promise<boolean> {
    return Promise.resolve(this.#store.cancel(id, reason));
  }

  qsize(): Promise<number> {
    return Promise.resolve(this.#store.size);
  }

  async join(options: WaitOptions): Promise<void> {
    await this.#store.join(options);
  }

  statistics(): Promise<TaskQueueStatistics> {
    return Promise.resolve(this.#store.statistics());
  }

  deadLetters(): Promise<DeadLetter[]> {
    return Promise.resolve(this.#store.deadLetters());
  }

  // deno-lint-ignore require-await -- what the store throws is to be a rejection
  async requeue(id: string, watcher: TaskWatcher | undefined): Promise<boolean> {
    return this.#store.requeue(id, watcher);
  }

  shutdown(options: { immediate: boolean }): Promise<void> {
    this.#store.shutdown(options);
    return Promise.resolve();
  }

  introduce(worker: { name: string; concurrency: number }): Promise<void> {
    this.#holder.name = worker.name;
    this.#holder.concurrency = worker.concurrency;
    this.#store.addHolder(this.#holder);
    return Promise.resolve();
  }

  hold(): () => void {
    return () => {};
  }

  /** Ends everything: what waits is cancelled, what workers hold is lost. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#store.close();
    return Promise.resolve();
  }
}

/** The length of a lease, checked. */
function checkLease(leaseMs: unknown): number {
  checkCount("create a task engine", "leaseMs", leaseMs, 1);
  return leaseMs as number;
}

/** A lease of this process. */
class LocalLease implements EngineLease {
  readonly #lease: HeldLease;

  constructor(lease: HeldLease) {
    this.#lease = lease;
  }

  get id(): string {
    return this.#lease.record.task.id;
  }

  get value(): unknown {
    return this.#lease.record.task.value;
  }

  get attempt(): number {
    return this.#lease.attempt;
  }

  get leaseMs(): number {
    return this.#lease.leaseMs;
  }

  get trace(): TaskTrace | undefined {
    return this.#lease.record.task.trace;
  }

  get onStop(): ((reason: unknown) => void) | undefined {
    return this.#lease.stop.listener;
  }

  set onStop(onStop: ((reason: unknown) => void) | undefined) {
    this.#lease.stop.listener = onStop;
  }

  complete(result: unknown): Promise<boolean> {
    return Promise.resolve(this.#lease.complete(result));
  }

  fail(error: unknown, options: { retry: boolean; delayMs: number }): Promise<boolean> {
    return Promise.resolve(this.#lease.fail(error, options));
  }

  release(): Promise<boolean> {
    return Promise.resolve(this.#lease.release());
  }

  touch(): Promise<boolean> {
    return Promise.resolve(this.#lease.touch());
  }

  async progress(value: unknown): Promise<void> {
    await this.#lease.progress(value);
  }
}

/**
 * Makes an engine that keeps tasks in this process.
 *
 * @example For a queue
 * ```ts
 * import { embeddedEngine, TaskQueue } from "@manyhands/concurrency/distributed";
 *
 * await using queue = new TaskQueue<string>({ engine: embeddedEngine({ leaseMs: 60_000 }) });
 * await queue.put("tea");
 * ```
 *
 * @param options Its limits.
 * @returns The engine.
 * @throws {TypeError} When an option is of the wrong kind.
 * @throws {RangeError} When a number is outside of its range.
 */
export function embeddedEngine(options: EmbeddedEngineOptions = {}): EmbeddedEngine {
  return new EmbeddedEngine(options);
}

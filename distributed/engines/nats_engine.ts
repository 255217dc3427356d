/**
 * The task engine that keeps tasks on NATS JetStream.
 *
 * @module
 */

import { checkCount } from "../../coroutine/_call_settings.ts";
import { checkTimeout } from "../../coroutine/_check_timeout.ts";
import type { WaitOptions } from "../../coroutine/wait_options.ts";
import type {
  DeadLetter,
  EngineGetOptions,
  EngineLease,
  EngineTask,
  TaskEngine,
  TaskQueueStatistics,
  TaskWatcher,
} from "../engine.ts";
import { NatsMember } from "./_nats_member.ts";
import { NatsSource } from "./_nats_owner.ts";
import { QueueNames } from "./_nats_queue_names.ts";
import type { WantedSettings } from "./_nats_queue_streams.ts";
import type { NatsConnection } from "./nats_connection.ts";
import type { NatsOptions } from "./nats_options.ts";

const DEFAULT_QUEUE = "tasks";
const DEFAULT_LEASE_MS = 10_000;
const DEFAULT_PATIENCE_MS = 30_000;
const MOST_PREFETCH = 1_024;
const MOST_PRIORITIES = 32;

/** The engine refuses shorter times. */
const LEAST_KEEP_MS = 100;

/** Servers of NATS keep no stream more than five times. */
const MOST_REPLICAS = 5;

/** Options for {@linkcode NatsEngine}. Those of the queue itself are those of whoever creates it. */
export interface NatsEngineOptions {
  /**
   * What the queue is called: 1 to 64 letters, digits, `-` or `_`. Engines with the same name on the same account of
   * NATS are one queue.
   *
   * @default {"tasks"}
   */
  queue?: string | undefined;
  /**
   * Whether the queue is created when there is none. An account with few rights cannot.
   *
   * @default {true}
   */
  create?: boolean | undefined;
  /**
   * On how many servers of the cluster each task is kept: 1, 3 or 5. With 3 one of them may be lost.
   *
   * @default {1, or what the queue was created with}
   */
  replicas?: number | undefined;
  /**
   * The most tasks that may be unfinished: those that wait, those that are delayed, and those that workers hold. `0`
   * sets no limit.
   *
   * @default {0, or what the queue was created with}
   */
  maxSize?: number | undefined;
  /**
   * How long leases are, in milliseconds: after so long without a sign of life of a worker its task is given to
   * another one. It is the same for all; a longer one that `get` asks for is kept up by the worker.
   *
   * @default {10000, or what the queue was created with}
   */
  leaseMs?: number | undefined;
  /**
   * The priorities that tasks can have. Each costs a look of those who wait for tasks.
   *
   * @default {[0], or what the queue was created with}
   */
  priorities?: readonly number[] | undefined;
  /**
   * How many tasks that have failed for good are kept; with more, the oldest is dropped.
   *
   * @default {1000, or what the queue was created with}
   */
  maxDeadLetters?: number | undefined;
  /**
   * How long the end of a task is kept, in milliseconds: for producers that are not connected when it happens, and
   * for a put of the same `id`.
   *
   * @default {300000, or what the queue was created with}
   */
  keepResultsMs?: number | undefined;
  /**
   * How many tasks are fetched with one message, when there are so many. What has been fetched and was not begun
   * within 20 milliseconds is given back at no cost; what is there when this worker dies counts as begun.
   *
   * @default {1}
   */
  prefetch?: number | undefined;
  /**
   * How long a call goes on trying while the engine does not answer, in milliseconds, unless it ends before. A cluster
   * that has lost a server needs up to ten seconds to go on. A `get` without `timeoutMs` goes on for as long as the
   * connection is made anew, unless this is set: a worker goes on when its server is back.
   *
   * @default {30000, and Infinity for a get without timeoutMs}
   */
  patienceMs?: number | undefined;
}

/**
 * Keeps the tasks of a {@linkcode TaskQueue} on {@link https://nats.io | NATS JetStream}: they outlive every process
 * that uses them, and with `replicas: 3` every server.
 *
 * All that a `TaskQueue` promises holds. What is special here:
 *
 * - **What a put that was answered means.** The task is written where the servers keep it; whether it survives a
 *   loss of power is a setting of the servers, `sync_interval: always`.
 * - **Unavailable is neither full nor empty.** While a cluster chooses a leader nothing is answered, for up to ten
 *   seconds. Calls go on trying until their `timeoutMs`, or for `patienceMs`, and then fail with an
 *   {@linkcode EngineUnavailableError}. Who waits for a task or for a result without a `timeoutMs` waits on.
 * - **A worker that dies** loses its tasks when its lease is over; the engine does not see that it is gone.
 * - **Order.** What is given back comes before all that was never taken. A delayed task whose time has come is taken
 *   before those that wait, whatever its priority. Clocks must agree about as exactly as delays are to be kept.
 * - **Priorities** are those that the queue was created with; others are refused.
 * - A task that another program has put, and that cannot be read, is a dead letter whose value is `undefined`.
 * - A result, a value or an error is at most as large as the servers take a message, by default 1 MB.
 * - {@linkcode shutdown} lasts: {@linkcode reopen} takes it back.
 * - What is given up, by `await using` or {@linkcode TaskQueue}'s own end, is this side only; the queue stays.
 *
 * Needs `--allow-net=HOST:PORT` for the servers.
 *
 * @example A producer and a worker, on any machines
 * ```ts
 * import { TaskQueue } from "@manyhands/concurrency/distributed";
 * import { natsEngine } from "@manyhands/concurrency/distributed/nats";
 *
 * export async function produce(servers: string, token: string): Promise<number> {
 *   const engine = natsEngine({ servers, token }, { queue: "squares", maxSize: 10_000 });
 *   await using queue = new TaskQueue<number, number>({ engine });
 *   const task = await queue.put(7, { retries: 3 });
 *   return await task.result();
 * }
 *
 * export async function work(servers: string, token: string): Promise<void> {
 *   const engine = natsEngine({ servers, token }, { queue: "squares" });
 *   await using queue = new TaskQueue<number, number>({ engine });
 *   await queue.work((n) => n * n, { concurrency: 4 });
 * }
 * ```
 */
export class NatsEngine implements TaskEngine {
  readonly #member: NatsMember;

  /**
   * Makes an engine. It connects with the first call.
   *
   * @param source A connection, or how to make one.
   * @param options Which queue, and what it is like if it is created.
   * @throws {TypeError} When an option is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   */
  constructor(source: NatsConnection | NatsOptions, options: NatsEngineOptions = {}) {
    const { queue = DEFAULT_QUEUE, create = true, prefetch = 1 } = options;
    const { patienceMs = DEFAULT_PATIENCE_MS, patienceMs: endlessMs = Infinity } = options;
    const action = "create a task engine";
    checkCount(action, "prefetch", prefetch, 1);
    checkMost(action, "prefetch", prefetch, MOST_PREFETCH);
    checkTimeout(patienceMs);
    this.#member = new NatsMember(new NatsSource(source), {
      names: new QueueNames(queue),
      wanted: readSettings(action, options),
      create,
      prefetch,
      patienceMs,
      endlessMs,
    });
  }

  /** How long a lease is when `get` does not say, in milliseconds. */
  get leaseMs(): number {
    return this.#member.leaseMs ?? DEFAULT_LEASE_MS;
  }

  async put(
    task: EngineTask,
    watcher: TaskWatcher | undefined,
    options: WaitOptions,
  ): Promise<"put" | "known"> {
    return await (await this.#member.open(options)).put(task, watcher, options);
  }

  async get(options: EngineGetOptions): Promise<EngineLease> {
    return await (await this.#member.open(options)).get(options);
  }

  async cancel(id: string, reason?: unknown): Promise<boolean> {
    return await (await this.#member.open()).cancel(id, reason);
  }

  async qsize(): Promise<number> {
    return await (await this.#member.open()).qsize();
  }

  async join(options: WaitOptions): Promise<void> {
    await (await this.#member.open(options)).join(options);
  }

  async statistics(): Promise<TaskQueueStatistics> {
    return await (await this.#member.open()).statistics();
  }

  async deadLetters(): Promise<DeadLetter[]> {
    return await (await this.#member.open()).deadLetters();
  }

  async requeue(id: string, watcher: TaskWatcher | undefined): Promise<boolean> {
    return await (await this.#member.open()).requeue(id, watcher);
  }

  async shutdown(options: { immediate: boolean }): Promise<void> {
    await (await this.#member.open()).shutdown(options);
  }

  async introduce(worker: { name: string; concurrency: number }): Promise<void> {
    await (await this.#member.open()).introduce(worker);
  }

  /**
   * Does nothing: a connection keeps the process alive as it is.
   *
   * @returns Does nothing either.
   */
  hold(): () => void {
    return () => {};
  }

  /**
   * Has a queue that was shut down take tasks again.
   *
   * @returns When everybody who is there knows it.
   * @throws {EngineUnavailableError} When the engine did not answer.
   */
  async reopen(): Promise<void> {
    await (await this.#member.open()).reopen();
  }

  /**
   * Takes the queue away, with all that is in it. Whoever waits for a task gets a {@linkcode QueueShutDownError}, and
   * whoever waits for a result an {@linkcode EngineUnavailableError}.
   *
   * @returns When it is gone.
   * @throws {EngineUnavailableError} When the engine did not answer.
   */
  async destroy(): Promise<void> {
    await (await this.#member.open()).destroy();
  }

  /** Gives this side up: tasks that it holds are given to others, and cost an attempt. The queue goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#member.close();
  }
}

function readSettings(action: string, options: NatsEngineOptions): WantedSettings {
  const { maxSize, leaseMs, maxDeadLetters, keepResultsMs, replicas, priorities } = options;
  if (maxSize !== undefined) checkCount(action, "maxSize", maxSize, 0);
  if (leaseMs !== undefined) checkCount(action, "leaseMs", leaseMs, 1);
  if (maxDeadLetters !== undefined) checkCount(action, "maxDeadLetters", maxDeadLetters, 1);
  if (keepResultsMs !== undefined) {
    checkCount(action, "keepResultsMs", keepResultsMs, LEAST_KEEP_MS);
  }
  if (replicas !== undefined) {
    checkCount(action, "replicas", replicas, 1);
    checkMost(action, "replicas", replicas, MOST_REPLICAS);
  }
  const settings = { maxSize, leaseMs, maxDeadLetters, keepResultsMs, replicas };
  if (priorities === undefined) return settings;
  if (!Array.isArray(priorities) || !priorities.every((each) => Number.isFinite(each))) {
    throw new TypeError(`Cannot ${action}: "priorities" must be an array of numbers`);
  }
  if (priorities.length === 0) {
    throw new RangeError(`Cannot ${action}: "priorities" must hold at least one number`);
  }
  checkMost(action, "priorities.length", priorities.length, MOST_PRIORITIES);
  // The highest one is the first one.
  return { ...settings, priorities: [...new Set(priorities)].sort((a, b) => b - a) };
}

function checkMost(action: string, name: string, value: number, most: number): void {
  if (value <= most) return;
  throw new RangeError(`Cannot ${action}: "${name}" must be ${most} at most, got ${value}`);
}

/**
 * Makes an engine that keeps tasks on NATS JetStream. It connects with the first call.
 *
 * @example For a queue
 * ```ts
 * import { TaskQueue } from "@manyhands/concurrency/distributed";
 * import { natsEngine } from "@manyhands/concurrency/distributed/nats";
 *
 * export async function put(value: string): Promise<void> {
 *   const engine = natsEngine({ servers: "nats://10.0.0.7:4222" }, { queue: "mails", replicas: 3 });
 *   await using queue = new TaskQueue<string>({ engine });
 *   await queue.put(value);
 * }
 * ```
 *
 * @param source A connection, or how to make one.
 * @param options Which queue, and what it is like if it is created.
 * @returns The engine.
 * @throws {TypeError} When an option is of the wrong kind.
 * @throws {RangeError} When a number is outside of its range.
 */
export function natsEngine(
  source: NatsConnection | NatsOptions,
  options: NatsEngineOptions = {},
): NatsEngine {
  return new NatsEngine(source, options);
}

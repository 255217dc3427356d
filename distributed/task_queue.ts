/**
 * A queue of tasks that loses nothing.
 *
 * @module
 */

import { checkCount, checkFunction } from "../coroutine/_call_settings.ts";
import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { currentScope } from "../coroutine/_current_scope.ts";
import { setLender } from "../coroutine/_lending.ts";
import { QueueShutDownError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { Remote } from "../ipc/mod.ts";
import { storeOf } from "./_task_embedded.ts";
import { ManagerEngine } from "./_task_manager_engine.ts";
import { TaskRenewer } from "./_task_renewer.ts";
import { TaskSeat } from "./_task_seat.ts";
import { withinSpan } from "./_telemetry.ts";
import { putTraced } from "./_put_traced.ts";
import { EmbeddedEngine, type EmbeddedEngineOptions } from "./embedded_engine.ts";
import type { DeadLetter, TaskEngine, TaskQueueStatistics } from "./engine.ts";
import { TaskHandle } from "./task_handle.ts";
import { TaskLease } from "./task_lease.ts";

/** The most tasks that are fetched at a time. */
const MOST_PREFETCH = 1024;

/** Options for {@linkcode TaskQueue}. */
export interface TaskQueueOptions extends EmbeddedEngineOptions {
  /**
   * Who keeps the tasks, when it is not this process. The other options are then the engine's own affair.
   *
   * @default {undefined}
   */
  engine?: TaskEngine | undefined;
}

/** Options for {@linkcode TaskQueue.over}. */
export interface TaskQueueOverOptions {
  /**
   * How many tasks are fetched with one message, when there are so many; their results leave together as well. It
   * makes short tasks several times faster. What has been fetched and was not begun within 20 milliseconds is
   * given back at no cost; what is there when this worker dies counts as begun.
   *
   * @default {1}
   */
  prefetch?: number | undefined;
}

/** Options for {@linkcode TaskQueue.work}. */
export interface TaskWorkOptions {
  /**
   * How many tasks run at a time.
   *
   * @default {1}
   */
  concurrency?: number | undefined;
  /**
   * As for {@linkcode TaskQueue.get}, in milliseconds.
   *
   * @default {the queue's}
   */
  leaseMs?: number | undefined;
  /**
   * When it aborts no more tasks are taken, and those that run are finished.
   *
   * @default {the cancellation of the task of `coroutine` that calls it}
   */
  signal?: AbortSignal | undefined;
}

/** Options for {@linkcode TaskQueue.put}. */
export interface TaskPutOptions extends WaitOptions {
  /**
   * A name for the task that no other one has. When it is put again, nothing new happens, and the handle is of
   * the task that is known already: so a put whose answer was lost can be repeated.
   *
   * @default {undefined}
   */
  id?: string | undefined;
  /**
   * Tasks of higher priority are taken before those of lower priority; among equals the first is the first.
   *
   * @default {0}
   */
  priority?: number | undefined;
  /**
   * How long the task cannot be taken yet, in milliseconds.
   *
   * @default {0}
   */
  delayMs?: number | undefined;
  /**
   * How often the task is handed out again, after its worker was lost or has told that it failed.
   *
   * @default {0}
   */
  retries?: number | undefined;
  /**
   * Is told what the worker reports, in order, and before the result. The worker may wait for the promise that it
   * returns.
   *
   * @param value What the worker reports.
   * @default {undefined}
   */
  onProgress?: ((value: unknown) => void | Promise<void>) | undefined;
}

/** Options for {@linkcode TaskQueue.get}. */
export interface TaskGetOptions extends WaitOptions {
  /**
   * After how long without a sign of life of this worker the task is given to another one, in milliseconds. The
   * lease is renewed by itself several times in that time.
   *
   * @default {the queue's}
   */
  leaseMs?: number | undefined;
}

/** Options for {@linkcode TaskQueue.shutdown}. */
export interface TaskShutdownOptions {
  /**
   * Cancels what waits and what runs.
   *
   * @default {false}
   */
  immediate?: boolean | undefined;
}

/** The tasks of a queue that have failed for good. */
export interface DeadLetters<T, R> {
  /**
   * The tasks, oldest first.
   *
   * @returns The tasks.
   */
  list(): Promise<DeadLetter<T>[]>;
  /**
   * Puts one of them again, as if it were new.
   *
   * @param id Which one.
   * @returns What becomes of it; `undefined` when there is none of that name.
   * @throws {InvalidStateError} When another task of that name is unfinished.
   */
  requeue(id: string): Promise<TaskHandle<R> | undefined>;
}

/**
 * A queue of tasks that loses nothing: a worker takes a task with a *lease*, and when it does not say in time
 * what has become of it, another worker gets it. The producer awaits the result.
 *
 * - **At least once, counted once.** A task whose worker dies, closes its connection, or is silent for longer
 *   than its lease is handed out again, as often as its `retries` say. It may so run more than once, but it
 *   ends once: what a worker says whose lease is lost does not count, and the worker is told so.
 * - **Order.** Higher priorities first, then the order of the puts; a task that comes back has its old place.
 * - **Back-pressure.** With `maxSize`, `put` waits while that many tasks are unfinished (Python's queues count
 *   only what nobody has taken).
 * - **Cancelled leaves no trace.** A `put` that was aborted has put nothing, a `get` has taken nothing.
 *   Cancelling a task reaches the worker that runs it.
 * - What has failed for good is kept in {@linkcode deadLetters}.
 *
 * It is an object of one event loop until it is lent: registered with a {@linkcode BaseManager}, it serves
 * clients in other processes and on other machines, which see it through {@linkcode TaskQueue.over}.
 *
 * @example A producer and a worker
 * ```ts
 * import { TaskQueue } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * await using queue = new TaskQueue<number, number>({ maxSize: 100 });
 *
 * async function work(): Promise<void> {
 *   for await (const lease of queue) await lease.complete(lease.value ** 2);
 * }
 * const worker = work();
 *
 * const tasks = await Promise.all([1, 2, 3].map((n) => queue.put(n, { retries: 2 })));
 * assertEquals(await Promise.all(tasks.map((task) => task.result())), [1, 4, 9]);
 * await queue.shutdown();
 * await worker;
 * ```
 *
 * @example A worker on another machine
 * ```ts
 * import { BaseManager, TaskQueue } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * await using queue = new TaskQueue<number, number>();
 * const Master = BaseManager.register("getTasks", { callable: () => queue });
 * await using server = new Master({ address: "127.0.0.1:0", authkey: "abc" }).getServer();
 *
 * const Worker = BaseManager.register("getTasks", { proxyType: TaskQueue<number, number> });
 * await using manager = new Worker({ address: server.address, authkey: "abc" });
 * await manager.connect();
 * await using tasks = await TaskQueue.over(await manager.getTasks());
 *
 * const task = await queue.put(20);
 * const lease = await tasks.get();
 * assertEquals(await lease.complete(lease.value + 1), true);
 * assertEquals(await task.result(), 21);
 * ```
 *
 * @typeParam T What is put.
 * @typeParam R What workers give as results.
 */
export class TaskQueue<T, R = unknown> implements AsyncDisposable {
  static {
    setLender(TaskQueue, (queue) => queue.#seat());
  }

  readonly #engine: TaskEngine;
  readonly #renewer = new TaskRenewer();

  /**
   * A queue that somebody else keeps: one that a manager has lent.
   *
   * @typeParam T What is put.
   * @typeParam R What workers give as results.
   * @param proxy What the manager has lent. It is the queue's from now on, and given back with it.
   * @param options How tasks are fetched.
   * @returns The queue.
   * @throws {TypeError} When it is no proxy of a task queue.
   * @throws {RangeError} When `prefetch` is not from 1 to 1024.
   */
  static async over<T, R>(
    proxy: Remote<TaskQueue<T, R>>,
    options: TaskQueueOverOptions = {},
  ): Promise<TaskQueue<T, R>> {
    const { prefetch = 1 } = options;
    checkCount("use the task queue", "prefetch", prefetch, 1);
    if (prefetch > MOST_PREFETCH) {
      throw new RangeError(
        `Cannot use the task queue: "prefetch" must be ${MOST_PREFETCH} at most, got ${prefetch}`,
      );
    }
    return new TaskQueue<T, R>({ engine: await ManagerEngine.open(proxy, prefetch) });
  }

  /**
   * Makes a queue.
   *
   * @param options Its limits, or who keeps the tasks.
   * @throws {TypeError} When an option is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   */
  constructor(options: TaskQueueOptions = {}) {
    const { engine, ...rest } = options;
    this.#engine = engine ?? new EmbeddedEngine(rest);
  }

  /** The tasks that have failed for good, while there is room for them. */
  get deadLetters(): DeadLetters<T, R> {
    return {
      list: async () => await this.#engine.deadLetters() as DeadLetter<T>[],
      requeue: async (id) => {
        const handle = new TaskHandle<R>(id, this.#engine);
        return await this.#engine.requeue(id, handle.watcher()) ? handle : undefined;
      },
    };
  }

  /**
   * Puts a task, and waits while the queue is full.
   *
   * @param value What the worker gets. It has to be such as can be sent when the worker is elsewhere.
   * @param options How it is to be treated, how long to wait for a place, and what stops that wait.
   * @returns The task, when it is kept: from now on it is not lost.
   * @throws {TypeError} When an option is of the wrong kind, or the value cannot be sent.
   * @throws {RangeError} When a number is outside of its range.
   * @throws {QueueFullError} When there was no place within `timeoutMs`.
   * @throws {QueueShutDownError} When the queue is shut down.
   * @throws {EngineUnavailableError} When nobody knows whether the task was put: repeat it with its own `id`.
   */
  async put(value: T, options: TaskPutOptions = {}): Promise<TaskHandle<R>> {
    const { priority = 0, delayMs = 0, retries = 0, onProgress, signal, timeoutMs } = options;
    const { id = crypto.randomUUID() } = options;
    const action = "put the task";
    if (typeof id !== "string" || id === "") {
      throw new TypeError(`Cannot ${action}: "id" must be a text that is not empty`);
    }
    if (typeof priority !== "number" || Number.isNaN(priority)) {
      throw new TypeError(`Cannot ${action}: "priority" must be a number, got ${String(priority)}`);
    }
    if (retries !== Infinity) checkCount(action, "retries", retries, 0);
    checkTimeout(delayMs, "delayMs");
    checkTimeout(timeoutMs);
    signal?.throwIfAborted();
    const handle = new TaskHandle<R>(id, this.#engine);
    const ownId = options.id !== undefined;
    const task = { id, ownId, value, priority, delayMs, retries };
    await putTraced(this.#engine, task, handle.watcher(onProgress), { signal, timeoutMs });
    return handle;
  }

  /**
   * Takes the next task, and waits while there is none.
   *
   * @param options How long the lease is, how long to wait, and what stops the wait.
   * @returns The task.
   * @throws {RangeError} When a number is outside of its range.
   * @throws {QueueEmptyError} When there was none within `timeoutMs`.
   * @throws {QueueShutDownError} When the queue is shut down, and all its tasks have ended: as long as one
   * runs elsewhere it may come back.
   * @throws {EngineUnavailableError} When the engine cannot be reached.
   */
  async get(options: TaskGetOptions = {}): Promise<TaskLease<T, R>> {
    const { leaseMs, signal, timeoutMs } = options;
    if (leaseMs !== undefined) checkCount("get a task", "leaseMs", leaseMs, 1);
    checkTimeout(timeoutMs);
    signal?.throwIfAborted();
    const lease = await this.#engine.get({ leaseMs, signal, timeoutMs });
    return new TaskLease<T, R>(lease, this.#renewer);
  }

  /**
   * Takes tasks and has a function run them, until the queue is shut down and all its tasks have ended. What the
   * function returns is the result of the task; what it throws is its failure, and the task is tried again
   * if it has retries left.
   *
   * @example A worker
   * ```ts
   * import { TaskQueue } from "@manyhands/concurrency/distributed";
   * import { assertEquals } from "@std/assert";
   *
   * await using queue = new TaskQueue<string, number>();
   * const working = queue.work((text) => text.length, { concurrency: 2 });
   * const tasks = await Promise.all(["a", "bc"].map((text) => queue.put(text)));
   * assertEquals(await Promise.all(tasks.map((task) => task.result())), [1, 2]);
   * await queue.shutdown();
   * await working;
   * ```
   *
   * @param run Gets the value of a task, and the lease, for its `signal`, its `attempt` and `progress`. It
   * does not end the lease.
   * @param options How many at a time, and when to stop.
   * @returns When there is nothing more to do, or `signal` has aborted and what ran has ended.
   * @throws {TypeError} When `run` is no function, or an option is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   * @throws {CancelledError} When it has no `signal`, and the task of `coroutine` that calls it is cancelled.
   * @throws {EngineUnavailableError} When the engine cannot be reached.
   */
  async work(
    run: (value: T, lease: TaskLease<T, R>) => R | PromiseLike<R>,
    options: TaskWorkOptions = {},
  ): Promise<void> {
    const { concurrency = 1, leaseMs, signal } = options;
    checkFunction("work", '"run"', run);
    checkCount("work", "concurrency", concurrency, 1);
    if (leaseMs !== undefined) checkCount("work", "leaseMs", leaseMs, 1);
    // The lanes have a signal: without one of the caller's it leaves when the task is cancelled that has called it.
    const task = signal === undefined ? currentScope()?.signal : undefined;
    const leave = signal ?? task;
    const failed = new AbortController();
    const stop = leave === undefined ? failed.signal : AbortSignal.any([leave, failed.signal]);
    const lanes = Array.from(
      { length: concurrency },
      () => this.#work(run, leaseMs, stop).catch((error) => failed.abort(error)),
    );
    await Promise.all(lanes);
    task?.throwIfAborted();
    if (failed.signal.aborted && leave?.aborted !== true) throw failed.signal.reason;
  }

  async #work(
    run: (value: T, lease: TaskLease<T, R>) => R | PromiseLike<R>,
    leaseMs: number | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    let told: Promise<unknown> | undefined;
    while (!signal.aborted) {
      let lease: TaskLease<T, R>;
      try {
        lease = await this.get({ leaseMs, signal });
      } catch (error) {
        if (error instanceof QueueShutDownError || signal.aborted) break;
        throw error;
      }
      if (signal.aborted) {
        told = lease.release().catch(() => {});
        break;
      }
      // Not waited for: the next task is asked for meanwhile.
      try {
        const result = await withinSpan(lease, () => run(lease.value, lease));
        told = lease.complete(result).catch((error) => failQuietly(lease, error));
      } catch (error) {
        told = failQuietly(lease, error);
      }
    }
    await told;
  }

  /**
   * How many tasks can be taken now.
   *
   * @returns Their number.
   * @throws {EngineUnavailableError} When the engine cannot be reached.
   */
  async qsize(): Promise<number> {
    return await this.#engine.qsize();
  }

  /**
   * Waits until every task that was put has ended.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns When none is unfinished.
   * @throws {TimeoutError} When one still was after `timeoutMs`.
   * @throws {EngineUnavailableError} When the engine cannot be reached.
   */
  async join(options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    checkTimeout(options.timeoutMs);
    await this.#engine.join(options);
  }

  /**
   * How much there is to do, and what was done.
   *
   * @returns The figures of this moment.
   * @throws {EngineUnavailableError} When the engine cannot be reached.
   */
  async statistics(): Promise<TaskQueueStatistics> {
    return await this.#engine.statistics();
  }

  /**
   * Takes no more tasks. Those that wait can still be taken, and those that are lost come back; when all have
   * ended, `get` fails. A second call does no harm.
   *
   * @param options Whether to cancel what has not ended.
   * @returns When the queue knows it.
   * @throws {EngineUnavailableError} When the engine cannot be reached.
   */
  async shutdown(options: TaskShutdownOptions = {}): Promise<void> {
    await this.#engine.shutdown({ immediate: options.immediate === true });
  }

  /**
   * Says who this side is, for {@linkcode statistics}.
   *
   * @param name What this worker is called.
   * @param concurrency How many tasks it runs at a time.
   * @returns When the queue knows it.
   * @throws {EngineUnavailableError} When the engine cannot be reached.
   */
  async introduce(name: string, concurrency = 1): Promise<void> {
    await this.#engine.introduce({ name, concurrency });
  }

  /**
   * Takes tasks until the queue is shut down and all its tasks have ended. A loop that is left early has
   * ended what it had taken, or gives it back as failed.
   *
   * @returns The tasks.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<TaskLease<T, R>, void, undefined> {
    for (;;) {
      let taken: TaskLease<T, R>;
      try {
        taken = await this.get();
      } catch (error) {
        if (error instanceof QueueShutDownError) return;
        throw error;
      }
      await using lease = taken;
      yield lease;
    }
  }

  /**
   * Gives the queue up. One that is kept here ends with all its tasks; of one that is kept elsewhere only this
   * side ends, and loses the tasks that it holds.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }

  #seat(): TaskSeat {
    const store = storeOf(this.#engine);
    if (store !== undefined) return new TaskSeat(store, this.#engine.leaseMs);
    throw new TypeError(
      "Cannot lend the task queue: its tasks are kept elsewhere; others can go there themselves",
    );
  }
}

/** What does not arrive is lost with the connection, and the task is handed out again. */
async function failQuietly(lease: TaskLease<unknown, never>, error: unknown): Promise<void> {
  await lease.fail(error).catch(() => {});
}

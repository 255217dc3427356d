/**
 * A pool whose workers are on other machines.
 *
 * @module
 */

import { checkCount } from "../coroutine/_call_settings.ts";
import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { DEFAULT_GRACE_MS, PoolCore } from "../coroutine/_pool_core.ts";
import { poolInternals } from "../coroutine/_pool_internals.ts";
import { BasePool } from "../coroutine/base_pool.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import { sleep } from "../coroutine/sleep.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { Address, AddressLike } from "../ipc/mod.ts";
import { nameOf, WorkerLane } from "./_worker_lane.ts";
import type { JobForm, Report } from "./_worker_wire.ts";
import { createCallerBinding } from "./_telemetry.ts";
import { BaseManager } from "./base_manager.ts";
import { EmbeddedEngine } from "./embedded_engine.ts";
import type { TaskEngine, TaskWorkerStatistics } from "./engine.ts";
import type { Server, ServerLimits } from "./server.ts";
import { TaskQueue } from "./task_queue.ts";

/** How many calls are handed to workers at a time unless the pool says otherwise. */
const DEFAULT_SIZE = 64;

/** How often a pool looks whether workers have come, for one who waits for them. */
const LOOK_MS = 10;

/** How long workers may take to leave a pool that has ended. */
const FAREWELL_MS = 1_000;

/** A function of the workers' module, by its name. */
export interface TaskName {
  /** The name under which the module exports it. */
  readonly name: string;
}

/** Options for {@linkcode WorkerPool}. */
export interface WorkerPoolOptions extends Omit<ServerLimits, "python"> {
  /**
   * Where the pool listens for workers. Port 0 lets the system choose one.
   *
   * @default {"127.0.0.1:0"}
   */
  address?: AddressLike | undefined;
  /**
   * The key that workers must have; text is taken as UTF-8. Without it only processes that this one has
   * started can be workers.
   *
   * @default {undefined}
   */
  authkey?: string | Uint8Array | undefined;
  /**
   * Who keeps the tasks, in place of the pool itself: then it does not listen, and workers go there as well.
   * It is disposed of with the pool.
   *
   * @default {undefined}
   */
  engine?: TaskEngine | undefined;
  /**
   * How many calls, or chunks of a `map`, are handed to workers at a time: twice as many as all workers run at
   * a time keep them busy.
   *
   * @default {64}
   */
  size?: number | undefined;
  /**
   * After how long without a sign of life of a worker its tasks are given to others, in milliseconds. A worker
   * whose connection is closed has lost them at once.
   *
   * @default {10000}
   */
  leaseMs?: number | undefined;
  /**
   * How long each task may run, in milliseconds, unless its call says otherwise.
   *
   * @default {Infinity}
   */
  taskTimeoutMs?: number | undefined;
  /**
   * How often a task is started again when its worker was lost, unless its call says otherwise.
   *
   * @default {0}
   */
  retries?: number | undefined;
  /**
   * How long a worker may take to stop a task that was cancelled or has exceeded its time, in milliseconds.
   *
   * @default {1000}
   */
  graceMs?: number | undefined;
}

/**
 * A pool whose workers are on other machines: the pool listens, and whoever runs {@linkcode serveTasks} with
 * its address and key works for it. Workers come and go at any time; calls wait while there is none.
 *
 * All methods and rules are those of {@linkcode BasePool}. What is special here:
 *
 * - **Only names cross.** A function stands for its name, and runs as the function of that name that the
 *   worker's own module exports. A name that it does not export rejects with an error that lists what it
 *   exports.
 * - **Lost workers.** What a worker held whose connection has closed, or of which nothing was heard for
 *   `leaseMs`, is started elsewhere, as `retries` say, or rejects with a {@linkcode WorkerLostError}. So a task
 *   may run more than once, but its result counts once.
 * - Arguments and results are copied. Queues of `ipc` cross as references to processes of this machine only.
 * - A task that is cancelled or exceeds its time is stopped for real where workers run it in processes.
 *   On the event loop of a worker it can only end by itself; when it has not after `graceMs`, it is given up.
 * - Workers hear of the end of the pool and end as well; one that is not connected at that moment goes on trying
 *   for as long as it is told.
 * - What is sent is encrypted when the pool and its workers have the option `tls`; use it without only in networks
 *   that you trust.
 *
 * Needs `--allow-net` for the address.
 *
 * @example Squares, elsewhere
 * ```ts
 * import { serveTasks, WorkerPool } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const jobs = { square: (n: number) => n * n };
 *
 * await using pool = new WorkerPool({ address: "127.0.0.1:0", authkey: "abc", retries: 3 });
 * // On another machine, with its real address:
 * const worker = serveTasks({ address: pool.address, authkey: "abc", module: jobs });
 *
 * assertEquals(await pool.map(jobs.square, [1, 2, 3]), [1, 4, 9]);
 * assertEquals(await pool.apply({ name: "square" }, [4]), 16);
 * await pool.terminate();
 * await worker;
 * ```
 */
export class WorkerPool extends BasePool<TaskName> {
  readonly #engine: TaskEngine;
  readonly #queue: TaskQueue<JobForm, Report[]>;
  readonly #server: Server | undefined;
  #ending: Promise<void> | undefined;

  /**
   * Makes a pool, and listens for workers.
   *
   * @param options Where, and how tasks are treated.
   * @throws {TypeError} When an option is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   * @throws {Deno.errors.AddrInUse} When the port is taken.
   * @throws {Deno.errors.NotCapable} When the permission to listen is missing.
   */
  constructor(options: WorkerPoolOptions = {}) {
    super();
    const { size = DEFAULT_SIZE, leaseMs, taskTimeoutMs, retries } = options;
    const { graceMs = DEFAULT_GRACE_MS, address, authkey, ...limits } = options;
    const action = "create a pool";
    checkCount(action, "size", size, 1);
    if (retries !== undefined && retries !== Infinity) checkCount(action, "retries", retries, 0);
    if (taskTimeoutMs === 0) {
      throw new RangeError(`Cannot ${action}: "taskTimeoutMs" must be more than 0, got 0`);
    }
    checkTimeout(graceMs, "graceMs");
    const timeoutMs = taskTimeoutMs === undefined
      ? undefined
      : checkTimeout(taskTimeoutMs, "taskTimeoutMs");
    const { engine = new EmbeddedEngine({ leaseMs, maxDeadLetters: 0 }) } = options;
    this.#engine = engine;
    this.#queue = new TaskQueue<JobForm, Report[]>({ engine });
    if (options.engine === undefined) {
      const queue = this.#queue;
      const Manager = BaseManager.register("getTasks", { callable: () => queue });
      const { maxMessageBytes, handshakeTimeoutMs, maxConnections, allowLegacyAuth, tls } = limits;
      this.#server = new Manager({
        address,
        authkey,
        maxMessageBytes,
        handshakeTimeoutMs,
        maxConnections,
        allowLegacyAuth,
        tls,
      }).getServer();
    }
    let lanes = 0;
    const core = new PoolCore({
      size,
      timeoutMs,
      retries,
      graceMs,
      create: (port) => new WorkerLane(`lane ${++lanes}`, port, { engine }),
      checkTarget: (target) => void nameOf("call the task", target),
      bindTarget: createCallerBinding(),
    });
    poolInternals.attach(this, core);
  }

  /**
   * Where the pool listens, with the port that the system chose when it was asked for port 0.
   *
   * @throws {TypeError} When the pool does not listen, because it has an `engine`.
   */
  get address(): Address {
    const address = this.#server?.address;
    if (address !== undefined) return address;
    throw new TypeError("Cannot tell the address: the pool does not listen, it uses an engine");
  }

  /**
   * The workers that are there.
   *
   * @returns What each of them holds and has done.
   * @throws {EngineUnavailableError} When the engine cannot be reached.
   */
  async workers(): Promise<TaskWorkerStatistics[]> {
    const { workers } = await this.#engine.statistics();
    return workers.filter(({ concurrency }) => concurrency > 0);
  }

  /**
   * Waits until enough workers are there. Nobody has to: calls wait for workers by themselves.
   *
   * @param count How many.
   * @param options How long to wait, and what stops the wait.
   * @returns When so many are connected.
   * @throws {TypeError} When `count` is no number.
   * @throws {RangeError} When `count` is no whole number of 0 or more.
   * @throws {TimeoutError} When there were fewer after `timeoutMs`.
   * @throws {EngineUnavailableError} When the engine cannot be reached.
   */
  async waitForWorkers(count: number, options: WaitOptions = {}): Promise<void> {
    const { signal } = options;
    checkCount("wait for workers", "count", count, 0);
    const timeoutMs = checkTimeout(options.timeoutMs);
    signal?.throwIfAborted();
    const end = performance.now() + timeoutMs;
    let there = 0;
    const late = (): never => {
      throw new TimeoutError(`The pool has ${there} of ${count} workers after ${timeoutMs} ms`);
    };
    for (;;) {
      const wait = { signal, timeoutMs: Math.max(0, end - performance.now()) };
      ({ length: there } = await waitWithin(this.workers(), wait, late));
      if (there >= count) return;
      if (performance.now() >= end) late();
      await sleep(LOOK_MS, { signal });
    }
  }

  /** Takes no more calls. What was given is done, then the workers are sent home. */
  override close(): void {
    super.close();
    // Not of the task that closes it: that one may end before. What fails, `join` tells.
    runOutsideTasks(() => super.join().then(() => this.#end())).catch(() => {});
  }

  /**
   * Stops everything: calls that have not ended reject with a `CancelledError` at once, workers are told to stop
   * what runs, and are sent home. A second call waits for the same end.
   *
   * @returns When the workers have let go, and the pool does not listen any more.
   * @throws {TimeoutError} When a worker had not stopped after the grace time.
   */
  override async terminate(): Promise<void> {
    try {
      await super.terminate();
    } finally {
      await this.#end();
    }
  }

  /**
   * Waits until everything is done, and the workers are sent home.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns When the pool has ended.
   * @throws {InvalidStateError} When neither {@linkcode close} nor {@linkcode terminate} was called.
   * @throws {TimeoutError} When something went on after `timeoutMs`.
   */
  override async join(options: WaitOptions = {}): Promise<void> {
    await super.join(options);
    await this.#end();
  }

  /** Stops everything, as {@linkcode terminate} does. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate();
  }

  async #end(): Promise<void> {
    // Others wait for it as well, when the task is cancelled that has begun it.
    await (this.#ending ??= runOutsideTasks(() => this.#sendHome()));
  }

  async #sendHome(): Promise<void> {
    const server = this.#server;
    if (server !== undefined) {
      // Those who wait for tasks are told that there will be none, and disconnect.
      await this.#queue.shutdown({ immediate: true });
      const end = performance.now() + FAREWELL_MS;
      while (server.statistics().connections > 0 && performance.now() < end) await sleep(1);
      await server.shutdown();
    }
    await this.#queue[Symbol.asyncDispose]();
  }
}

/**
 * Working for a pool on another machine.
 *
 * @module
 */

import { currentAttempt } from "../coroutine/_attempt.ts";
import { checkCount } from "../coroutine/_call_settings.ts";
import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { currentScope } from "../coroutine/_current_scope.ts";
import { Pool as CoroutinePool } from "../coroutine/pool.ts";
import type { AddressLike, TlsOptions } from "../ipc/mod.ts";
import { Pool as ProcessPool, WorkerDiedError as ProcessWorkerDiedError } from "../process/mod.ts";
import type { Permissions } from "../process/mod.ts";
import { checkTls } from "../ipc/_tls.ts";
import { ThreadPool, WorkerDiedError as ThreadWorkerDiedError } from "../thread/mod.ts";
import { DEFAULT_RETRY, RetriesExhausted, retry } from "./_retry.ts";
import { importTaskModule } from "./_task_module.ts";
import { isTraced } from "./_telemetry.ts";
import {
  type InnerPool,
  type ServiceOptions,
  unlessAborted,
  WorkerService,
} from "./_worker_service.ts";
import { BaseManager } from "./base_manager.ts";
import type { TaskEngine } from "./engine.ts";
import { EngineUnavailableError } from "./task_errors.ts";
import { TaskQueue } from "./task_queue.ts";

export type { TaskCall } from "./_worker_wire.ts";

/** Options for {@linkcode serveTasks}. */
export interface ServeTasksOptions {
  /**
   * Where the pool listens.
   *
   * @default {none: it must be given, or an `engine`}
   */
  address?: AddressLike | undefined;
  /**
   * The key that the pool has as well; text is taken as UTF-8.
   *
   * @default {the key that this process shares with those that it has started}
   */
  authkey?: string | Uint8Array | undefined;
  /**
   * Encrypts the connection to the pool, which must have `tls` as well.
   *
   * @default {undefined: it is not encrypted}
   */
  tls?: TlsOptions | undefined;
  /**
   * Who keeps the tasks, when it is not the pool itself. It is disposed of at the end.
   *
   * @default {undefined}
   */
  engine?: TaskEngine | undefined;
  /**
   * The functions that may be called: a module's absolute URL, such as `import.meta.url`, or the module itself, as
   * `import * as jobs` gives it, which needs no permission to read. Nothing else can be called, whatever the pool sends.
   */
  module: string | URL | Readonly<Record<string, unknown>>;
  /**
   * How many tasks run at a time.
   *
   * @default {1; with `inside` as many as there are processors}
   */
  concurrency?: number | undefined;
  /**
   * What the functions run in: on this event loop, or in threads or processes of this one. A function that
   * computes without a pause on this event loop cannot be stopped, and while it does nothing is heard of this
   * worker.
   *
   * @default {"coroutines"}
   */
  inside?: "coroutines" | "threads" | "processes" | undefined;
  /**
   * What the processes may do, with `inside: "processes"`.
   *
   * @default {"none"}
   */
  permissions?: Permissions | undefined;
  /**
   * Which queue to work for, when the other side is no {@linkcode WorkerPool} but a manager that has several: it is
   * asked for `getTasks(queue)`.
   *
   * @default {the only one}
   */
  queue?: string | undefined;
  /**
   * What the worker is called in statistics and errors.
   *
   * @default {the host's process id}
   */
  name?: string | undefined;
  /**
   * When it aborts the worker leaves in order: it takes no more tasks, finishes those that it holds, and
   * disconnects.
   *
   * @default {undefined}
   */
  signal?: AbortSignal | undefined;
  /**
   * When it aborts the worker leaves at once: what it holds is given back, as if it had not been taken, and is
   * stopped as far as it can be.
   *
   * @default {undefined}
   */
  giveBackSignal?: AbortSignal | undefined;
  /**
   * How long to go on trying when the pool cannot be reached, at the start and whenever the connection is lost,
   * in milliseconds. With an `engine`, at the start; later it is the engine that goes on.
   *
   * @default {Infinity}
   */
  reconnectMs?: number | undefined;
}

/**
 * Works for a {@linkcode WorkerPool}: takes its tasks, calls the functions of a module of this worker, and
 * gives the results back.
 *
 * - The pool listens, workers connect. They may come and go at any time, in any number.
 * - A manager that lends a {@linkcode TaskQueue} as `getTasks` is as good as a pool: its tasks are
 *   `{ name, args }`, and what has failed is tried again as often as the task's `retries` say.
 * - Only functions that `module` exports are called, by their names: code never crosses.
 * - Ends when the pool has ended, or `signal` has aborted and everything that was taken is finished.
 * - When the connection is lost, what ran is cancelled, since others get it, and the worker connects anew.
 * - Without a `signal` it leaves, in order, when the task of `coroutine` is cancelled in which it was started.
 * - A main module that awaits its own worker at its top level is loaded a second time, as in a process of its own,
 *   for which it needs `--allow-read`: what starts the worker stands under `if (import.meta.main)`.
 * - A function finds out by {@linkcode taskAttempt} whether it runs for the first time.
 *
 * Needs `--allow-net` for the address, `--allow-read` for a module that is given by its URL and was not
 * loaded before, and what pools of processes need when it has one inside.
 *
 * @example A worker machine
 * ```ts no-eval
 * import { serveTasks } from "@manyhands/concurrency/distributed";
 *
 * export function square(n: number): number {
 *   return n * n;
 * }
 *
 * if (import.meta.main) {
 *   const stop = new AbortController();
 *   Deno.addSignalListener("SIGTERM", () => stop.abort());
 *   await serveTasks({
 *     address: "10.0.0.7:5000",
 *     authkey: Deno.env.get("KEY"),
 *     module: import.meta.url,
 *     concurrency: 4,
 *     signal: stop.signal,
 *   });
 * }
 * ```
 *
 * @example A pool and a worker in one program
 * ```ts
 * import { serveTasks, WorkerPool } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const jobs = { square: (n: number) => n * n };
 *
 * await using pool = new WorkerPool({ address: "127.0.0.1:0", authkey: "abc" });
 * const worker = serveTasks({ address: pool.address, authkey: "abc", module: jobs });
 * assertEquals(await pool.map(jobs.square, [1, 2, 3]), [1, 4, 9]);
 * pool.close();
 * await pool.join();
 * await worker;
 * ```
 *
 * @example Tasks of a queue, each of which names a function
 * ```ts
 * import { BaseManager, serveTasks, type TaskCall, TaskQueue } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * await using queue = new TaskQueue<TaskCall, unknown>();
 * const Manager = BaseManager.register("getTasks", { callable: () => queue });
 * await using server = new Manager({ address: "127.0.0.1:0", authkey: "abc" }).getServer();
 *
 * const jobs = { square: (n: number) => n * n };
 * const worker = serveTasks({ address: server.address, authkey: "abc", module: jobs });
 * const task = await queue.put({ name: "square", args: [7] }, { retries: 3 });
 * assertEquals(await task.result(), 49);
 * await queue.shutdown();
 * await worker;
 * ```
 *
 * @param options Where the pool is, and what may be called.
 * @returns When there is nothing more to do.
 * @throws {TypeError} When an option is of the wrong kind.
 * @throws {RangeError} When a number is outside of its range.
 * @throws {AuthenticationError} When the keys differ.
 * @throws {EngineUnavailableError} When the pool could not be reached for `reconnectMs`.
 */
export async function serveTasks(options: ServeTasksOptions): Promise<void> {
  const { address, engine, module, inside = "coroutines", signal, giveBackSignal } = options;
  const { reconnectMs = Infinity } = options;
  const { concurrency = inside === "coroutines" ? 1 : navigator.hardwareConcurrency } = options;
  checkCount(ACTION, "concurrency", concurrency, 1);
  checkTimeout(reconnectMs, "reconnectMs");
  if (!["coroutines", "threads", "processes"].includes(inside)) {
    throw new TypeError(
      `Cannot ${ACTION}: "inside" must be "coroutines", "threads" or "processes", got "${inside}"`,
    );
  }
  if ((address === undefined) === (engine === undefined)) {
    throw new TypeError(`Cannot ${ACTION}: there must be either an "address" or an "engine"`);
  }
  checkModule(module);
  checkTls(ACTION, options.tls);
  signal?.throwIfAborted();
  giveBackSignal?.throwIfAborted();
  // Without a signal of its own it leaves when the task is cancelled in which it was started.
  const task = signal === undefined ? currentScope()?.signal : undefined;
  const leave = AbortSignal.any(
    [signal, giveBackSignal, task].filter((each) => each !== undefined),
  );
  await using service = await createService(module, { ...options, concurrency });
  await serve(service, { ...options, concurrency, reconnectMs, leave });
  task?.throwIfAborted();
}

/** Works until there is nothing more to do, or it is to leave. */
async function serve(
  service: ServiceOptions,
  options: ServeTasksOptions & { concurrency: number; reconnectMs: number; leave: AbortSignal },
): Promise<void> {
  const { address, authkey, tls, engine, queue: queueName, name = `worker ${Deno.pid}` } = options;
  const { concurrency, reconnectMs, leave, giveBackSignal: giveBack } = options;
  const work = async (queue: TaskQueue<unknown>): Promise<void> => {
    await new WorkerService(queue, service).serve(concurrency, { leave, giveBack });
  };
  const keepTrying = async (attempt: (succeeded: () => void) => Promise<void>): Promise<void> => {
    try {
      await retry(attempt, DEFAULT_RETRY, { signal: leave, withinMs: reconnectMs });
    } catch (error) {
      if (leave.aborted) return;
      if (!(error instanceof RetriesExhausted)) throw error;
      throw new EngineUnavailableError(
        `Cannot ${ACTION}: the pool could not be reached for ${reconnectMs} ms`,
        { cause: error.cause },
      );
    }
  };
  if (engine !== undefined) {
    await using queue = new TaskQueue<unknown>({ engine });
    // Later it is the engine that makes a lost connection anew.
    await keepTrying(() => queue.introduce(name, concurrency));
    return leave.aborted ? undefined : await work(queue);
  }
  const attempt = async (succeeded: () => void): Promise<void> => {
    await using manager = new Manager({ address, authkey, tls });
    await manager.connect({ signal: leave });
    const which = queueName === undefined ? [] : [queueName];
    const open = async (): Promise<TaskQueue<unknown>> => {
      const opened = await TaskQueue.over(await manager.getTasks(...which));
      await opened.introduce(name, concurrency);
      return opened;
    };
    // A pool that does not answer holds up nobody who leaves: what is on its way ends with the manager.
    await using queue = await unlessAborted(open(), leave);
    if (queue === undefined) return;
    succeeded();
    await work(queue);
  };
  await keepTrying(attempt);
}

/**
 * Which attempt at its task the running function is: 1 unless it was lost with a worker before, or has failed and
 * the task of a {@linkcode TaskQueue} has `retries`. A function with effects that must not happen twice looks at it.
 *
 * - It is known wherever {@linkcode serveTasks} runs functions, also inside of threads and processes, and holds for
 *   all that the function awaits. A generator has the same one to its end.
 * - Items of one call are counted one by one: of a `map`, those are at a later attempt that a lost worker held,
 *   some of which it may not have started.
 * - What a worker gives back, when its `giveBackSignal` aborts, was not lost: the same attempt begins anew
 *   elsewhere. Neither were items that a worker had not come to when others got them.
 * - Functions that the task calls by a pool of threads, processes or coroutines of its own belong to the same
 *   attempt; those that it calls by another {@linkcode WorkerPool} are tasks themselves.
 *
 * @example In a function that a pool calls
 * ```ts
 * import { serveTasks, taskAttempt, WorkerPool } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const jobs = { attempt: () => taskAttempt() };
 * await using pool = new WorkerPool({ address: "127.0.0.1:0", authkey: "abc" });
 * const worker = serveTasks({ address: pool.address, authkey: "abc", module: jobs });
 * assertEquals(await pool.apply(jobs.attempt), 1);
 * await pool.terminate();
 * await worker;
 * ```
 *
 * @returns The number of the attempt; `0` outside of such functions.
 */
export function taskAttempt(): number {
  return currentAttempt();
}

const ACTION = "serve tasks";

/** @throws {TypeError} When it is neither a module nor the URL of one. */
function checkModule(module: unknown): void {
  const isUrl = typeof module === "string" || module instanceof URL;
  if (isUrl ? URL.canParse(String(module)) : typeof module === "object" && module !== null) return;
  const got = isUrl ? `"${module}"` : module === null ? "null" : typeof module;
  throw new TypeError(
    `Cannot ${ACTION}: "module" must be an absolute URL such as import.meta.url, or a module, got ${got}`,
  );
}

/** How long threads and processes may take to end by themselves. */
const FAREWELL_MS = 1_000;

const Manager = BaseManager.register("getTasks", { proxyType: TaskQueue<unknown> });

/** Makes what runs the tasks. */
async function createService(
  module: ServeTasksOptions["module"],
  options: ServeTasksOptions & { concurrency: number },
): Promise<ServiceOptions & AsyncDisposable> {
  const { inside = "coroutines", concurrency, permissions } = options;
  const isUrl = typeof module === "string" || module instanceof URL;
  if (inside === "coroutines") {
    const exports: unknown = isUrl ? await importTaskModule(String(module)) : module;
    return serviceOf(new CoroutinePool(concurrency) as unknown as InnerPool, {
      find: (name) => findFunction(exports as Record<string, unknown>, name),
      streams: "by closure",
      isDeath: () => false,
    });
  }
  if (!isUrl) {
    throw new TypeError(`Cannot serve tasks: "module" must be a URL for ${inside} to load it`);
  }
  const pool = inside === "threads"
    ? new ThreadPool(concurrency, { module })
    : new ProcessPool(concurrency, { module, permissions });
  try {
    // A worker that cannot run anything takes no task.
    await pool.ready();
  } catch (error) {
    await pool.terminate();
    throw error;
  }
  return serviceOf(pool as unknown as InnerPool, {
    // The threads and processes look it up themselves.
    find: (name) => ({ module: String(module), name }),
    streams: "by the pool",
    isDeath: (error) =>
      error instanceof ProcessWorkerDiedError || error instanceof ThreadWorkerDiedError,
  });
}

function serviceOf(
  pool: InnerPool,
  rest: Omit<ServiceOptions, "pool">,
): ServiceOptions & AsyncDisposable {
  return {
    pool,
    ...rest,
    async [Symbol.asyncDispose]() {
      // A process that is terminated takes the spans along that it has not sent yet.
      if (isTraced()) {
        pool.close();
        await pool.join({ timeoutMs: FAREWELL_MS }).catch(() => {});
      }
      await pool.terminate();
    },
  };
}

function findFunction(exports: Readonly<Record<string, unknown>>, name: string): unknown {
  const found = Object.hasOwn(exports, name) ? exports[name] : undefined;
  if (typeof found === "function") return found;
  const functions = Object.keys(exports).filter((key) => typeof exports[key] === "function");
  throw new TypeError(
    `Cannot call "${name}": the worker's module does not export a function of that name. It exports ${
      functions.join(", ") || "no function"
    }`,
  );
}

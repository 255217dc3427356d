import type { PoolStatistics } from "../coroutine/pool_statistics.ts";
import type { TaskReference } from "../coroutine/task_reference.ts";
import type { ResultIterator } from "../coroutine/result_iterator.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { Loan } from "../ipc/_loan.ts";
import { Pool, type PoolOptions } from "../process/pool.ts";
import { PoolView } from "./_python_pool_view.ts";
import { type HasPythonView, PYTHON_VIEW, type PythonView } from "./_python_view.ts";

/** Where the functions of a manager are. */
export interface ManagerContext {
  /** The module that the manager was made with. */
  readonly module: string | undefined;
}

/** What Python clients say about a pool besides. */
export interface ManagedPoolOptions extends Pick<PoolOptions, "initArgs" | "maxTasksPerChild"> {
  /** The name of the function with which each worker begins. */
  readonly initializer?: unknown;
}

/** How a client wants items to be handed out. */
export interface RemoteMapOptions extends WaitOptions {
  readonly chunkSize?: number | undefined;
}

/** The most results that one answer holds. */
const MOST_RESULTS = 1_024;

/** A longer text is the last one of its answer. */
const LONGEST_SMALL_TEXT = 100;

/** A result that is there arrives within so many turns of the microtask queue. */
const MOST_TURNS = 32;

/** Pools of which no client knows any more. */
const abandoned = new FinalizationRegistry<Pool>((pool) => void pool.terminate());

/**
 * A pool in the process of a manager. Clients name functions, which the module of the manager exports: they never
 * send code.
 */
export class ManagedPool implements HasPythonView {
  readonly #pool: Pool;
  readonly #module: string;

  /** @throws {TypeError} When the manager has no module. */
  constructor(
    { module }: ManagerContext,
    processes: number | undefined,
    { initializer, initArgs, maxTasksPerChild }: ManagedPoolOptions = {},
  ) {
    if (module === undefined) {
      throw new TypeError(
        'Cannot create a pool: the option "module" of the manager must say which module exports the functions ' +
          "that clients may call",
      );
    }
    this.#module = module;
    this.#pool = new Pool(processes, {
      module,
      initializer: initializer === undefined ? undefined : this.#find(initializer),
      initArgs,
      maxTasksPerChild,
    });
    abandoned.register(this, this.#pool);
  }

  async apply(
    name: unknown,
    args: readonly unknown[] = [],
    options?: WaitOptions,
  ): Promise<unknown> {
    return await this.#pool.apply(this.#find(name), [...args], options ?? {});
  }

  async map(
    name: unknown,
    items: readonly unknown[],
    options?: RemoteMapOptions | number,
  ): Promise<unknown[]> {
    return await this.#pool.map(this.#find(name), items, mapOptions(options));
  }

  async starmap(
    name: unknown,
    items: readonly unknown[][],
    options?: RemoteMapOptions | number,
  ): Promise<unknown[]> {
    return await this.#pool.starmap(this.#find(name), items, mapOptions(options));
  }

  imap(name: unknown, items: readonly unknown[], options?: RemoteMapOptions | number): Loan {
    return new Loan(new Results(this.#pool.imap(this.#find(name), items, mapOptions(options))));
  }

  imapUnordered(
    name: unknown,
    items: readonly unknown[],
    options?: RemoteMapOptions | number,
  ): Loan {
    const results = this.#pool.imapUnordered(this.#find(name), items, mapOptions(options));
    return new Loan(new Results(results));
  }

  close(): void {
    this.#pool.close();
  }

  async terminate(): Promise<void> {
    await this.#pool.terminate();
  }

  async join(options?: WaitOptions): Promise<void> {
    await this.#pool.join(options);
  }

  statistics(): PoolStatistics {
    return this.#pool.statistics();
  }

  /** Python clients have other methods, and take what `imap` gives one by one. */
  [PYTHON_VIEW](): PythonView {
    return new PoolView({ pool: this.#pool, find: (name) => this.#find(name) });
  }

  #find(name: unknown): TaskReference {
    if (typeof name === "string") return { module: this.#module, name };
    throw new TypeError(
      `Cannot call a function of the pool: it takes the name of one that ${this.#module} exports, got ${typeof name}`,
    );
  }
}

/** Python gives the size of the chunks by position. */
function mapOptions(options: RemoteMapOptions | number | undefined): RemoteMapOptions {
  return typeof options === "number" ? { chunkSize: options } : options ?? {};
}

/** The results of an `imap`, for a client that takes those that are there together. */
class Results {
  readonly #results: ResultIterator<unknown>;
  #next: Promise<IteratorResult<unknown>> | undefined;
  #error: { readonly error: unknown } | undefined;

  constructor(results: ResultIterator<unknown>) {
    this.#results = results;
  }

  /** Waits for one result, and takes what else is there. Fewer than one is the end. */
  async take(): Promise<unknown[]> {
    const values: unknown[] = [];
    const failed = this.#error;
    this.#error = undefined;
    if (failed !== undefined) throw failed.error;
    while (values.length < MOST_RESULTS) {
      this.#next ??= this.#results.next();
      try {
        const next = values.length === 0 ? await this.#next : await ready(this.#next);
        if (next === undefined) break;
        this.#next = undefined;
        if (next.done === true) break;
        values.push(next.value);
        if (!isSmall(next.value)) break;
      } catch (error) {
        this.#next = undefined;
        // What came before it comes first.
        if (values.length === 0) throw error;
        this.#error = { error };
        break;
      }
    }
    return values;
  }

  async stop(): Promise<void> {
    await this.#results.return();
  }
}

/** What a promise has been fulfilled with, `undefined` when it is pending. */
async function ready<T>(promise: Promise<T>): Promise<T | undefined> {
  let isSettled = false;
  const onSettled = () => {
    isSettled = true;
  };
  promise.then(onSettled, onSettled);
  for (let n = 0; n < MOST_TURNS && !isSettled; n++) await undefined;
  return isSettled ? await promise : undefined;
}

/** Whether many of such a result fit into one message, whatever its limit is. */
function isSmall(value: unknown): boolean {
  if (typeof value === "string") return value.length <= LONGEST_SMALL_TEXT;
  return typeof value !== "object" && typeof value !== "bigint" || value === null;
}

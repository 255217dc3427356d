import type { LentCall } from "../coroutine/_lending.ts";
import type { AsyncResult } from "../coroutine/async_result.ts";
import { InvalidStateError, PoolClosedError, TimeoutError } from "../coroutine/errors.ts";
import type { ResultIterator } from "../coroutine/result_iterator.ts";
import type { TaskReference } from "../coroutine/task_reference.ts";
import type { Pool } from "../process/pool.ts";
import {
  bind,
  isTrue,
  millisecondsOf,
  numberOf,
  type PythonArguments,
  type Signature,
  spread,
  typeError,
} from "./_python_arguments.ts";
import { itemsOf } from "./_python_list_view.ts";
import { PYTHON_VIEW, type PythonSeat, type PythonView } from "./_python_view.ts";
import { PythonError } from "./python_errors.ts";

/** How pools look to Python clients: as those of `multiprocessing.pool`, but for the functions, which they name. */

/** A pool, and the functions that its clients may call. */
export interface NamedPool {
  readonly pool: Pool;
  /** @throws {Error} When there can be no such function. */
  find(name: unknown): TaskReference;
}

/** What Python knows the types of the results by. */
const RESULT = "AsyncResult";
const ITERATOR = "Iterator";

interface PoolMethod {
  readonly signature: Signature;
  readonly typeid: string | undefined;
  run(pool: NamedPool, call: LentCall, bound: unknown[]): unknown;
}

function method(
  name: string,
  parameters: string,
  required: number,
  run: PoolMethod["run"],
  typeid?: string,
): [string, PoolMethod] {
  const names = parameters.split(" ").filter((parameter) => parameter !== "");
  return [name, { signature: { name: `Pool.${name}`, parameters: names, required }, typeid, run }];
}

const CALLBACKS = "callback error_callback";

const METHODS: ReadonlyMap<string, PoolMethod> = new Map([
  method("apply", "func args kwds", 1, ({ pool, find }, { signal }, [name, args, kwds]) => {
    return pool.apply(find(name), argumentsOf(args, kwds), { signal });
  }),
  method("apply_async", `func args kwds ${CALLBACKS}`, 1, ({ pool, find }, _call, bound) => {
    const [name, args, kwds, ...callbacks] = bound;
    refuseCallbacks(callbacks);
    return new ResultView(pool.applyAsync(find(name), argumentsOf(args, kwds)));
  }, RESULT),
  method("close", "", 0, ({ pool }) => {
    pool.close();
  }),
  method("imap", "func iterable chunksize", 2, ({ pool, find }, _call, [name, items, size]) => {
    return new ResultsView(pool.imap(find(name), itemsFor(items), streamOptions(items, size)));
  }, ITERATOR),
  method(
    "imap_unordered",
    "func iterable chunksize",
    2,
    ({ pool, find }, _call, [name, items, size]) => {
      const options = streamOptions(items, size);
      return new ResultsView(pool.imapUnordered(find(name), itemsFor(items), options));
    },
    ITERATOR,
  ),
  method("join", "", 0, async ({ pool }, { signal }) => {
    await pool.join({ signal });
  }),
  method("map", "func iterable chunksize", 2, ({ pool, find }, { signal }, bound) => {
    const [name, items, size] = bound;
    return pool.map(find(name), itemsFor(items), { signal, chunkSize: sizeOf(size) });
  }),
  method("map_async", `func iterable chunksize ${CALLBACKS}`, 2, ({ pool, find }, _call, bound) => {
    const [name, items, size, ...callbacks] = bound;
    refuseCallbacks(callbacks);
    const options = { chunkSize: sizeOf(size) };
    return new ResultView(pool.mapAsync(find(name), itemsFor(items), options));
  }, RESULT),
  method("starmap", "func iterable chunksize", 2, ({ pool, find }, { signal }, bound) => {
    const [name, items, size] = bound;
    return pool.starmap(find(name), rowsOf(items), { signal, chunkSize: sizeOf(size) });
  }),
  method(
    "starmap_async",
    `func iterable chunksize ${CALLBACKS}`,
    2,
    ({ pool, find }, _call, bound) => {
      const [name, items, size, ...callbacks] = bound;
      refuseCallbacks(callbacks);
      const options = { chunkSize: sizeOf(size) };
      return new ResultView(pool.starmapAsync(find(name), rowsOf(items), options));
    },
    RESULT,
  ),
  method("terminate", "", 0, async ({ pool }) => {
    await pool.terminate();
  }),
]);

/** A pool as Python's `multiprocessing.pool.Pool`. */
export class PoolView implements PythonView {
  readonly methods = [...METHODS.keys()];
  readonly typeids = new Map(
    [...METHODS].flatMap(([name, { typeid }]): [string, string][] =>
      typeid === undefined ? [] : [[name, typeid]]
    ),
  );
  readonly proxyType = "PoolProxy";
  readonly #pool: NamedPool;

  constructor(pool: NamedPool) {
    this.#pool = pool;
  }

  seat(): PythonSeat {
    return {
      call: async (name, call, args) => {
        const { signature, run } = METHODS.get(name)!;
        const bound = bind(signature, args);
        try {
          return await run(this.#pool, call, bound);
        } catch (error) {
          throw asPython(error);
        }
      },
      leave() {},
    };
  }

  repr(id: string): string {
    return `<multiprocessing.pool.Pool object at 0x${id}>`;
  }

  value(): never {
    throw new PythonError("NotImplementedError", [
      "pool objects cannot be passed between processes or pickled",
    ]);
  }
}

/** What a call of a pool will give, as Python's `AsyncResult`. */
class ResultView implements PythonView {
  readonly methods = ["get", "ready", "successful", "wait"];
  readonly #result: AsyncResult<unknown>;

  constructor(result: AsyncResult<unknown>) {
    this.#result = result;
    // Whether anybody will ask for it, Python knows.
    void result.wait();
  }

  /** What is registered is the result itself: it looks like this. */
  [PYTHON_VIEW](): PythonView {
    return this;
  }

  seat(): PythonSeat {
    return { call: (name, call, args) => this.#call(name, call, args), leave() {} };
  }

  repr(id: string): string {
    return `<multiprocessing.pool.ApplyResult object at 0x${id}>`;
  }

  value(): never {
    throw new PythonError("TypeError", ["cannot pickle '_thread.lock' object"]);
  }

  async #call(name: string, { signal }: LentCall, args: PythonArguments): Promise<unknown> {
    const result = this.#result;
    const isWait = name === "get" || name === "wait";
    const signature = {
      name: `ApplyResult.${name}`,
      parameters: isWait ? ["timeout"] : [],
      required: 0,
    };
    const timeoutMs = limitOf(bind(signature, args)[0]);
    switch (name) {
      case "ready":
        return result.ready();
      case "successful":
        if (!result.ready()) throw new PythonError("ValueError", [`${this.repr("0")} not ready`]);
        return result.successful();
      case "wait":
        await result.wait({ signal, timeoutMs });
        return null;
    }
    if (!await result.wait({ signal, timeoutMs })) throw timedOut();
    try {
      return await result.get();
    } catch (error) {
      throw asPython(error);
    }
  }
}

/** The results of an `imap`, as Python's `IMapIterator`. */
class ResultsView implements PythonView {
  readonly methods = ["__next__"];
  readonly #results: ResultIterator<unknown>;

  constructor(results: ResultIterator<unknown>) {
    this.#results = results;
  }

  [PYTHON_VIEW](): PythonView {
    return this;
  }

  seat(): PythonSeat {
    const signature = { name: "IMapIterator.next", parameters: ["timeout"], required: 0 };
    return {
      call: async (_name, { signal }, args) => {
        const timeoutMs = limitOf(bind(signature, args)[0]);
        try {
          const next = await this.#results.next({ signal, timeoutMs });
          if (next.done !== true) return next.value;
        } catch (error) {
          if (error instanceof TimeoutError && timeoutMs !== undefined) throw timedOut();
          throw asPython(error);
        }
        throw new PythonError("StopIteration");
      },
      leave() {},
    };
  }

  repr(id: string): string {
    return `<multiprocessing.pool.IMapIterator object at 0x${id}>`;
  }

  value(): never {
    throw new PythonError("TypeError", ["cannot pickle '_thread.lock' object"]);
  }
}

function argumentsOf(args: unknown, kwds: unknown): unknown[] {
  const positional = itemsFor(args ?? []);
  if (kwds === undefined || kwds === null) return positional;
  const named = kwds instanceof Map ? Object.fromEntries(kwds) : kwds;
  return spread({ args: positional, kwds: named as Record<string, unknown> });
}

function itemsFor(items: unknown): unknown[] {
  return itemsOf(items, "the items must be iterable");
}

function rowsOf(items: unknown): unknown[][] {
  return itemsFor(items).map((row) => itemsOf(row, "each item must be iterable"));
}

function sizeOf(size: unknown): number | undefined {
  return size === undefined || size === null ? undefined : numberOf(size);
}

/** Python's pool takes all items at once, and runs them whoever takes the results. */
function streamOptions(
  items: unknown,
  size: unknown,
): { chunkSize: number | undefined; lookAhead: number } {
  const chunkSize = sizeOf(size);
  return { chunkSize, lookAhead: Math.max(1, itemsFor(items).length) * (chunkSize ?? 1) };
}

/** A limit that is over is none: Python looks once. */
function limitOf(timeout: unknown): number | undefined {
  const timeoutMs = millisecondsOf(timeout);
  return timeoutMs === undefined ? undefined : Math.max(0, timeoutMs);
}

function refuseCallbacks(callbacks: readonly unknown[]): void {
  if (!callbacks.some(isTrue)) return;
  throw typeError("a callback cannot be sent to the manager");
}

function timedOut(): PythonError {
  return new PythonError("multiprocessing.context.TimeoutError");
}

function asPython(error: unknown): unknown {
  if (error instanceof PoolClosedError) {
    return new PythonError("ValueError", ["Pool not running"], { cause: error });
  }
  if (error instanceof InvalidStateError) {
    return new PythonError("ValueError", ["Pool is still running"], { cause: error });
  }
  return error;
}

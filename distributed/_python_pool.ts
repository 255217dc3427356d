import { InvalidStateError, PoolClosedError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { type Caller, callTarget, makeProxy, targetOf } from "../ipc/_proxy.ts";
import { RemoteObject } from "../ipc/_session.ts";
import { isPython } from "./_python_seat.ts";
import { PyKeywords } from "./python_keywords.ts";
import { PyGlobal, PyTuple } from "./python_types.ts";

/** How a pool of a manager in Python does what one of this package does. */

/** What a pool of this package is asked for. */
const STEPS = ["apply", "map", "starmap", "imap", "imapUnordered", "close", "terminate", "join"];

interface MapOptions extends WaitOptions {
  readonly chunkSize?: number | undefined;
}

/** What stands for a pool here, made of the proxy of one in Python. */
export function standInForPool(proxy: object): object {
  return makeProxy(new PoolCaller(proxy), new RemoteObject(0, STEPS));
}

/** Carries the calls of a pool to Python. Nobody but Python's own server lends it to others. */
class PoolCaller implements Caller {
  readonly #proxy: object;

  constructor(proxy: object) {
    this.#proxy = proxy;
  }

  async call(_object: RemoteObject, step: string, args: readonly unknown[]): Promise<unknown> {
    switch (step) {
      case "apply": {
        const [target, given, options] = args as [unknown, unknown[], WaitOptions];
        const last = given.at(-1);
        const hasNames = last instanceof PyKeywords;
        const positional = PyTuple.from(hasNames ? given.slice(0, -1) : given);
        const named = hasNames ? [last.values] : [];
        return await this.#call("apply", [globalOf(target), positional, ...named], options);
      }
      case "map":
      case "starmap": {
        const [target, items, options] = args as [unknown, unknown[], MapOptions];
        const sent = step === "map" ? items : items.map((item) => PyTuple.from(item as unknown[]));
        return await this.#call(step, [globalOf(target), sent, options.chunkSize ?? null], options);
      }
      case "imap":
      case "imapUnordered": {
        const [target, items, options] = args as [unknown, unknown[], MapOptions];
        const name = step === "imap" ? step : "imap_unordered";
        const sent = [globalOf(target), items, options.chunkSize ?? 1];
        const results = await this.#call(name, sent, { signal: options.signal }) as object;
        return makeProxy(new ResultsCaller(results, options), new RemoteObject(0, RESULT_STEPS));
      }
      case "close":
      case "terminate":
        return await this.#call(step, []);
      case "join":
        return await this.#call(step, [], args[0] as WaitOptions);
      default:
        throw new TypeError(
          "Cannot get the figures of the pool: a manager in Python does not tell",
        );
    }
  }

  release(): void {
    void (this.#proxy as AsyncDisposable)[Symbol.asyncDispose]();
  }

  referenceTo(): undefined {
    return undefined;
  }

  async #call(
    name: string,
    args: readonly unknown[],
    { signal, timeoutMs }: WaitOptions = {},
  ): Promise<unknown> {
    try {
      return await callTarget(targetOf(this.#proxy), name, args, { signal, timeoutMs });
    } catch (error) {
      const { message } = error as Error;
      if (isPython(error, "ValueError") && message === "Pool not running") {
        throw new PoolClosedError(`Cannot call "${name}" of the pool: it is closed`, {
          cause: error,
        });
      }
      if (isPython(error, "ValueError") && message === "Pool is still running") {
        throw new InvalidStateError("Cannot join the pool: it takes calls, close it first", {
          cause: error,
        });
      }
      throw error;
    }
  }
}

const RESULT_STEPS = ["take", "stop"];

/** Takes the results of an `imap` in Python, one by one as it gives them. */
class ResultsCaller implements Caller {
  readonly #iterator: object;
  readonly #options: WaitOptions;

  constructor(iterator: object, { signal, timeoutMs }: WaitOptions) {
    this.#iterator = iterator;
    this.#options = { signal, timeoutMs };
  }

  async call(_object: RemoteObject, step: string): Promise<unknown> {
    // What is left goes on there: Python stops nothing.
    if (step === "stop") return undefined;
    try {
      return [await callTarget(targetOf(this.#iterator), "__next__", [], this.#options)];
    } catch (error) {
      if (isPython(error, "StopIteration")) return [];
      throw error;
    }
  }

  release(): void {
    void (this.#iterator as AsyncDisposable)[Symbol.asyncDispose]();
  }

  referenceTo(): undefined {
    return undefined;
  }
}

/** What Python is told to call. */
function globalOf(target: unknown): PyGlobal {
  if (target instanceof PyGlobal) return target;
  const name = String(target);
  const dot = name.lastIndexOf(".");
  if (dot > 0 && dot < name.length - 1) {
    return new PyGlobal(name.slice(0, dot), name.slice(dot + 1));
  }
  throw new TypeError(
    `Cannot call "${name}" in a pool of a manager in Python: it takes a function of Python's with its module, ` +
      '"math.sqrt" or a PyGlobal',
  );
}

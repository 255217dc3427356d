import {
  BrokenBarrierError,
  InvalidStateError,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  TimeoutError,
} from "../../coroutine/errors.ts";
import { allocateIdent, threadTable } from "../../thread/_ident.ts";
import { packShared } from "../../thread/_shared.ts";
import type { Opened } from "../contracts/_subject.ts";

/** What a test asks of a Worker. */
export type Request = { id: number } & Demand;

type Demand =
  | { kind: "init"; ident: number; table: SharedArrayBuffer }
  | { kind: "open"; object: unknown; hasAction: boolean }
  | { kind: "acted"; call: number; error?: string }
  | { kind: "settle" }
  | { kind: "abort"; call: number; message: string }
  | { kind: "dispose"; call: number }
  | {
    kind: "call";
    method: string;
    args: unknown[];
    /** Which argument has a signal; `-1` when none has. */
    abortable: number;
    aborted: string | undefined;
  };

/** What it answers. */
export interface Response {
  id: number;
  value?: unknown;
  error?: { name: string; message: string };
}

const ERRORS: Record<string, new (message: string) => Error> = {
  BrokenBarrierError,
  InvalidStateError,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  RangeError,
  TimeoutError,
  TypeError,
};

/** A Worker in which methods are called. */
export class RemoteThread implements Disposable {
  readonly ident: number = allocateIdent();
  readonly #worker = new Worker(new URL("./fixtures/remote_object.ts", import.meta.url), {
    type: "module",
  });
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;

  /** @param action What a barrier in the Worker does, here. */
  constructor(readonly action?: () => unknown) {
    this.#worker.onmessage = ({ data }: MessageEvent<Response>) => {
      if (data.id < 0) return void this.#act(data.id);
      const call = this.#calls.get(data.id);
      this.#calls.delete(data.id);
      if (data.error === undefined) call?.resolve(data.value);
      else {
        const { name, message } = data.error;
        call?.reject(new (ERRORS[name] ?? Error)(message));
      }
    };
    void this.send({ kind: "init", ident: this.ident, table: threadTable() });
  }

  /** Asks for something. */
  send(demand: Demand): Promise<unknown> {
    return this.#post(++this.#last, demand);
  }

  #post(id: number, demand: Demand): Promise<unknown> {
    const call = Promise.withResolvers<unknown>();
    this.#calls.set(id, call);
    this.#worker.postMessage({ id, ...demand });
    return call.promise;
  }

  /** Gives the Worker an object. */
  async open(object: object): Promise<void> {
    await this.send({
      kind: "open",
      object: packShared(object),
      hasAction: this.action !== undefined,
    });
  }

  async #act(call: number): Promise<void> {
    try {
      await this.action?.();
      await this.send({ kind: "acted", call });
    } catch (error) {
      await this.send({ kind: "acted", call, error: (error as Error).message });
    }
  }

  /** Calls a method of the object; an argument may have a signal. */
  async call(method: string, args: unknown[]): Promise<unknown> {
    const id = ++this.#last;
    const abortable = args.findIndex((arg) => hasSignal(arg));
    const { signal, ...rest } = (args[abortable] ?? {}) as { signal?: AbortSignal };
    const abort = () =>
      void this.send({ kind: "abort", call: id, message: (signal?.reason as Error).message });
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const value = await this.#post(id, {
        kind: "call",
        method,
        args: signal === undefined ? args : args.with(abortable, rest),
        abortable,
        aborted: signal?.aborted ? (signal.reason as Error).message : undefined,
      });
      if (method !== "hold") return value;
      return {
        [Symbol.asyncDispose]: async () => void await this.send({ kind: "dispose", call: id }),
      };
    } catch (error) {
      const reason = signal?.reason as Error | undefined;
      // It went there as its message.
      throw reason?.message === (error as Error).message ? reason : error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

function hasSignal(arg: unknown): boolean {
  return (arg as { signal?: AbortSignal } | undefined)?.signal !== undefined;
}

/**
 * Handles on one object: the first in this thread, each of the others in a Worker of its own.
 */
export async function openInThreads<Handle extends object>(
  count: number,
  object: Handle & { statistics(): object },
  action?: () => unknown,
): Promise<Opened<Handle>> {
  const threads = Array.from({ length: count - 1 }, () => new RemoteThread(action));
  await Promise.all(threads.map((thread) => thread.open(object)));
  // What the others have been granted has arrived here, too, when the figures are told.
  const statistics = async () => {
    await Promise.all(threads.map((thread) => thread.send({ kind: "settle" })));
    return object.statistics();
  };
  const native = new Proxy(object, {
    get: (_, name) => {
      if (name === "statistics") return statistics;
      const value = Reflect.get(object, name, object);
      return typeof value === "function" ? value.bind(object) : value;
    },
  });
  const remote = threads.map((thread) =>
    new Proxy(object, {
      get: (_, name) => {
        if (name === "statistics") return statistics;
        if (name === "then") return undefined;
        if (name === "toString") return () => object.toString();
        return (...args: unknown[]) => thread.call(String(name), args);
      },
    })
  );
  return {
    handles: [native, ...remote],
    [Symbol.asyncDispose]: () => {
      for (const thread of threads) thread[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

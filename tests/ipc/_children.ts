import {
  BrokenBarrierError,
  InvalidStateError,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  TimeoutError,
} from "../../coroutine/errors.ts";
import { ConnectionClosedError, ConnectionLostError, Queue } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import type { Opened } from "../contracts/_subject.ts";
import type { Answer, Demand, Request } from "./_requests.ts";
import { serve } from "./fixtures/remote_object.ts";

const ERRORS: Record<string, new (message: string) => Error> = {
  BrokenBarrierError,
  ConnectionClosedError,
  ConnectionLostError,
  InvalidStateError,
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  RangeError,
  TimeoutError,
  TypeError,
};

const MODULE = new URL("./fixtures/remote_object.ts", import.meta.url);

/** A child process in which methods are called. */
export class Child implements AsyncDisposable {
  readonly process: Process<typeof serve>;
  readonly #requests = new Queue<Request>();
  readonly #answers = new Queue<Answer>();
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;

  /** @param objects What it gets: a handle of its own for each. */
  constructor(objects: readonly object[]) {
    this.process = new Process({
      module: MODULE,
      target: serve,
      args: [this.#requests, this.#answers, objects],
    });
  }

  /** Starts the process. */
  async start(): Promise<void> {
    await this.process.start();
    void this.#read();
  }

  /** Asks for something. */
  send(demand: Demand): Promise<unknown> {
    return this.#post(++this.#last, demand);
  }

  /** Calls a method of a handle; the last argument may have a signal. */
  async call(handle: number, method: string, args: unknown[]): Promise<unknown> {
    const id = ++this.#last;
    const { signal, ...rest } = (args.at(-1) ?? {}) as { signal?: AbortSignal };
    const abort = () =>
      void this.#send({
        id: ++this.#last,
        kind: "abort",
        call: id,
        message: (signal?.reason as Error).message,
      });
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const value = await this.#post(id, {
        kind: "call",
        handle,
        method,
        args: signal === undefined ? args : args.with(-1, rest),
        abortable: signal !== undefined,
        ...(signal?.aborted ? { aborted: (signal.reason as Error).message } : {}),
      });
      if (method !== "hold") return value;
      return {
        [Symbol.asyncDispose]: async () => void await this.send({ kind: "dispose", call: id }),
      };
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Ends the process, which is let go when it is free. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.isAlive()) void this.#send({ id: 0, kind: "end" });
    await this.process.join();
    await this.#requests.close();
    await this.#answers.close();
    await this.process[Symbol.asyncDispose]();
  }

  #post(id: number, demand: Demand): Promise<unknown> {
    const call = Promise.withResolvers<unknown>();
    this.#calls.set(id, call);
    void this.#send({ id, ...demand });
    return call.promise;
  }

  async #send(request: Request): Promise<void> {
    await this.#requests.put(request);
  }

  async #read(): Promise<void> {
    for (;;) {
      let answer: Answer;
      try {
        answer = await this.#answers.get();
      } catch {
        return;
      }
      const call = this.#calls.get(answer.id);
      this.#calls.delete(answer.id);
      if (answer.error === undefined) call?.resolve(answer.value);
      else {
        const { name, message } = answer.error;
        call?.reject(new (ERRORS[name] ?? Error)(message));
      }
    }
  }
}

/** The most children of one test. They have several handles each, which is why they suffice. */
const MOST_CHILDREN = 2;

/** Starts children, with so many handles in all, as evenly as it goes. */
export async function startChildren(count: number, object: object): Promise<Child[]> {
  const processes = Math.min(count, MOST_CHILDREN);
  const children = Array.from({ length: processes }, (_, i) => {
    const handles = Math.ceil((count - i) / processes);
    return new Child(Array.from({ length: handles }, () => object));
  });
  await Promise.all(children.map((child) => child.start()));
  return children;
}

/**
 * Handles on one object: the first in this process, where it lives, the others in children.
 *
 * @param native What stands for the object here, when not the object itself does.
 */
export async function openInChildren<Handle extends object>(
  count: number,
  object: AsyncDisposable & { statistics(): Promise<object> },
  native: object = object,
): Promise<Opened<Handle>> {
  const children = await startChildren(count - 1, object);
  // What the others have been granted has arrived here, too, when the figures are told.
  const statistics = async () => {
    await Promise.all(children.map((child) => child.send({ kind: "settle" })));
    return await object.statistics();
  };
  const here = new Proxy(native, {
    get: (_, name) => {
      if (name === "statistics") return statistics;
      if (name === "then") return undefined;
      const value = Reflect.get(native, name, native);
      return typeof value === "function" ? value.bind(native) : value;
    },
  });
  const there = Array.from({ length: count - 1 }, (_, i) => {
    const child = children[i % children.length]!;
    const handle = Math.floor(i / children.length);
    return new Proxy({}, {
      get: (_, name) => {
        if (name === "statistics") return statistics;
        if (name === "then") return undefined;
        if (name === "toString") return () => object.toString();
        return (...args: unknown[]) => child.call(handle, String(name), args);
      },
    });
  });
  return {
    handles: [here, ...there] as unknown as Handle[],
    [Symbol.asyncDispose]: async () => {
      await object[Symbol.asyncDispose]();
      for (const child of children) await child[Symbol.asyncDispose]();
    },
  };
}

import { Queue, spawn } from "../../coroutine/mod.ts";
import type { Opened } from "../contracts/_subject.ts";

/** Handles on an object of this loop, which nobody has to close. */
export function opened<Handle>(handles: readonly Handle[]): Opened<Handle> {
  return { handles, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** The same object for everybody. */
export function shared<Handle>(count: number, object: Handle): Promise<Opened<Handle>> {
  return Promise.resolve(opened(Array.from({ length: count }, () => object)));
}

/** Calls functions within one task, beside each other. */
export interface TaskOwner {
  run<T>(call: () => T): Promise<Awaited<T>>;
  end(): Promise<void>;
}

/** Starts a task that lives until it is told to end, and calls what it is given. */
export function startOwner(): TaskOwner {
  const calls = new Queue<() => void>();
  const task = spawn(async () => {
    for await (const call of calls) call();
  });
  return {
    run: async <T>(call: () => T): Promise<Awaited<T>> => {
      const { promise, resolve, reject } = Promise.withResolvers<Awaited<T>>();
      // What is called may wait: the task does not wait for it, so that it can be called meanwhile.
      calls.putNowait(() =>
        void Promise.try(call).then((value) => resolve(value as Awaited<T>), reject)
      );
      return await promise;
    },
    end: async () => {
      calls.shutdown();
      await task;
    },
  };
}

import { isPython } from "./_python_seat.ts";

/** Calls methods of the object behind a proxy. */
export interface MethodCaller {
  call(method: string, args: readonly unknown[]): Promise<unknown>;
}

/**
 * Lets `for await` go over a proxy as Python's `for` does: by an iterator, or by index until there is an
 * `IndexError`. The proxy of an iterator has `next()` besides.
 */
export function giveIteration(
  proxy: object,
  exposed: ReadonlySet<string>,
  caller: MethodCaller,
): void {
  if (exposed.has("__next__")) {
    const next = () => nextOf(caller);
    Object.defineProperty(proxy, "next", { value: next });
    define(proxy, function (this: object) {
      return this as AsyncIterator<unknown>;
    });
  } else if (exposed.has("__iter__")) {
    define(proxy, () => overIterator(caller));
  } else if (exposed.has("__getitem__")) {
    define(proxy, () => overIndices(caller));
  }
}

function define(proxy: object, iterate: () => AsyncIterator<unknown>): void {
  Object.defineProperty(proxy, Symbol.asyncIterator, { value: iterate });
}

async function nextOf(caller: MethodCaller): Promise<IteratorResult<unknown>> {
  try {
    return { done: false, value: await caller.call("__next__", []) };
  } catch (error) {
    if (!isPython(error, "StopIteration")) throw error;
    return { done: true, value: error.args[0] };
  }
}

async function* overIterator(caller: MethodCaller): AsyncGenerator<unknown, void, undefined> {
  const iterator = await caller.call("__iter__", []) as AsyncIterable<unknown> & AsyncDisposable;
  try {
    yield* iterator;
  } finally {
    await iterator[Symbol.asyncDispose]();
  }
}

async function* overIndices(caller: MethodCaller): AsyncGenerator<unknown, void, undefined> {
  for (let i = 0;; i++) {
    let item: unknown;
    try {
      item = await caller.call("__getitem__", [i]);
    } catch (error) {
      if (isPython(error, "IndexError")) return;
      throw error;
    }
    yield item;
  }
}

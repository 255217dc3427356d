/**
 * Waiting for several connections at once.
 *
 * @module
 */

import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { connectionInternals } from "./_connection_internals.ts";
import { Line } from "./_line.ts";
import { listenerInternals } from "./_listener_internals.ts";
import { Connection } from "./connection.ts";
import type { Listener } from "./listener.ts";

/**
 * What {@linkcode wait} can wait for: a connection from which something can be received, a listener to which
 * somebody has connected, or a promise that settles, as `Process.sentinel` does.
 */
export type Waitable =
  // deno-lint-ignore no-explicit-any -- whatever goes over it
  | Connection<any, any>
  // deno-lint-ignore no-explicit-any -- whatever goes over it
  | Listener<any, any>
  | PromiseLike<unknown>;

/** Looks at one of those that are waited for. */
interface Watched<W> {
  readonly object: W;
  isReady(): boolean;
  unwatch(): void;
}

/**
 * Waits until at least one of several things is ready, and tells which are
 * (Python's {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.connection.wait | multiprocessing.connection.wait}).
 *
 * - A connection is ready when a receive would not wait: a message is there, or the end.
 * - A listener is ready when `accept()` would not wait.
 * - A promise is ready when it has settled: pass `process.sentinel` to learn of the end of a process.
 * - Nothing is taken from any of them.
 *
 * @example Whichever sends first
 * ```ts
 * import { pipe, wait } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const [here, there] = pipe<number>();
 * const [also] = pipe<number>();
 * await there.send(1);
 * assertEquals(await wait([also, here]), [here]);
 * assertEquals(await wait([also], { timeoutMs: 1 }), []);
 * ```
 *
 * @typeParam W What is waited for.
 * @param objects Connections, listeners and promises.
 * @param options How long to wait, and what stops the wait.
 * @returns Those that are ready, in the order in which they were given; none when `timeoutMs` was over.
 * @throws {TypeError} When something that is given is none of those, or a connection only sends.
 */
export async function wait<W extends Waitable>(
  objects: Iterable<W>,
  options: WaitOptions = {},
): Promise<W[]> {
  const { signal } = options;
  const timeoutMs = checkTimeout(options.timeoutMs);
  signal?.throwIfAborted();
  const all = [...objects];
  all.forEach(checkWaitable);
  const line = new Line();
  const watched: Watched<W>[] = [];
  try {
    const ready = () => watched.filter((one) => one.isReady()).map((one) => one.object);
    const onChange = () => {
      if (watched.some((one) => one.isReady())) line.next();
    };
    for (const object of all) watched.push(watch(object, onChange));
    // A promise that has settled tells so in the next microtask.
    await Promise.resolve();
    if (ready().length > 0) return ready();
    try {
      return await line.wait({ signal, timeoutMs }, "", ready);
    } catch (error) {
      if (error instanceof TimeoutError) return ready();
      throw error;
    }
  } finally {
    for (const one of watched) one.unwatch();
  }
}

function checkWaitable(object: unknown, index: number): void {
  if (object instanceof Connection) {
    if (object.readable) return;
    throw new TypeError(`Cannot wait: the connection at ${index} is write-only`);
  }
  if (typeof object === "object" && object !== null) {
    if (listenerInternals.is(object) || typeof (object as { then?: unknown }).then === "function") {
      return;
    }
  }
  throw new TypeError(
    `Cannot wait: expected a connection, a listener or a promise at ${index}, got ${typeof object}`,
  );
}

function watch<W extends Waitable>(object: W, onChange: () => void): Watched<W> {
  if (object instanceof Connection) {
    return {
      object,
      isReady: () => connectionInternals.isReady(object),
      unwatch: connectionInternals.watch(object, onChange),
    };
  }
  if (listenerInternals.is(object)) {
    return {
      object,
      isReady: () => listenerInternals.isReady(object),
      unwatch: listenerInternals.watch(object, onChange),
    };
  }
  const settling = settlingOf(object as PromiseLike<unknown>);
  settling.watchers.add(onChange);
  return {
    object,
    isReady: () => settling.isSettled,
    unwatch: () => void settling.watchers.delete(onChange),
  };
}

/** A promise that was waited for, and those who are told when it settles. */
interface Settling {
  isSettled: boolean;
  readonly watchers: Set<() => void>;
}

const settlings = new WeakMap<object, Settling>();

/** A promise forgets nobody who listens to it: however often it is waited for, that is done once. */
function settlingOf(promise: PromiseLike<unknown>): Settling {
  const known = settlings.get(promise);
  if (known !== undefined) return known;
  const settling: Settling = { isSettled: false, watchers: new Set() };
  settlings.set(promise, settling);
  const settle = () => {
    settling.isSettled = true;
    for (const watcher of [...settling.watchers]) watcher();
  };
  promise.then(settle, settle);
  return settling;
}

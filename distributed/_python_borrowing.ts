import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import { listenForCancel } from "../coroutine/_listen_for_cancel.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { hasHome, homeOf } from "../ipc/_own_homes.ts";
import { toWire } from "../ipc/_portable.ts";
import { callTarget, targetOf } from "../ipc/_proxy.ts";
import {
  copyingReferences,
  type LentReference,
  type PrivateWay,
  wayOf,
} from "../ipc/_reference.ts";
import type { CallOptions } from "../ipc/_session.ts";
import { ConnectionClosedError } from "../ipc/errors.ts";
import type { PythonCaller, PythonOwner, PythonSeat, PythonTurn } from "./_python_seat.ts";

/** What calls of a manager in Python are told besides. */
export interface PythonCallOptions extends CallOptions {
  /** For whom it is called, where that matters to Python. */
  readonly owner?: PythonOwner | undefined;
}

/** How long a handle that is closed waits until all that it held is given back; it goes on after that. */
const LEAVE_LIMIT_MS = 1_000;

/** The signal of what nobody gives up. */
const NEVER = new AbortController().signal;

let lastId = 0;

/** An object of a manager in Python, as a handle of this package uses it. */
export class PythonBorrowing implements PrivateWay {
  /** Python's own proxy of it. */
  readonly proxy: object;
  readonly reference: LentReference;
  readonly #seat: PythonSeat;
  /** Whether it came first, and the proxy ends with it. */
  readonly #ownsProxy: boolean;
  /** The calls that can be given up. */
  readonly #calls = new Set<AbortController>();
  #isClosed = false;

  /**
   * @param proxy Python's own proxy of it.
   * @param port Where its manager listens.
   * @param seat Does what is called.
   * @param options Whether the proxy ends with this.
   */
  constructor(proxy: object, port: number, seat: PythonSeat, options: { ownsProxy: boolean }) {
    this.proxy = proxy;
    this.#seat = seat;
    this.#ownsProxy = options.ownsProxy;
    this.reference = { id: `python:${++lastId}`, port, by: this };
  }

  again(): PythonBorrowing {
    const { port } = this.reference;
    return new PythonBorrowing(this.proxy, port, this.#seat, { ownsProxy: false });
  }

  async call(
    method: string,
    args: readonly unknown[],
    options: { withTask?: boolean | undefined } = {},
  ): Promise<unknown> {
    if (this.#isClosed) throw closed();
    const run = this.#seat.methods[method];
    if (run === undefined) {
      throw new TypeError(`Cannot call "${method}": a manager in Python has no such step`);
    }
    const { signal, given } = takeSignal(args);
    signal?.throwIfAborted();
    // One that must not be cut short: a wait that has to be ended in order is among them, see "leave" of its seat.
    if (options.withTask === false) return await run(this.#turn(NEVER), ...given);
    const end = new AbortController();
    const unlisten = listenForCancel(signal, (reason) => end.abort(reason));
    this.#calls.add(end);
    try {
      return await run(this.#turn(end.signal), ...given);
    } finally {
      this.#calls.delete(end);
      unlisten?.();
    }
  }

  /** Waits for the answer: Python does what comes over several connections in any order. */
  async notify(method: string, args: readonly unknown[]): Promise<void> {
    await this.call(method, args, { withTask: false });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const end of this.#calls) end.abort(closed());
    if (!this.#ownsProxy) return;
    const left = runOutsideTasks(() => this.#leave());
    // A wait for a condition ends when it has the lock, which others may hold for long.
    await waitWithin(left, { timeoutMs: LEAVE_LIMIT_MS, signal: NEVER }, () => {});
  }

  async #leave(): Promise<void> {
    await leaveSeat(this.#seat, callerOf(this.proxy));
    await (this.proxy as AsyncDisposable)[Symbol.asyncDispose]();
  }

  #turn(signal: AbortSignal): PythonTurn {
    const target = targetOf(this.proxy);
    const call: PythonCaller = (name, args = [], owner) => {
      const options: PythonCallOptions = { signal, owner };
      return callTarget(target, name, args, options);
    };
    return { signal, call };
  }
}

/**
 * Gives back what was acquired through a handle.
 *
 * @returns When Python has been told; that the manager is gone is no error.
 */
export async function leaveSeat(seat: PythonSeat, call: PythonCaller): Promise<void> {
  try {
    await seat.leave?.(call);
  } catch {
    // Somebody else has released it, or the manager is gone: then there is nothing to give back.
  }
}

/** Calls methods of what a proxy stands for, without holding the proxy. */
export function callerOf(proxy: object): PythonCaller {
  const { session, object } = targetOf(proxy);
  return async (name, args = [], owner) => {
    const options: PythonCallOptions = { signal: NEVER, owner };
    return await session.call(object, name, args, options);
  };
}

/**
 * Python's own proxy, when a handle of this package stands for it.
 *
 * @throws {ConnectionClosedError} When the handle is closed.
 */
export function bareProxy(handle: object): object | undefined {
  if (!hasHome(handle) || homeOf(handle) !== undefined) return undefined;
  const way = wayOf(copyingReferences(() => toWire(handle))?.data);
  return way instanceof PythonBorrowing ? way.proxy : undefined;
}

/** The signal of a wait, and the arguments without it. */
function takeSignal(
  args: readonly unknown[],
): { signal: AbortSignal | undefined; given: readonly unknown[] } {
  const last = args.at(-1);
  if (typeof last !== "object" || last === null) return { signal: undefined, given: args };
  const { signal, ...rest } = last as { signal?: unknown };
  if (!(signal instanceof AbortSignal)) return { signal: undefined, given: args };
  return { signal, given: [...args.slice(0, -1), rest] };
}

function closed(): ConnectionClosedError {
  return new ConnectionClosedError("The object was given back before the call had its answer");
}

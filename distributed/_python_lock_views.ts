import { Delivery, type LentCall } from "../coroutine/_lending.ts";
import { Barrier } from "../coroutine/barrier.ts";
import { BoundedSemaphore } from "../coroutine/bounded_semaphore.ts";
import { Condition } from "../coroutine/condition.ts";
import { InvalidStateError } from "../coroutine/errors.ts";
import { Event } from "../coroutine/event.ts";
import { Lock } from "../coroutine/lock.ts";
import { RLock } from "../coroutine/rlock.ts";
import { Semaphore } from "../coroutine/semaphore.ts";
import {
  bind,
  isTrue,
  millisecondsOf,
  numberOf,
  type PythonArguments,
  type Signature,
  typeError,
} from "./_python_arguments.ts";
import { integerOf } from "./_python_sequence.ts";
import type { PythonSeat, PythonView } from "./_python_view.ts";
import { PythonError } from "./python_errors.ts";

/** Locks, events and barriers as those of Python's `threading`. Who owns a lock is the connection. */

/** The view of an object that tasks synchronize with, `undefined` for any other object. */
export function synchronizerView(object: object): PythonView | undefined {
  if (object instanceof Lock) return new SynchronizerView(object, "_thread.lock", LOCK);
  if (object instanceof RLock) return new SynchronizerView(object, "_thread.RLock", RLOCK);
  if (object instanceof BoundedSemaphore) {
    return new SynchronizerView(object, "threading.BoundedSemaphore", SEMAPHORE);
  }
  if (object instanceof Semaphore) {
    return new SynchronizerView(object, "threading.Semaphore", SEMAPHORE);
  }
  if (object instanceof Condition) {
    return new SynchronizerView(object, "threading.Condition", CONDITION);
  }
  if (object instanceof Event) return new SynchronizerView(object, "threading.Event", EVENT);
  if (object instanceof Barrier) return new SynchronizerView(object, "threading.Barrier", BARRIER);
  return undefined;
}

interface Method<T> {
  readonly signature: Signature;
  run(object: T, call: LentCall, owner: object, bound: unknown[]): unknown;
}

type Methods<T> = ReadonlyMap<string, Method<T>>;

class SynchronizerView<T extends object> implements PythonView {
  readonly methods: readonly string[];
  readonly #object: T;
  readonly #name: string;
  readonly #table: Methods<T>;

  constructor(object: T, name: string, table: Methods<T>) {
    this.#object = object;
    this.#name = name;
    this.#table = table;
    this.methods = [...table.keys()];
  }

  seat(): PythonSeat {
    const owner = {};
    return {
      call: (name: string, call: LentCall, args: PythonArguments) => {
        const { signature, run } = this.#table.get(name)!;
        return run(this.#object, call, owner, bind(signature, args));
      },
      // As in Python, a lock stays locked when the connection of its owner is gone.
      leave() {},
    };
  }

  repr(id: string): string {
    return `<${this.#name} object at 0x${id}>`;
  }

  value(): never {
    throw typeError(`cannot pickle '${this.#name}' object`);
  }
}

function method<T>(
  name: string,
  parameters: readonly string[],
  required: number,
  run: Method<T>["run"],
): [string, Method<T>] {
  return [name, { signature: { name, parameters, required }, run }];
}

/** A lock that was got for one who is gone is released again. */
async function deliver(
  acquiring: Promise<boolean>,
  release: () => void,
): Promise<boolean | Delivery<boolean>> {
  return await acquiring && new Delivery(true, () => {}, release);
}

/** Calls something, and tells of misuse in Python's words. */
export function misuse(
  name: "RuntimeError" | "ValueError",
  text: string,
  run: () => unknown,
): unknown {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof InvalidStateError) && !(error instanceof RangeError)) throw error;
    throw new PythonError(name, [text], { cause: error });
  }
}

/** The limit of `acquire(blocking=True, timeout=-1)`. */
export function lockLimit(blocking: unknown, timeout: unknown): number | undefined {
  const seconds = timeout === undefined ? -1 : numberOf(timeout);
  if (seconds === undefined) throw typeError("timeout value must be a number");
  const isBlocking = blocking === undefined || isTrue(blocking);
  if (!isBlocking && seconds !== -1) throw nonBlocking();
  if (seconds < 0 && seconds !== -1) {
    throw new PythonError("ValueError", ["timeout value must be a non-negative number"]);
  }
  return !isBlocking ? 0 : seconds === -1 ? undefined : seconds * 1000;
}

/** A limit for what does not wait. */
export function nonBlocking(): PythonError {
  return new PythonError("ValueError", ["can't specify a timeout for a non-blocking call"]);
}

/** The limit of `wait(timeout=None)`: what is negative has passed already. */
export function waitLimit(timeout: unknown): number | undefined {
  const timeoutMs = millisecondsOf(timeout);
  return timeoutMs === undefined ? undefined : Math.max(0, timeoutMs);
}

/** What Python reads of a barrier. */
export function barrierAttribute(barrier: Barrier, name: unknown): unknown {
  if (name === "parties") return barrier.parties;
  if (name === "n_waiting") return barrier.nWaiting;
  if (name === "broken") return barrier.broken;
  const text = `'Barrier' object has no attribute '${String(name)}'`;
  throw new PythonError("AttributeError", [text]);
}

const acquireParameters = ["blocking", "timeout"];

function acquire<T extends Lock | RLock | Condition>(): [string, Method<T>] {
  return method("acquire", acquireParameters, 0, (lock, call, owner, [blocking, timeout]) => {
    const timeoutMs = lockLimit(blocking, timeout);
    if (timeoutMs === 0) return lock.tryAcquire({ owner });
    const acquiring = lock.acquire({ timeoutMs, signal: call.signal, owner });
    return deliver(acquiring, () => lock.release({ owner }));
  });
}

const LOCK: Methods<Lock> = new Map([
  acquire<Lock>(),
  method("locked", [], 0, (lock) => lock.locked()),
  method("release", [], 0, (lock) => {
    misuse("RuntimeError", "release unlocked lock", () => lock.release());
  }),
]);

const RLOCK: Methods<RLock> = new Map([
  acquire<RLock>(),
  method("release", [], 0, (lock, _call, owner) => {
    misuse("RuntimeError", "cannot release un-acquired lock", () => lock.release({ owner }));
  }),
]);

const SEMAPHORE: Methods<Semaphore> = new Map([
  method("acquire", acquireParameters, 0, (semaphore, call, _owner, [blocking, timeout]) => {
    const isBlocking = blocking === undefined || isTrue(blocking);
    const timeoutMs = waitLimit(timeout);
    if (!isBlocking && timeoutMs !== undefined) throw nonBlocking();
    if (!isBlocking || timeoutMs === 0) return semaphore.tryAcquire();
    const acquiring = semaphore.acquire({ timeoutMs, signal: call.signal });
    return deliver(acquiring, () => semaphore.release());
  }),
  method("release", ["n"], 0, (semaphore, _call, _owner, [n]) => {
    const count = n === undefined ? 1 : integerOf(n);
    if (count < 1) throw new PythonError("ValueError", ["n must be one or more"]);
    const text = "Semaphore released too many times";
    misuse("ValueError", text, () => semaphore.release(count));
  }),
]);

const CONDITION: Methods<Condition> = new Map([
  acquire<Condition>(),
  method("notify", ["n"], 0, (condition, _call, owner, [n]) => {
    const text = "cannot notify on un-acquired lock";
    const count = n === undefined ? 1 : integerOf(n);
    misuse("RuntimeError", text, () => condition.notify(count, { owner }));
  }),
  method("notify_all", [], 0, (condition, _call, owner) => {
    misuse(
      "RuntimeError",
      "cannot notify on un-acquired lock",
      () => condition.notifyAll({ owner }),
    );
  }),
  method("release", [], 0, (condition, _call, owner) => {
    misuse(
      "RuntimeError",
      "cannot release un-acquired lock",
      () => condition.release({ owner }),
    );
  }),
  method("wait", ["timeout"], 0, async (condition, call, owner, [timeout]) => {
    try {
      return await condition.wait({ timeoutMs: waitLimit(timeout), signal: call.signal, owner });
    } catch (error) {
      if (!(error instanceof InvalidStateError)) throw error;
      throw new PythonError("RuntimeError", ["cannot wait on un-acquired lock"], { cause: error });
    }
  }),
]);

const EVENT: Methods<Event> = new Map([
  method("clear", [], 0, (event) => event.clear()),
  method("is_set", [], 0, (event) => event.isSet()),
  method("set", [], 0, (event) => event.set()),
  method("wait", ["timeout"], 0, (event, call, _owner, [timeout]) => {
    if (event.isSet()) return true;
    return event.wait({ timeoutMs: waitLimit(timeout), signal: call.signal });
  }),
]);

const BARRIER: Methods<Barrier> = new Map([
  method("__getattribute__", ["name"], 1, (barrier, _call, _owner, [name]) => {
    return barrierAttribute(barrier, name);
  }),
  method("abort", [], 0, (barrier) => barrier.abort()),
  method("reset", [], 0, (barrier) => barrier.reset()),
  method("wait", ["timeout"], 0, (barrier, call, _owner, [timeout]) => {
    return barrier.wait({ timeoutMs: waitLimit(timeout), signal: call.signal });
  }),
]);

import { Delivery, type LentCall } from "../coroutine/_lending.ts";
import { BarrierHome, LEFT } from "../ipc/_barrier_home.ts";
import { ConditionHome, NOTIFIED } from "../ipc/_condition_home.ts";
import { EventHome } from "../ipc/_event_home.ts";
import type { Home, HomeMethod } from "../ipc/_home.ts";
import { ACQUIRED, LockHome } from "../ipc/_lock_home.ts";
import { SemaphoreHome } from "../ipc/_semaphore_home.ts";
import { ConnectionClosedError } from "../ipc/errors.ts";
import {
  bind,
  isTrue,
  type PythonArguments,
  type Signature,
  typeError,
} from "./_python_arguments.ts";
import {
  barrierAttribute,
  lockLimit,
  misuse,
  nonBlocking,
  waitLimit,
} from "./_python_lock_views.ts";
import { integerOf } from "./_python_sequence.ts";
import type { PythonSeat, PythonView } from "./_python_view.ts";
import { PythonError } from "./python_errors.ts";

/**
 * Locks, events and barriers that processes share, as Python's managers have them. Each connection of a Python
 * client has a seat at the home, as each process has: who is gone holds nothing.
 */

/**
 * The view of a home, `undefined` for one of another kind.
 *
 * @param options Whether a semaphore is a bounded one.
 */
export function homeView(
  home: object,
  { isBounded }: { isBounded: boolean },
): PythonView | undefined {
  if (home instanceof LockHome) {
    if (home.isReentrant) return new HomeView(home, "_thread.RLock", "AcquirerProxy", RLOCK);
    return new HomeView(home, "_thread.lock", "AcquirerProxy", LOCK);
  }
  if (home instanceof SemaphoreHome) {
    const name = isBounded ? "threading.BoundedSemaphore" : "threading.Semaphore";
    return new HomeView(home, name, "AcquirerProxy", SEMAPHORE);
  }
  if (home instanceof ConditionHome) {
    return new HomeView(home, "threading.Condition", "ConditionProxy", CONDITION);
  }
  if (home instanceof EventHome) return new HomeView(home, "threading.Event", "EventProxy", EVENT);
  if (home instanceof BarrierHome) {
    return new HomeView(home, "threading.Barrier", "BarrierProxy", BARRIER);
  }
  return undefined;
}

/** What one connection has of a home. */
interface Place<H extends Home> {
  readonly home: H;
  readonly methods: Readonly<Record<string, HomeMethod>>;
  /** Whom homes know the connection by: as in Python's server, the owner of a lock. */
  readonly key: string;
  /** A number for the next wait. */
  nextWait(): number;
}

interface Method<H extends Home> {
  readonly signature: Signature;
  run(place: Place<H>, call: LentCall, bound: unknown[]): unknown;
}

type Methods<H extends Home> = ReadonlyMap<string, Method<H>>;

const keys = new WeakMap<object, string>();

/** The name of a connection as an owner. Homes know owners by the numbers of their processes, `0` for Python's. */
function keyOf(guest: object): string {
  let key = keys.get(guest);
  if (key === undefined) keys.set(guest, key = `0:python-${crypto.randomUUID()}`);
  return key;
}

class HomeView<H extends Home> implements PythonView {
  readonly methods: readonly string[];
  readonly proxyType: string;
  readonly #home: H;
  readonly #name: string;
  readonly #table: Methods<H>;

  constructor(home: H, name: string, proxyType: string, table: Methods<H>) {
    this.#home = home;
    this.#name = name;
    this.proxyType = proxyType;
    this.#table = table;
    this.methods = [...table.keys()];
  }

  seat(guest: object): PythonSeat {
    const seat = this.#home.seat();
    let waits = 0;
    const place: Place<H> = {
      home: this.#home,
      methods: seat.methods,
      key: keyOf(guest),
      nextWait: () => ++waits,
    };
    return {
      call: (name: string, call: LentCall, args: PythonArguments) => {
        const { signature, run } = this.#table.get(name)!;
        return run(place, call, bind(signature, args));
      },
      leave: () => seat.leave(),
    };
  }

  repr(id: string): string {
    return `<${this.#name} object at 0x${id}>`;
  }

  value(): never {
    throw typeError(`cannot pickle '${this.#name}' object`);
  }
}

function method<H extends Home>(
  name: string,
  parameters: readonly string[],
  required: number,
  run: Method<H>["run"],
): [string, Method<H>] {
  return [name, { signature: { name, parameters, required }, run }];
}

/** Whether a bit is in an answer; one that may be lost on its way stays so. */
function hasBit(answer: unknown, bit: number): unknown {
  if (answer instanceof Promise) return answer.then((told) => hasBit(told, bit));
  if (!(answer instanceof Delivery)) return ((answer as number) & bit) !== 0;
  return new Delivery(
    (answer.value & bit) !== 0,
    () => answer.confirmed(),
    () => answer.lost(),
  );
}

function waitOf(timeoutMs: number | undefined): { timeoutMs?: number } {
  return timeoutMs === undefined ? {} : { timeoutMs };
}

/** Who owns a lock that was acquired: one that is not reentrant may be released by anybody. */
type LockOwner = "connection" | "nobody";

const acquireParameters = ["blocking", "timeout"];

function acquire<H extends Home>(owner: LockOwner): [string, Method<H>] {
  return method("acquire", acquireParameters, 0, ({ methods, key }, call, [blocking, timeout]) => {
    const wait = waitOf(lockLimit(blocking, timeout));
    return hasBit(methods.acquire!(call, owner === "connection" ? key : null, wait), ACQUIRED);
  });
}

function release<H extends Home>(owner: LockOwner, text: string): [string, Method<H>] {
  return method("release", [], 0, ({ methods, key }, call) => {
    misuse("RuntimeError", text, () => methods.release!(call, owner === "connection" ? key : null));
  });
}

const LOCK: Methods<LockHome> = new Map([
  acquire<LockHome>("nobody"),
  method("locked", [], 0, ({ methods }, call) => methods.locked!(call)),
  release<LockHome>("nobody", "release unlocked lock"),
]);

const RLOCK: Methods<LockHome> = new Map([
  acquire<LockHome>("connection"),
  release<LockHome>("connection", "cannot release un-acquired lock"),
]);

const SEMAPHORE: Methods<SemaphoreHome> = new Map([
  method("acquire", acquireParameters, 0, ({ methods }, call, [blocking, timeout]) => {
    const isBlocking = blocking === undefined || isTrue(blocking);
    const timeoutMs = waitLimit(timeout);
    if (!isBlocking && timeoutMs !== undefined) throw nonBlocking();
    return hasBit(methods.acquire!(call, waitOf(isBlocking ? timeoutMs : 0)), ACQUIRED);
  }),
  method("release", ["n"], 0, ({ methods }, call, [n]) => {
    const count = n === undefined ? 1 : integerOf(n);
    if (count < 1) throw new PythonError("ValueError", ["n must be one or more"]);
    misuse(
      "ValueError",
      "Semaphore released too many times",
      () => methods.release!(call, count),
    );
  }),
]);

const NOT_NOTIFIED = "cannot notify on un-acquired lock";

const CONDITION: Methods<ConditionHome> = new Map([
  acquire<ConditionHome>("connection"),
  method("notify", ["n"], 0, ({ methods, key }, call, [n]) => {
    const count = n === undefined ? 1 : integerOf(n);
    misuse("RuntimeError", NOT_NOTIFIED, () => methods.notify!(call, key, count));
  }),
  method("notify_all", [], 0, ({ methods, key }, call) => {
    misuse("RuntimeError", NOT_NOTIFIED, () => methods.notifyAll!(call, key));
  }),
  release<ConditionHome>("connection", "cannot release un-acquired lock"),
  method("wait", ["timeout"], 0, ({ methods, key, nextWait }, call, [timeout]) => {
    misuse("RuntimeError", "cannot wait on un-acquired lock", () => methods.check!(call, key));
    const wait = waitOf(waitLimit(timeout));
    // With a number of its own, as the wait of another process: when the client is gone the lock is taken back.
    return hasBit(methods.wait!(call, nextWait(), key, wait), NOTIFIED);
  }),
]);

const EVENT: Methods<EventHome> = new Map([
  method("clear", [], 0, ({ methods }, call) => methods.clear!(call)),
  method("is_set", [], 0, ({ methods }, call) => methods.isSet!(call)),
  method("set", [], 0, ({ methods }, call) => methods.set!(call)),
  method("wait", ["timeout"], 0, ({ methods }, call, [timeout]) => {
    return methods.wait!(call, waitOf(waitLimit(timeout)));
  }),
]);

const BARRIER: Methods<BarrierHome> = new Map([
  method("__getattribute__", ["name"], 1, ({ home }, _call, [name]) => {
    return barrierAttribute(home.barrier, name);
  }),
  method("abort", [], 0, ({ methods }, call) => methods.abort!(call)),
  method("reset", [], 0, ({ methods }, call) => methods.reset!(call)),
  method("wait", ["timeout"], 0, async ({ methods, nextWait }, call, [timeout]) => {
    const wait = waitOf(waitLimit(timeout));
    const index = await methods.wait!(call, nextWait(), wait);
    if (index !== LEFT) return index;
    throw new ConnectionClosedError("Cannot pass the barrier: its client is gone");
  }),
]);

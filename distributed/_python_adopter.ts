import { fromWire } from "../ipc/_portable.ts";
import { copyingReferences, writePrivate } from "../ipc/_reference.ts";
import { bareProxy, callerOf, leaveSeat, PythonBorrowing } from "./_python_borrowing.ts";
import type { PythonTarget } from "./_python_calls.ts";
import { standInForPool } from "./_python_pool.ts";
import { PythonLockState } from "./_python_lock_seats.ts";
import { PYTHON_KINDS, type PythonFacts, type PythonPlan } from "./_python_sync_kinds.ts";
import { PoolProxy } from "./pool_proxy.ts";

/** How a manager shows what a manager in Python has lent. */
export interface PythonAdopter {
  /**
   * How Python is asked for an object; `undefined` when it is asked with the arguments as they are.
   *
   * @throws {TypeError} When Python cannot make it.
   */
  plan(typeid: string, args: readonly unknown[]): PythonPlan | undefined;
  /** What to say when the manager does not have a type. */
  absent(typeid: string): string | undefined;
  /** Makes a handle in place of a proxy; `undefined` when the proxy stays what it is. */
  adopt(
    proxy: object,
    target: PythonTarget,
    options: { port: number; facts?: PythonFacts | undefined },
  ): Adopted | undefined;
  /** Python's own proxy, when a handle stands for it. */
  bare(handle: object): object | undefined;
}

/** A handle of an object in Python. Only `object` keeps its proxy alive. */
export interface Adopted {
  readonly object: object;
  /** Gives back what was acquired through it. */
  leave(): Promise<void>;
  /** The proxy is gone. */
  released(): void;
}

/** What all handles of one object in Python share. */
interface Shared {
  users: number;
  facts: PythonFacts | undefined;
  readonly state: PythonLockState;
}

/** Makes of the objects of a Python `SyncManager` the classes that stand for those of ours. */
export class SyncAdopter implements PythonAdopter {
  /** By Python's names of the objects, which it gives anew when an object is gone. */
  readonly #shared = new Map<string, Shared>();

  plan(typeid: string, args: readonly unknown[]): PythonPlan | undefined {
    return PYTHON_KINDS.get(typeid)?.plan(...args);
  }

  absent(typeid: string): string | undefined {
    if (!PYTHON_KINDS.has(typeid)) return undefined;
    return `Cannot create "${typeid}": the manager in Python does not have it; register it there ` +
      "under that name";
  }

  adopt(
    proxy: object,
    { typeid, id, exposed }: PythonTarget,
    { port, facts: given }: { port: number; facts?: PythonFacts | undefined },
  ): Adopted | undefined {
    if (typeid === "Pool" && POOL.every((name) => exposed.has(name))) return adoptPool(proxy);
    const kind = PYTHON_KINDS.get(typeid);
    if (kind === undefined || !kind.needs.every((name) => exposed.has(name))) return undefined;
    const shared = this.#shared.get(id) ??
      { users: 0, facts: undefined, state: new PythonLockState() };
    shared.facts ??= given;
    const { facts, state } = shared;
    if (facts === undefined && kind.needsFacts === true) return undefined;
    shared.users++;
    this.#shared.set(id, shared);
    const seat = kind.seat(facts ?? {}, state);
    const borrowing = new PythonBorrowing(proxy, port, seat, { ownsProxy: true });
    const call = callerOf(proxy);
    return {
      object: makeHandle(kind.wire, { ...facts, ...writePrivate(borrowing) }),
      leave: () => leaveSeat(seat, call),
      released: () => {
        if (--shared.users === 0 && this.#shared.get(id) === shared) this.#shared.delete(id);
      },
    };
  }

  bare(handle: object): object | undefined {
    return pools.get(handle) ?? bareProxy(handle);
  }
}

const POOL = ["apply", "map", "starmap", "imap", "imap_unordered", "close", "terminate", "join"];

/** Python's own proxies of pools, by what stands for them. */
const pools = new WeakMap<object, object>();

/** Nobody waits for a pool, or holds something of it. */
function adoptPool(proxy: object): Adopted {
  const object = new PoolProxy(standInForPool(proxy));
  pools.set(object, proxy);
  return { object, leave: leaveNothing, released: forgetNothing };
}

async function leaveNothing(): Promise<void> {}

function forgetNothing(): void {}

/** Apart from `adopt`: the functions that are made there share what any of them uses, and would keep the handle alive. */
function makeHandle(type: string, data: object): object {
  return copyingReferences(() => fromWire({ type, data })) as object;
}

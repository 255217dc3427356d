import { checkKey, type DictHome } from "../ipc/_dict_home.ts";
import type { ListHome } from "../ipc/_list_home.ts";
import { homeOf } from "../ipc/_own_homes.ts";
import { Barrier } from "../ipc/barrier.ts";
import { BoundedSemaphore } from "../ipc/bounded_semaphore.ts";
import { Condition } from "../ipc/condition.ts";
import { Event } from "../ipc/event.ts";
import { JoinableQueue } from "../ipc/joinable_queue.ts";
import { LifoQueue } from "../ipc/lifo_queue.ts";
import { Lock } from "../ipc/lock.ts";
import { Namespace } from "../ipc/namespace.ts";
import type { NumberKind } from "../ipc/number_kind.ts";
import { PriorityQueue } from "../ipc/priority_queue.ts";
import { RLock } from "../ipc/rlock.ts";
import { Semaphore } from "../ipc/semaphore.ts";
import { SharedArray } from "../ipc/shared_array.ts";
import { SharedDict } from "../ipc/shared_dict.ts";
import { SharedList } from "../ipc/shared_list.ts";
import { Value } from "../ipc/value.ts";
import { Queue } from "../ipc/queue.ts";
import { ManagedPool, type ManagerContext } from "./_managed_pool.ts";
import { isHashable } from "./_pickle_uncarriable.ts";
import { keyIn } from "./_python_dict_view.ts";
import { itemsOf } from "./_python_list_view.ts";
import type { ManagedFunction } from "./managed.ts";
import { PyDateTime, PyFloat, PyFrozenSet, PyGlobal, PyObject, PyTuple } from "./python_types.ts";

/** Python's letters for what a number is, as `array` and `ctypes` have them. */
const KINDS: Readonly<Record<string, NumberKind>> = {
  b: "int8",
  B: "uint8",
  h: "int16",
  H: "uint16",
  i: "int32",
  I: "uint32",
  l: "bigInt64",
  L: "bigUint64",
  q: "bigInt64",
  Q: "bigUint64",
  f: "float32",
  d: "float64",
};

type Entries = Iterable<readonly [never, unknown]> | Readonly<Record<string, unknown>>;

/**
 * What every `SyncManager` has, under Python's names. The arguments come from clients in either language: what a
 * Python program gives by name is an object at the end.
 */
export const SYNC_TYPES: ReadonlyMap<string, ManagedFunction> = new Map<string, ManagedFunction>([
  ["dict", (...given: Entries[]) => {
    const dict = new SharedDict();
    const { map } = homeOf(dict) as DictHome;
    // The values are not copied once more: what stands for an object of the manager is it now.
    for (const [key, value] of given.flatMap(pairsOf)) map.set(keyFor(map, key), value);
    return dict;
  }],
  ["list", (items?: Iterable<unknown>) => {
    const list = new SharedList();
    const home = homeOf(list) as ListHome;
    for (const item of listOf(items ?? [])) home.list.push(item);
    return list;
  }],
  ["Namespace", (values: object = {}) => fill(new Namespace(), Object.entries(values))],
  ["Lock", () => new Lock()],
  ["RLock", () => new RLock()],
  ["Semaphore", (value?: unknown) => new Semaphore(only(value, "value") as number)],
  ["BoundedSemaphore", (value?: unknown) => new BoundedSemaphore(only(value, "value") as number)],
  [
    "Condition",
    (lock?: unknown) => new Condition((only(lock, "lock") ?? undefined) as Lock | undefined),
  ],
  ["Event", () => new Event()],
  ["Barrier", makeBarrier],
  ["Queue", (size?: unknown) => new Queue(only(size, "maxsize") as number)],
  ["JoinableQueue", (size?: unknown) => new JoinableQueue(only(size, "maxsize") as number)],
  ["LifoQueue", (size?: unknown) => new LifoQueue(only(size, "maxsize") as number)],
  ["PriorityQueue", (size?: unknown) => new PriorityQueue(only(size, "maxsize") as number)],
  ["Value", (kind: string, value?: unknown) => new Value(kindOf(kind), numberFor(kind, value))],
  ["Array", (kind: string, values: number | Iterable<unknown>) => {
    const numbers = typeof values === "number"
      ? values
      : listOf(values).map((value) => numberFor(kind, value));
    return new SharedArray(kindOf(kind), numbers);
  }],
  ["Pool", makePool],
]);

/** What Python has as a key, and this package has not. */
const PYTHON_KEYS = [PyTuple, PyFrozenSet, PyFloat, PyDateTime, PyGlobal, PyObject, Uint8Array];

/** Under which key a dictionary has a value: Python's tuples and bytes are equal when what is in them is. */
function keyFor(map: ReadonlyMap<unknown, unknown>, key: unknown): string {
  const isPython = PYTHON_KEYS.some((type) => key instanceof type) && isHashable(key);
  return (isPython ? keyIn(map, key) : checkKey(key, "the dictionary")) as string;
}

/** Sets the values of what is in this process. */
function fill<T extends object>(object: T, pairs: Iterable<readonly [unknown, unknown]>): T {
  const home = homeOf(object) as DictHome;
  for (const [key, value] of pairs) home.map.set(key as string, value);
  return object;
}

function makePool(this: ManagerContext, ...given: unknown[]): ManagedPool {
  const named = namedIn(given.at(-1));
  const [processes, initializer, initArgs, perChild] = named === undefined
    ? given
    : given.slice(0, -1);
  return new ManagedPool(this, wanted(named?.processes ?? processes), {
    initializer: wanted(named?.initializer ?? initializer),
    initArgs: wanted(named?.initargs ?? initArgs),
    maxTasksPerChild: wanted(named?.maxtasksperchild ?? perChild),
  });
}

/** What Python gives as `None` it has not given. */
function wanted<T>(value: unknown): T | undefined {
  return (value ?? undefined) as T | undefined;
}

function makeBarrier(given: unknown, options?: unknown, seconds?: unknown): Barrier {
  const { parties = given, timeout = seconds, timeoutMs, action } = namedIn(options) ??
    namedIn(given) ?? {};
  if (action !== undefined || typeof options === "function") {
    throw new TypeError(
      "Cannot create a barrier: a function cannot be sent to the manager, so there is no action",
    );
  }
  return new Barrier(parties as number, {
    timeoutMs: typeof timeout === "number" ? timeout * 1000 : timeoutMs as number | undefined,
  });
}

/** The only argument, whether it was given by name or not. */
function only(value: unknown, name: string): unknown {
  return namedIn(value)?.[name] ?? value;
}

function namedIn(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isNamed = typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
  return isNamed ? value as Record<string, unknown> : undefined;
}

function pairsOf(entries: Entries): (readonly [never, unknown])[] {
  const named = namedIn(entries);
  if (named === undefined) return [...entries as Iterable<readonly [never, unknown]>];
  return Object.entries(named) as unknown as [never, unknown][];
}

/** What a list is made of: Python sends a range as what it is. */
function listOf(items: Iterable<unknown>): unknown[] {
  return items instanceof PyObject ? [...itemsOf(items, "not iterable")] : [...items];
}

function kindOf(kind: string): NumberKind {
  return (Object.hasOwn(KINDS, kind) ? KINDS[kind] : String(kind)) as NumberKind;
}

/**
 * Python has one kind of whole numbers, which come here as numbers as far as those reach, and `True` and `False` are
 * of it.
 */
function numberFor(kind: string, value: unknown): never {
  const isBig = kindOf(kind).startsWith("big");
  const isPython = Object.hasOwn(KINDS, kind);
  if (isPython && typeof value === "boolean") return numberFor(kind, Number(value));
  if (isPython && !isBig && typeof value === "bigint") return Number(value) as never;
  return (isBig && typeof value === "number" ? BigInt(value) : value) as never;
}

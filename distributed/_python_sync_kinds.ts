import { Barrier } from "../coroutine/barrier.ts";
import { Queue } from "../coroutine/queue.ts";
import { Semaphore } from "../coroutine/semaphore.ts";
import { checkKey } from "../ipc/_dict_home.ts";
import { checkKind, NumbersHome } from "../ipc/_numbers_home.ts";
import type { NumberKind, NumberOf } from "../ipc/number_kind.ts";
import { RLock } from "../ipc/rlock.ts";
import { checkName, dictSeat, listSeat, namespaceSeat } from "./_python_data_seats.ts";
import {
  conditionSeat,
  lockSeat,
  type PythonLockState,
  rlockSeat,
  semaphoreSeat,
} from "./_python_lock_seats.ts";
import { barrierSeat, eventSeat } from "./_python_meeting_seats.ts";
import { arraySeat, letterOf, toPython, valueSeat } from "./_python_number_seats.ts";
import { queueSeat } from "./_python_queue_seat.ts";
import type { PythonSeat } from "./_python_seat.ts";

/** What is known of an object besides its type, because it was made here. */
export interface PythonFacts {
  readonly parties?: number;
  readonly bound?: number;
  readonly kind?: NumberKind;
  readonly length?: number;
  /** What goes into the handle of numbers besides. */
  readonly within?: readonly never[];
}

/** How Python is asked for an object. */
export interface PythonPlan {
  readonly args: readonly unknown[];
  readonly keywords?: Readonly<Record<string, unknown>> | undefined;
  readonly facts?: PythonFacts | undefined;
}

/** One kind of objects that a `SyncManager` makes. */
export interface PythonKind {
  /** As what a handle of it crosses: its class. */
  readonly wire: string;
  /** Methods of Python's that tell that it is no other class under the same name. */
  readonly needs: readonly string[];
  /** Whether a handle cannot be made without facts. */
  readonly needsFacts?: boolean;
  // deno-lint-ignore no-explicit-any -- the arguments are those of the method of `SyncManager`
  plan(...args: any[]): PythonPlan;
  seat(facts: PythonFacts, state: PythonLockState): PythonSeat;
}

type Entries = readonly (readonly [unknown, unknown])[] | Readonly<Record<string, unknown>>;

const QUEUE = ["put", "get", "put_nowait", "get_nowait", "qsize", "empty", "full"];
const JOINABLE = [...QUEUE, "task_done", "join"];
const ACQUIRER = ["acquire", "release"];
const ARRAY = ["__len__", "__getitem__", "__setitem__"];

/** The kinds, by the names under which Python has them. */
export const PYTHON_KINDS: ReadonlyMap<string, PythonKind> = new Map<string, PythonKind>([
  ["dict", {
    wire: "ipc.SharedDict",
    needs: ["__setitem__", "get", "items", "pop", "popitem", "setdefault", "update"],
    plan: (entries: Entries) => {
      const pairs = Array.isArray(entries) ? entries : Object.entries(entries);
      for (const [key] of pairs) checkKey(key, "the dictionary");
      return { args: [pairs] };
    },
    seat: () => dictSeat(),
  }],
  ["list", {
    wire: "ipc.SharedList",
    needs: ["__getitem__", "append", "extend", "index", "insert", "sort"],
    plan: (items: readonly unknown[]) => ({ args: [items] }),
    seat: () => listSeat(),
  }],
  ["Namespace", {
    wire: "ipc.Namespace",
    needs: ["__getattribute__", "__setattr__", "__delattr__"],
    plan: (values: Readonly<Record<string, unknown>>) => {
      for (const name of Object.keys(values)) checkName(name);
      return { args: [], keywords: values };
    },
    seat: () => namespaceSeat(),
  }],
  ["Lock", { wire: "ipc.Lock", needs: ACQUIRER, plan: plain, seat: () => lockSeat() }],
  ["RLock", {
    wire: "ipc.RLock",
    needs: ACQUIRER,
    plan: plain,
    seat: (_facts, state) => rlockSeat(state),
  }],
  ["Semaphore", {
    wire: "ipc.Semaphore",
    needs: ACQUIRER,
    plan: (value: number) => {
      void new Semaphore(value);
      return { args: [value] };
    },
    seat: () => semaphoreSeat(),
  }],
  ["BoundedSemaphore", {
    wire: "ipc.BoundedSemaphore",
    needs: ACQUIRER,
    needsFacts: true,
    plan: (value: number) => {
      void new Semaphore(value);
      return { args: [value], facts: { bound: value } };
    },
    seat: () => semaphoreSeat(),
  }],
  ["Condition", {
    wire: "ipc.Condition",
    needs: [...ACQUIRER, "wait", "notify", "notify_all"],
    plan: (...lock: object[]) => {
      if (!(lock[0] instanceof RLock)) return { args: lock };
      // Its server calls the lock through a connection of its own, and takes that one for the owner.
      throw new TypeError(
        'Cannot create a condition: "lock" must be a Lock, with an RLock a manager in Python cannot wait',
      );
    },
    seat: (_facts, state) => conditionSeat(state),
  }],
  ["Event", {
    wire: "ipc.Event",
    needs: ["is_set", "set", "clear", "wait"],
    plan: plain,
    seat: () => eventSeat(),
  }],
  ["Barrier", {
    wire: "ipc.Barrier",
    needs: ["__getattribute__", "wait", "abort", "reset"],
    needsFacts: true,
    plan: (parties: number, options: { timeoutMs?: number | undefined }) => {
      const { timeoutMs } = options;
      void new Barrier(parties, { timeoutMs });
      const isLimited = timeoutMs !== undefined && timeoutMs !== Infinity;
      const limit = isLimited ? [null, timeoutMs / 1000] : [];
      return { args: [parties, ...limit], facts: { parties } };
    },
    seat: ({ parties }) => barrierSeat(parties!),
  }],
  ...["Queue", "JoinableQueue", "LifoQueue", "PriorityQueue"].map((name): [string, PythonKind] => [
    name,
    {
      wire: `ipc.${name}`,
      needs: name === "Queue" ? QUEUE : JOINABLE,
      plan: (maxSize: number) => {
        void new Queue(maxSize);
        return { args: [maxSize] };
      },
      seat: () => queueSeat(),
    },
  ]),
  ["Value", {
    wire: "ipc.Value",
    needs: ["get", "set"],
    needsFacts: true,
    plan: (kind: NumberKind, ...initial: NumberOf<NumberKind>[]) => {
      checkKind(kind, "create a value");
      const letter = letterOf(kind, "create a value");
      const values = initial.length > 0 ? initial : new NumbersHome("the value", kind, 1).slice();
      const [value] = toPython(kind, values);
      return { args: [letter, value], facts: { kind, length: 1, within: [] } };
    },
    seat: ({ kind }) => valueSeat(kind!),
  }],
  ["Array", {
    wire: "ipc.SharedArray",
    needs: ARRAY,
    needsFacts: true,
    plan: (kind: NumberKind, given: number | NumberOf<NumberKind>[]) => {
      checkKind(kind, "create an array");
      const letter = letterOf(kind, "create an array");
      if (typeof given === "number" && (!Number.isSafeInteger(given) || given < 0)) {
        throw new RangeError(
          `Cannot create an array: its length must be a whole number of 0 or more, got ${given}`,
        );
      }
      const values = typeof given === "number"
        ? new NumbersHome("the array", kind, given).slice()
        : given;
      const { length } = values;
      return { args: [letter, toPython(kind, values)], facts: { kind, length, within: [] } };
    },
    seat: ({ kind, length }) => arraySeat(kind!, length!),
  }],
]);

function plain(): PythonPlan {
  return { args: [] };
}

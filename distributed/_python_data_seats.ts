import { PyGlobal, PyObject } from "./python_types.ts";
import {
  isPython,
  lacks,
  mapping,
  type PythonCaller,
  type PythonSeat,
  untold,
} from "./_python_seat.ts";
import { PyKeywords } from "./python_keywords.ts";

/** Dictionaries, lists and namespaces of a manager in Python, with the methods of the homes of this package. */

/** What no dictionary holds: what is answered in place of a value that is not there. */
const MISSING = `missing ${crypto.randomUUID()}`;
const SLICE = new PyGlobal("builtins", "slice");
/** So many items of a list come with one call of an iteration. */
const MOST_ITEMS = 1_024;
const HOLD = "hold a lock of the manager for it";

/** A dictionary. */
export function dictSeat(): PythonSeat {
  return {
    methods: {
      get: async ({ call }, key: unknown) => {
        const value = await call("get", [key, MISSING]);
        return value === MISSING ? undefined : value;
      },
      has: ({ call }, key: unknown) => call("__contains__", [key]),
      size: ({ call }) => call("__len__"),
      set: async ({ call }, value: unknown, key: unknown) => {
        await call("__setitem__", [key, value]);
      },
      delete: async ({ call }, key: unknown) => await call("pop", [key, MISSING]) !== MISSING,
      clear: async ({ call }) => void await call("clear"),
      keys: ({ call }) => call("keys"),
      values: ({ call }) => call("values"),
      entries: ({ call }) => entriesOf(call),
      pop: async ({ call }, key: unknown, hasOther: boolean) => {
        const value = await call("pop", [key, MISSING]);
        if (value !== MISSING) return [value];
        if (hasOther) return [];
        throw new RangeError(`Cannot pop ${show(key)}: the dictionary has no such key`);
      },
      popItem: async ({ call }) => {
        const item = await mapping(call("popitem"), "KeyError", () => {
          throw new RangeError("Cannot pop an item: the dictionary is empty");
        });
        return [...item as Iterable<unknown>];
      },
      setDefault: ({ call }, value: unknown, key: unknown) => call("setdefault", [key, value]),
      update: async ({ call }, entries: unknown[]) => void await call("update", [entries]),
      // One message, which is one moment: Python's iterators give the keys alone, each with a call.
      first: async ({ call }) => ({ entries: await entriesOf(call), id: undefined }),
      add: lacks("add", HOLD),
      look: lacks("compute", HOLD),
      statistics: untold("the figures of the dictionary"),
    },
  };
}

async function entriesOf(call: PythonCaller): Promise<unknown[]> {
  const items = await call("items") as Iterable<unknown>[];
  return items.map((item) => [...item]);
}

/** A list. */
export function listSeat(): PythonSeat {
  const length = async (call: PythonCaller) => await call("__len__") as number;
  return {
    methods: {
      at: async ({ call }, index: number) => {
        return await mapping(call("__getitem__", [wholeOf(index)]), "IndexError", () => undefined);
      },
      set: async ({ call }, item: unknown, index: number) => {
        const absent = async () => {
          throw noPlace("write", index, await length(call));
        };
        if (!Number.isInteger(index)) return await absent();
        await mapping(call("__setitem__", [index, item]), "IndexError", absent);
      },
      push: async ({ call }, items: unknown[]) => {
        await call("extend", [items]);
        return await length(call);
      },
      insert: async ({ call }, item: unknown, index: number) => {
        await call("insert", [wholeOf(index), item]);
      },
      pop: async ({ call }, index: number) => {
        const absent = async () => {
          const held = await length(call);
          if (held === 0) throw new RangeError("Cannot pop an item: the list is empty");
          throw noPlace("pop", index, held);
        };
        if (!Number.isInteger(index)) return await absent();
        return await mapping(call("pop", [index]), "IndexError", absent);
      },
      remove: async ({ call }, item: unknown) => {
        await mapping(call("remove", [item]), "ValueError", () => {
          throw new RangeError("Cannot remove the item: the list does not have it");
        });
      },
      length: ({ call }) => length(call),
      slice: ({ call }, start?: number, end?: number) => {
        return call("__getitem__", [sliceOf(start, end)]);
      },
      indexOf: ({ call }, item: unknown, start: number) => {
        return mapping(call("index", [item, wholeOf(start)]), "ValueError", () => -1);
      },
      count: ({ call }, item: unknown) => call("count", [item]),
      reverse: async ({ call }) => void await call("reverse"),
      sort: async ({ call }, isReversed: boolean) => {
        await call("sort", [new PyKeywords({ reverse: isReversed })]);
      },
      // Python's proxy of a list has no `clear`.
      clear: async ({ call }) => void await call("__delitem__", [sliceOf()]),
      first: ({ call }) => pieceOf(call, 0),
      next: ({ call }, start: number) => pieceOf(call, start),
      end: () => {},
      look: lacks("compute", HOLD),
      statistics: async ({ call }) => ({ length: await length(call) }),
    },
  };
}

async function pieceOf(
  call: PythonCaller,
  start: number,
): Promise<{ entries: unknown[]; id: number | undefined }> {
  const end = start + MOST_ITEMS;
  const entries = await call("__getitem__", [sliceOf(start, end)]) as unknown[];
  return { entries, id: entries.length < MOST_ITEMS ? undefined : end };
}

/** A namespace: its values are attributes, of which an object of Python has more. */
export function namespaceSeat(): PythonSeat {
  return {
    methods: {
      getOwn: async ({ call }, name: string) => {
        const absent = () => {
          throw new ReferenceError(
            `Cannot get ${show(name)}: the namespace has no such name`,
          );
        };
        if (!name.startsWith("_")) {
          return await mapping(call("__getattribute__", [name]), "AttributeError", absent);
        }
        const found = (await attributes(call)).find(([known]) => known === name);
        return found === undefined ? absent() : found[1];
      },
      has: async ({ call }, name: string) => {
        return (await attributes(call)).some(([known]) => known === name);
      },
      set: async ({ call }, value: unknown, name: string) => {
        await call("__setattr__", [checkName(name), value]);
      },
      delete: async ({ call }, name: string) => {
        try {
          await call("__delattr__", [checkName(name)]);
          return true;
        } catch (error) {
          if (isPython(error, "AttributeError")) return false;
          throw error;
        }
      },
      entries: ({ call }) => attributes(call),
      size: async ({ call }) => (await attributes(call)).length,
      look: lacks("compute", HOLD),
    },
  };
}

/** Fails for a name that means something else to Python. */
export function checkName(name: string): string {
  if (!/^__.*__$/s.test(name)) return name;
  throw new TypeError(
    `Cannot use ${show(name)} as a name of the namespace: an object of Python has that for itself`,
  );
}

async function attributes(call: PythonCaller): Promise<[string, unknown][]> {
  const found = await call("__getattribute__", ["__dict__"]) as object;
  return found instanceof Map ? [...found] : Object.entries(found);
}

function noPlace(action: string, index: number, length: number): RangeError {
  return new RangeError(`Cannot ${action} index ${index}: the list holds ${length} items`);
}

/** Python's `slice(start, end)`. */
export function sliceOf(start?: number, end?: number): PyObject {
  const bounds = [start, end].map((bound) => bound === undefined ? null : wholeOf(bound));
  return new PyObject(SLICE, [...bounds, null]);
}

/** An index as `Array.prototype.at` reads it. */
function wholeOf(index: number): number {
  const whole = Math.trunc(index);
  if (Number.isNaN(whole)) return 0;
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(Number.MIN_SAFE_INTEGER, whole));
}

function show(key: unknown): string {
  return typeof key === "string" ? JSON.stringify(key) : String(key);
}

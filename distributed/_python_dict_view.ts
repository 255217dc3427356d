import { bind, numberOf, type PythonArguments, typeError, typeName } from "./_python_arguments.ts";
import { pythonRepr } from "./_pickle_repr.ts";
import { isHashable } from "./_pickle_uncarriable.ts";
import { isEqual } from "./_python_equality.ts";
import { itemsOf } from "./_python_list_view.ts";
import type { PythonSeat, PythonView } from "./_python_view.ts";
import { PythonError } from "./python_errors.ts";
import { PyTuple } from "./python_types.ts";

/** As much of a dictionary is shown. */
const LONGEST_TEXT = 1_000_000;

/** A map as Python's `dict`. */
export class DictView implements PythonView {
  readonly methods = [...METHODS.keys()];
  readonly typeids: ReadonlyMap<string, string> = new Map([["__iter__", "Iterator"]]);
  readonly #map: Map<unknown, unknown>;

  constructor(map: Map<unknown, unknown>) {
    this.#map = map;
  }

  seat(): PythonSeat {
    return { call: (name, _call, args) => METHODS.get(name)!(this.#map, args), leave() {} };
  }

  repr(): string {
    return pythonRepr(this.#map, LONGEST_TEXT);
  }

  value(): unknown {
    return this.#map;
  }
}

type Method = (map: Map<unknown, unknown>, args: PythonArguments) => unknown;

function method(
  name: string,
  parameters: readonly string[],
  run: (map: Map<unknown, unknown>, bound: unknown[]) => unknown,
  required: number = parameters.length,
): [string, Method] {
  const signature = { name: `dict.${name}`, parameters, required };
  return [name, (map, args) => run(map, bind(signature, args))];
}

const METHODS: ReadonlyMap<string, Method> = new Map([
  method("__contains__", ["key"], (map, [key]) => map.has(keyIn(map, key))),
  method("__delitem__", ["key"], (map, [key]) => {
    if (!map.delete(keyIn(map, key))) throw new PythonError("KeyError", [key]);
  }),
  method("__getitem__", ["key"], (map, [key]) => {
    const known = keyIn(map, key);
    if (!map.has(known)) throw new PythonError("KeyError", [key]);
    return map.get(known);
  }),
  method("__iter__", [], (map) => keysOf(map)),
  method("__len__", [], (map) => map.size),
  method("__setitem__", ["key", "value"], (map, [key, value]) => {
    map.set(keyIn(map, key), value);
  }),
  method("clear", [], (map) => map.clear()),
  method("copy", [], (map) => new Map(map)),
  method("get", ["key", "default"], (map, [key, otherwise]) => {
    const known = keyIn(map, key);
    return map.has(known) ? map.get(known) : otherwise;
  }, 1),
  method("items", [], (map) => [...map].map(([key, value]) => new PyTuple(key, value))),
  method("keys", [], (map) => [...map.keys()]),
  ["pop", (map, args) => {
    const [key, otherwise] = bind(
      { name: "dict.pop", parameters: ["key", "default"], required: 1 },
      args,
    );
    const known = keyIn(map, key);
    if (!map.has(known)) {
      if (args.args.length < 2 && !Object.hasOwn(args.kwds, "default")) {
        throw new PythonError("KeyError", [key]);
      }
      return otherwise;
    }
    const value = map.get(known);
    map.delete(known);
    return value;
  }],
  method("popitem", [], (map) => {
    const last = [...map.keys()].at(-1);
    if (map.size === 0) throw new PythonError("KeyError", ["popitem(): dictionary is empty"]);
    const value = map.get(last);
    map.delete(last);
    return new PyTuple(last, value);
  }),
  method("setdefault", ["key", "default"], (map, [key, otherwise]) => {
    const known = keyIn(map, key);
    if (!map.has(known)) map.set(known, otherwise ?? null);
    return map.get(known);
  }, 1),
  ["update", (map, { args, kwds }) => {
    if (args.length > 1) {
      throw typeError(`update expected at most 1 argument, got ${args.length}`);
    }
    const more = args.length === 0 ? [] : pairsOf(args[0]);
    for (const [key, value] of [...more, ...Object.entries(kwds)]) {
      map.set(keyIn(map, key), value);
    }
  }],
  method("values", [], (map) => [...map.values()]),
]);

/** The key under which the map has what Python takes for the same key: `1`, `1.0` and `True` are one. */
export function keyIn(map: ReadonlyMap<unknown, unknown>, key: unknown): unknown {
  if (!isHashable(key)) throw typeError(`unhashable type: '${typeName(key)}'`);
  if (map.has(key) || typeof key === "string" || key === null) return key;
  const number = numberOf(key);
  if (typeof key !== "object" && typeof key !== "bigint" && map.has(number)) return number;
  for (const other of map.keys()) if (isEqual(other, key)) return other;
  return key;
}

/** Its keys one after the other. As in Python, a map that is changed meanwhile has no next one. */
function* keysOf(map: ReadonlyMap<unknown, unknown>): Generator<unknown> {
  const size = map.size;
  for (const key of map.keys()) {
    if (map.size !== size) {
      throw new PythonError("RuntimeError", ["dictionary changed size during iteration"]);
    }
    yield key;
  }
}

function pairsOf(value: unknown): [unknown, unknown][] {
  if (value instanceof Map) return [...value];
  if (
    typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype
  ) return Object.entries(value);
  return itemsOf(value, `'${typeName(value)}' object is not iterable`).map((pair, i) => {
    const items = itemsOf(
      pair,
      `cannot convert dictionary update sequence element #${i} to a sequence`,
    );
    if (items.length !== 2) {
      throw new PythonError("ValueError", [
        `dictionary update sequence element #${i} has length ${items.length}; 2 is required`,
      ]);
    }
    return [items[0], items[1]];
  });
}

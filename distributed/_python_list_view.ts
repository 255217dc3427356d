import { bind, isTrue, type PythonArguments, typeError, typeName } from "./_python_arguments.ts";
import { isEqual, isLess } from "./_python_equality.ts";
import { pythonRepr } from "./_pickle_repr.ts";
import { indexOf, integerOf, isSlice, placesOf, rangeOf } from "./_python_sequence.ts";
import type { PythonSeat, PythonView } from "./_python_view.ts";
import { PythonError } from "./python_errors.ts";
import { PyGlobal, PyObject, PyTuple } from "./python_types.ts";

/** As much of a list is shown. */
const LONGEST_TEXT = 1_000_000;

/** An array as Python's `list`. */
export class ListView implements PythonView {
  readonly methods = [...METHODS.keys()];
  readonly #list: unknown[];

  constructor(list: unknown[]) {
    this.#list = list;
  }

  seat(): PythonSeat {
    return { call: (name, _call, args) => METHODS.get(name)!(this.#list, args), leave() {} };
  }

  repr(): string {
    return pythonRepr(this.#list, LONGEST_TEXT);
  }

  value(): unknown {
    return this.#list;
  }
}

type Method = (list: unknown[], args: PythonArguments) => unknown;

/** A method whose arguments have names only in texts of errors. */
function method(
  name: string,
  parameters: readonly string[],
  run: (list: unknown[], bound: unknown[]) => unknown,
  required: number = parameters.length,
): [string, Method] {
  const signature = { name: `list.${name}`, parameters, required };
  return [name, (list, args) => run(list, bind(signature, args))];
}

const OUTSIDE = "list index out of range";

const METHODS: ReadonlyMap<string, Method> = new Map([
  method("__add__", ["value"], (list, [value]) => {
    if (!Array.isArray(value) || value instanceof PyTuple) {
      throw typeError(`can only concatenate list (not "${typeName(value)}") to list`);
    }
    return [...list, ...value];
  }),
  method("__contains__", ["key"], (list, [key]) => list.some((item) => isEqual(item, key))),
  method("__delitem__", ["key"], (list, [key]) => {
    if (!isSlice(key)) {
      list.splice(indexOf(key, list.length, "list", "list assignment index out of range"), 1);
      return;
    }
    const places = new Set(placesOf(key, list.length).places);
    replaceAll(list, list.filter((_, i) => !places.has(i)));
  }),
  method("__getitem__", ["key"], (list, [key]) => {
    if (!isSlice(key)) return list[indexOf(key, list.length, "list", OUTSIDE)];
    return placesOf(key, list.length).places.map((at) => list[at]);
  }),
  method("__imul__", ["value"], (list, [value]) => {
    replaceAll(list, repeat(list, value));
    return list;
  }),
  method("__len__", [], (list) => list.length),
  method("__mul__", ["value"], (list, [value]) => repeat(list, value)),
  method("__reversed__", [], (list) => {
    return new PyObject(new PyGlobal("builtins", "iter"), [list.toReversed()]);
  }),
  method("__rmul__", ["value"], (list, [value]) => repeat(list, value)),
  method("__setitem__", ["key", "value"], (list, [key, value]) => {
    if (!isSlice(key)) {
      list[indexOf(key, list.length, "list", "list assignment index out of range")] = value;
      return;
    }
    const items = itemsOf(value, "can only assign an iterable");
    const { places, step } = placesOf(key, list.length);
    if (step === 1) {
      const [from, to] = rangeOf(key, list.length);
      replaceAll(list, [...list.slice(0, from), ...items, ...list.slice(to)]);
      return;
    }
    if (items.length !== places.length) {
      throw new PythonError("ValueError", [
        `attempt to assign sequence of size ${items.length} to extended slice of size ${places.length}`,
      ]);
    }
    places.forEach((at, i) => list[at] = items[i]);
  }),
  method("append", ["object"], (list, [item]) => void list.push(item)),
  method("clear", [], (list) => void list.splice(0)),
  method("copy", [], (list) => [...list]),
  method("count", ["value"], (list, [value]) => list.filter((item) => isEqual(item, value)).length),
  method("extend", ["iterable"], (list, [items]) => {
    const more = itemsOf(items, `'${typeName(items)}' object is not iterable`);
    replaceAll(list, [...list, ...more]);
  }),
  method(
    "index",
    ["value", "start", "stop"],
    (list, [value, start, stop]) => {
      const slice = new PyObject(new PyGlobal("builtins", "slice"), [start ?? null, stop ?? null]);
      const [from, to] = rangeOf(slice, list.length);
      for (let at = from; at < to; at++) if (isEqual(list[at], value)) return at;
      throw new PythonError("ValueError", [`${pythonRepr(value)} is not in list`]);
    },
    1,
  ),
  method("insert", ["index", "object"], (list, [index, item]) => {
    list.splice(integerOf(index), 0, item);
  }),
  method("pop", ["index"], (list, [index]) => {
    if (list.length === 0) throw new PythonError("IndexError", ["pop from empty list"]);
    const at = indexOf(index ?? -1, list.length, "list", "pop index out of range");
    return list.splice(at, 1)[0];
  }, 0),
  method("remove", ["value"], (list, [value]) => {
    const at = list.findIndex((item) => isEqual(item, value));
    if (at === -1) throw new PythonError("ValueError", ["list.remove(x): x not in list"]);
    list.splice(at, 1);
  }),
  method("reverse", [], (list) => void list.reverse()),
  ["sort", (list, { args, kwds }) => {
    if (args.length > 0) throw typeError("sort() takes no positional arguments");
    for (const name of Object.keys(kwds)) {
      if (name === "key" && kwds.key === null || name === "reverse") continue;
      throw typeError(
        name === "key"
          ? "sort() on a server that is not Python takes no key"
          : `'${name}' is an invalid keyword argument for sort()`,
      );
    }
    sort(list, isTrue(kwds.reverse));
  }],
]);

/** Sorts as Python does: equal items stay in their order, also from the largest down. */
function sort(list: unknown[], isReversed: boolean): void {
  const sign = isReversed ? -1 : 1;
  const less = (a: unknown, b: unknown) => {
    const answer = isLess(a, b);
    if (answer !== undefined) return answer;
    const [left, right] = [typeName(a), typeName(b)];
    throw typeError(`'<' not supported between instances of '${left}' and '${right}'`);
  };
  replaceAll(list, list.toSorted((a, b) => less(a, b) ? -sign : less(b, a) ? sign : 0));
}

function repeat(list: readonly unknown[], value: unknown): unknown[] {
  const times = integerOf(value, `can't multiply sequence by non-int of type '${typeName(value)}'`);
  // Not so often as one likes either: every time would be an empty list in memory before they are joined.
  if (list.length === 0) return [];
  if (times * list.length > 10_000_000) throw new PythonError("MemoryError");
  return Array.from({ length: Math.max(0, times) }, () => list).flat(1);
}

/** Changes all of a list, which stays the same one. */
function replaceAll(list: unknown[], items: readonly unknown[]): void {
  list.length = items.length;
  for (let i = 0; i < items.length; i++) list[i] = items[i];
}

/** What Python iterates over. */
export function itemsOf(value: unknown, text: string): unknown[] {
  if (typeof value === "string" || Array.isArray(value) || value instanceof Set) return [...value];
  if (value instanceof Uint8Array) return [...value];
  if (value instanceof Map) return [...value.keys()];
  if (typeof value === "object" && value !== null) {
    if (Object.getPrototypeOf(value) === Object.prototype) return Object.keys(value);
    if (isRange(value)) return rangeItems(value);
  }
  throw typeError(text);
}

function isRange(value: object): value is PyObject {
  return value instanceof PyObject && value.callable instanceof PyGlobal &&
    String(value.callable) === "builtins.range";
}

function rangeItems({ args }: PyObject): number[] {
  const [from, to, by] = args.map((part) => integerOf(part)) as [number, number, number];
  const count = Math.max(0, Math.ceil((to - from) / by));
  if (count > 10_000_000) throw new PythonError("MemoryError");
  return Array.from({ length: count }, (_, i) => from + i * by);
}

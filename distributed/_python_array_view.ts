import { pythonRepr } from "./_pickle_repr.ts";
import { bind, type PythonArguments } from "./_python_arguments.ts";
import { itemsOf } from "./_python_list_view.ts";
import { type AnyNumbersHome, codeOf, fromPython, toPython } from "./_python_number.ts";
import { indexOf, isSlice, placesOf } from "./_python_sequence.ts";
import type { PythonSeat, PythonView } from "./_python_view.ts";
import { PythonError } from "./python_errors.ts";
import { PyGlobal, PyObject } from "./python_types.ts";

/** As much of an array is shown. */
const LONGEST_TEXT = 1_000_000;

/** Shared numbers as an `array.array` of Python's managers. Its length stays what it is. */
export class ArrayView implements PythonView {
  readonly methods = [...METHODS.keys()];
  readonly proxyType = "ArrayProxy";
  readonly #home: AnyNumbersHome;

  constructor(home: AnyNumbersHome) {
    this.#home = home;
  }

  seat(): PythonSeat {
    return {
      call: (name, _call, args) => {
        this.#home.checkOpen();
        return METHODS.get(name)!(this.#home, args);
      },
      leave() {},
    };
  }

  repr(): string {
    const { kind, numbers } = this.#home;
    const items = [...numbers.slice()].map((number) => toPython(kind, number));
    const rest = items.length === 0 ? "" : `, ${pythonRepr(items, LONGEST_TEXT)}`;
    return `array('${codeOf(kind)}'${rest})`;
  }

  value(): unknown {
    return arrayOf(this.#home, this.#home.slice());
  }
}

type Method = (home: AnyNumbersHome, args: PythonArguments) => unknown;

function method(
  name: string,
  parameters: readonly string[],
  run: (home: AnyNumbersHome, bound: unknown[]) => unknown,
): [string, Method] {
  const signature = { name: `array.${name}`, parameters, required: parameters.length };
  return [name, (home, args) => run(home, bind(signature, args))];
}

const METHODS: ReadonlyMap<string, Method> = new Map([
  method("__len__", [], ({ numbers }) => numbers.length),
  method("__getitem__", ["key"], (home, [key]) => {
    const { kind, numbers } = home;
    if (isSlice(key)) {
      const { places } = placesOf(key, numbers.length);
      return arrayOf(home, places.map((at) => numbers[at]!));
    }
    const at = indexOf(key, numbers.length, "array", "array index out of range");
    return toPython(kind, numbers[at]!);
  }),
  method("__setitem__", ["key", "value"], (home, [key, value]) => {
    const { kind, numbers } = home;
    if (!isSlice(key)) {
      const at = indexOf(key, numbers.length, "array", "array assignment index out of range");
      numbers[at] = fromPython(kind, value);
      return;
    }
    const { places } = placesOf(key, numbers.length);
    // All are read before one is written.
    const items = numbersIn(value).map((item) => fromPython(kind, item));
    if (items.length !== places.length) {
      throw new PythonError("ValueError", [
        `attempt to assign ${items.length} numbers to a slice of ${places.length}: the array is shared, and keeps its length`,
      ]);
    }
    places.forEach((at, i) => numbers[at] = items[i]!);
  }),
]);

function arrayOf({ kind }: AnyNumbersHome, items: readonly (number | bigint)[]): PyObject {
  const list = items.map((number) => toPython(kind, number));
  return new PyObject(new PyGlobal("array", "array"), [codeOf(kind), list]);
}

function numbersIn(value: unknown): unknown[] {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return [...value as unknown as Iterable<number | bigint>];
  }
  return itemsOf(value, "can only assign array or an iterable of numbers");
}

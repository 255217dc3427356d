import { NumbersHome } from "../ipc/_numbers_home.ts";
import type { NumberKind, NumberOf } from "../ipc/number_kind.ts";
import { sliceOf } from "./_python_data_seats.ts";
import { lacks, mapping, type PythonSeat } from "./_python_seat.ts";
import { PyFloat, PyGlobal, PyObject } from "./python_types.ts";

/** Numbers of a manager in Python, with the methods of the homes of this package. */

const ARRAY = new PyGlobal("array", "array");
const HOLD = "hold a lock of the manager for it";

/** Python's letters for the kinds, each of the same size on every machine. */
const LETTERS: Readonly<Partial<Record<NumberKind, string>>> = {
  int8: "b",
  uint8: "B",
  int16: "h",
  uint16: "H",
  int32: "i",
  uint32: "I",
  bigInt64: "q",
  bigUint64: "Q",
  float32: "f",
  float64: "d",
};

/** Python's letter for what a number is. */
export function letterOf(kind: NumberKind, action: string): string {
  const letter = LETTERS[kind];
  if (letter !== undefined) return letter;
  throw new TypeError(`Cannot ${action}: Python has no numbers of the kind "${kind}"`);
}

/** Numbers of a kind as Python gets them: checked, and rounded as they are here. */
export function toPython<K extends NumberKind>(
  kind: K,
  values: readonly NumberOf<K>[],
): unknown[] {
  const isFloat = kind.startsWith("float");
  return numbersOf(kind, values).map((value) => isFloat ? new PyFloat(value as number) : value);
}

/** Numbers as they came from Python, which does not tell whole numbers apart by their size. */
function fromPython<K extends NumberKind>(kind: K, values: Iterable<unknown>): NumberOf<K>[] {
  const isBig = kind.startsWith("big");
  const numbers = Array.from(values, (given) => {
    const value = given instanceof PyFloat ? given.value : given;
    if (typeof value !== "bigint" && typeof value !== "number") {
      throw new TypeError("Cannot get the number: Python has put something else in its place");
    }
    const whole = typeof value === "bigint" || !isBig ? value : Math.trunc(value);
    return (isBig ? BigInt(whole) : Number(whole)) as NumberOf<K>;
  });
  return numbersOf(kind, numbers);
}

function numbersOf<K extends NumberKind>(
  kind: K,
  values: readonly NumberOf<K>[],
): NumberOf<K>[] {
  const home = new NumbersHome("the numbers", kind, values.length);
  home.setAll(values, 0);
  return home.slice();
}

const steps = {
  add: lacks("add", HOLD),
  exchange: lacks("exchange", HOLD),
};

/** A number. To Python it is any object: what it is, is known here alone. */
export function valueSeat(kind: NumberKind): PythonSeat {
  return {
    methods: {
      ...steps,
      get: async ({ call }) => fromPython(kind, [await call("get")])[0],
      set: async ({ call }, _index: number, value: NumberOf<typeof kind>) => {
        await call("set", toPython(kind, [value]));
      },
    },
  };
}

/** Several numbers. */
export function arraySeat(kind: NumberKind, length: number): PythonSeat {
  const check = (index: number) => {
    if (Number.isInteger(index) && index >= -length && index < length) return index;
    throw new RangeError(`Cannot use index ${index}: the array holds ${length} numbers`);
  };
  const absent = () => {
    throw new RangeError("Cannot use the index: the array was made shorter in Python");
  };
  return {
    methods: {
      ...steps,
      get: async ({ call }, index: number) => {
        const value = await mapping(call("__getitem__", [check(index)]), "IndexError", absent);
        return fromPython(kind, [value])[0];
      },
      set: async ({ call }, index: number, value: NumberOf<typeof kind>) => {
        const [number] = toPython(kind, [value]);
        await mapping(call("__setitem__", [check(index), number]), "IndexError", absent);
      },
      slice: async ({ call }, start?: number, end?: number) => {
        return fromPython(kind, await call("__getitem__", [sliceOf(start, end)]) as unknown[]);
      },
      setAll: async ({ call }, values: NumberOf<typeof kind>[], start: number) => {
        if (values.length === 0) return;
        const given = check(start);
        const first = given < 0 ? given + length : given;
        const end = first + values.length;
        // Python would make the array longer.
        if (end > length) {
          throw new RangeError(
            `Cannot write ${values.length} numbers from index ${first}: the array holds ${length}`,
          );
        }
        const numbers = new PyObject(ARRAY, [
          letterOf(kind, "write numbers"),
          toPython(kind, values),
        ]);
        await call("__setitem__", [sliceOf(first, end), numbers]);
      },
    },
  };
}

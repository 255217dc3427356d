import type { NumbersHome } from "../ipc/_numbers_home.ts";
import type { NumberKind, NumberOf } from "../ipc/number_kind.ts";
import { numberOf, typeError, typeName } from "./_python_arguments.ts";
import { PythonError } from "./python_errors.ts";
import { PyFloat } from "./python_types.ts";

/** The numbers of a shared `Value` or `SharedArray`, as Python has them. */

/** The home of numbers of some kind. */
export type AnyNumbersHome = NumbersHome<NumberKind>;

/** Python's type codes, and the least and the most that there is of whole numbers. */
const KINDS: Readonly<Record<NumberKind, readonly [code: string, least?: bigint, most?: bigint]>> =
  {
    int8: ["b", -(2n ** 7n), 2n ** 7n - 1n],
    uint8: ["B", 0n, 2n ** 8n - 1n],
    uint8Clamped: ["B", 0n, 2n ** 8n - 1n],
    int16: ["h", -(2n ** 15n), 2n ** 15n - 1n],
    uint16: ["H", 0n, 2n ** 16n - 1n],
    int32: ["i", -(2n ** 31n), 2n ** 31n - 1n],
    uint32: ["I", 0n, 2n ** 32n - 1n],
    float32: ["f"],
    float64: ["d"],
    bigInt64: ["q", -(2n ** 63n), 2n ** 63n - 1n],
    bigUint64: ["Q", 0n, 2n ** 64n - 1n],
  };

/** The type code of a kind of numbers. */
export function codeOf(kind: NumberKind): string {
  return KINDS[kind][0];
}

/** A number as Python gets it: a float stays one when it is whole. */
export function toPython(kind: NumberKind, number: NumberOf<NumberKind>): unknown {
  return KINDS[kind].length === 1 ? new PyFloat(Number(number)) : number;
}

/** The number that a Python one is for a kind, which it must fit. */
export function fromPython(kind: NumberKind, value: unknown): NumberOf<NumberKind> {
  const [, least, most] = KINDS[kind];
  const number = numberOf(value);
  if (least === undefined || most === undefined) {
    if (number !== undefined) return number;
    throw typeError(`must be real number, not ${typeName(value)}`);
  }
  if (number === undefined || value instanceof PyFloat || !Number.isInteger(number)) {
    throw typeError(`'${typeName(value)}' object cannot be interpreted as an integer`);
  }
  const exact = typeof value === "bigint" ? value : BigInt(number);
  if (exact < least || exact > most) {
    throw new PythonError("OverflowError", [`${exact} is not between ${least} and ${most}`]);
  }
  return kind === "bigInt64" || kind === "bigUint64" ? exact : Number(exact);
}

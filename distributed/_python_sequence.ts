import { numberOf, typeError, typeName } from "./_python_arguments.ts";
import { PythonError } from "./python_errors.ts";
import { PyGlobal, PyObject } from "./python_types.ts";

/** Places in a Python sequence: numbers from either end, and slices. */

/** The whole number that an argument is. */
export function integerOf(value: unknown, text?: string): number {
  const number =
    typeof value === "number" || typeof value === "bigint" || typeof value === "boolean"
      ? numberOf(value)
      : undefined;
  if (number === undefined || !Number.isInteger(number)) {
    throw typeError(text ?? `'${typeName(value)}' object cannot be interpreted as an integer`);
  }
  return number;
}

/** The place of one element. */
export function indexOf(value: unknown, length: number, kind: string, text: string): number {
  const index = integerOf(
    value,
    `${kind} indices must be integers or slices, not ${typeName(value)}`,
  );
  const at = index < 0 ? index + length : index;
  if (at < 0 || at >= length) throw new PythonError("IndexError", [text]);
  return at;
}

/** Whether it is `a:b` or `a:b:c`. */
export function isSlice(value: unknown): value is PyObject {
  return value instanceof PyObject && value.callable instanceof PyGlobal &&
    value.callable.module === "builtins" && value.callable.name === "slice";
}

/** The places that a slice takes, and its step. */
export function placesOf(slice: PyObject, length: number): { places: number[]; step: number } {
  const [start, stop, step] = slice.args.map((part) => part === null ? undefined : integerOf(part));
  const by = step ?? 1;
  if (by === 0) throw new PythonError("ValueError", ["slice step cannot be zero"]);
  const [least, most] = by > 0 ? [0, length] : [-1, length - 1];
  const clamp = (place: number | undefined, otherwise: number) => {
    if (place === undefined) return otherwise;
    return Math.min(Math.max(place < 0 ? place + length : place, least), most);
  };
  const from = clamp(start, by > 0 ? least : most);
  const to = clamp(stop, by > 0 ? most : least);
  const places: number[] = [];
  for (let at = from; by > 0 ? at < to : at > to; at += by) places.push(at);
  return { places, step: by };
}

/** Where a slice without a step begins and ends. */
export function rangeOf(slice: PyObject, length: number): [from: number, to: number] {
  const [start, stop] = slice.args.map((part) => part === null ? undefined : integerOf(part));
  const clamp = (place: number | undefined, otherwise: number) =>
    place === undefined
      ? otherwise
      : Math.min(Math.max(place < 0 ? place + length : place, 0), length);
  const from = clamp(start, 0);
  return [from, Math.max(from, clamp(stop, length))];
}

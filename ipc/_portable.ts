/**
 * Objects that cross to another process as a reference: what crosses is a small piece of plain data,
 * and the class on the other side makes an object of it that stands for the same thing (the counterpart of
 * Python's `__reduce__`).
 */

/** The method by which an object says what crosses in its place. */
export const TO_WIRE: unique symbol = Symbol.for("@manyhands/concurrency to wire");

/** What crosses in place of an object. */
export interface WireForm {
  /** The name under which {@linkcode registerPortable} knows the class. */
  readonly type: string;
  /** Plain data. */
  readonly data: unknown;
}

/** An object that crosses as a reference. */
export interface Portable {
  [TO_WIRE](): WireForm;
}

const readers = new Map<string, (data: unknown) => unknown>();

/** Tells how an object is made of what crossed. */
export function registerPortable(type: string, fromWire: (data: unknown) => unknown): void {
  readers.set(type, fromWire);
}

/** Whether a value crosses as a reference. */
export function isPortable(value: object): value is Portable {
  return typeof (value as Partial<Portable>)[TO_WIRE] === "function";
}

/** Makes the object of what crossed. */
export function fromWire({ type, data }: WireForm): unknown {
  const reader = readers.get(type);
  if (reader === undefined) {
    throw new TypeError(`Cannot receive an object of type "${type}": it is not known here`);
  }
  return reader(data);
}

import { findByClass } from "../coroutine/_lending.ts";
import { references, type WireForm } from "./_for_threads.ts";
import { currentTable, writeOwn } from "./_reference.ts";

export type { WireForm };

/**
 * Objects that cross to another process as a reference: what crosses is a small piece of plain data,
 * and the class on the other side makes an object of it that stands for the same thing (the counterpart of
 * Python's `__reduce__`).
 */

const writers = new WeakMap<object, { type: string; toWire: (object: never) => unknown }>();
const readers = new Map<string, (data: unknown) => unknown>();

/**
 * Tells how objects of a class cross.
 *
 * @param portable The class.
 * @param type The name under which both sides know it.
 * @param toWire Says what crosses in place of an object: plain data.
 * @param fromWire Makes an object of what crossed.
 */
export function setPortable<T extends object>(
  // deno-lint-ignore no-explicit-any -- the constructor is never called
  portable: abstract new (...args: any[]) => T,
  type: string,
  toWire: (object: T) => unknown,
  fromWire: (data: unknown) => T,
): void {
  writers.set(portable.prototype, { type, toWire });
  readers.set(type, fromWire);
}

/** Whether a value crosses as a reference. */
export function isPortable(value: object): boolean {
  return findByClass(writers, value) !== undefined;
}

/** The name of the class of an object that crosses as a reference; `undefined` for what is copied. */
export function portableType(value: object): string | undefined {
  return findByClass(writers, value)?.type;
}

/** What crosses in place of an object, when its class crosses as a reference. */
export function toWire(value: object): WireForm | undefined {
  const writer = findByClass(writers, value);
  if (writer === undefined) return writeKnown(value);
  return { type: writer.type, data: (writer.toWire as (object: object) => unknown)(value) };
}

/** An object of this process that the other side already has, or has stored here: a proxy of it. */
function writeKnown(value: object): WireForm | undefined {
  const table = currentTable();
  const loan = table?.loanOf(value);
  if (loan === undefined) return undefined;
  const methods = Object.keys(loan.seat().methods);
  return { type: "ipc.Proxy", data: { ...writeOwn(table!.nameOf(value, value)), methods } };
}

/** Whether the class of what crossed is loaded here. */
export function canRead({ type }: WireForm): boolean {
  return readers.has(type);
}

/** Makes the object of what crossed. */
export function fromWire({ type, data }: WireForm): unknown {
  const reader = readers.get(type);
  if (reader === undefined) {
    throw new TypeError(`Cannot receive an object of type "${type}": it is not known here`);
  }
  return reader(data);
}

Object.assign(references, { canRead, fromWire, toWire });

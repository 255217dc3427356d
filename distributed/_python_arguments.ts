import { toNativeName } from "./_python_names.ts";
import { PythonError } from "./python_errors.ts";
import { PyFloat, PyTuple } from "./python_types.ts";

/** The arguments of a call as Python sends them. */
export interface PythonArguments {
  readonly args: readonly unknown[];
  /** Those that are passed by name. */
  readonly kwds: Readonly<Record<string, unknown>>;
}

const NONE: Readonly<Record<string, unknown>> = Object.freeze({});

/** Reads the third and the fourth part of a request. */
export function readArguments(args: unknown, kwds: unknown): PythonArguments {
  if (!Array.isArray(args)) {
    throw new PythonError("TypeError", ["argument after * must be an iterable"]);
  }
  if (kwds instanceof Map) {
    for (const key of kwds.keys()) {
      if (typeof key !== "string") throw new PythonError("TypeError", ["keywords must be strings"]);
    }
    return { args, kwds: kwds.size === 0 ? NONE : Object.fromEntries(kwds) };
  }
  if (typeof kwds !== "object" || kwds === null || Array.isArray(kwds)) {
    throw new PythonError("TypeError", ["argument after ** must be a mapping"]);
  }
  return { args, kwds: kwds as Record<string, unknown> };
}

/** The parameters of a method, as Python declares them. */
export interface Signature {
  /** How the method is called in texts of errors: `"Queue.get"`. */
  readonly name: string;
  readonly parameters: readonly string[];
  /** How many of them must be given. */
  readonly required: number;
}

/**
 * Gives each parameter its argument, as Python does; those that were left out are `undefined`.
 *
 * @throws {PythonError} A `TypeError`, in Python's words.
 */
export function bind(signature: Signature, { args, kwds }: PythonArguments): unknown[] {
  const { name, parameters, required } = signature;
  const most = parameters.length;
  if (args.length > most) {
    const takes = required === most ? `${most + 1}` : `from ${required + 1} to ${most + 1}`;
    const plural = most === 0 ? "" : "s";
    throw typeError(
      `${name}() takes ${takes} positional argument${plural} but ${args.length + 1} were given`,
    );
  }
  const bound: unknown[] = parameters.map((_, i) => args[i]);
  const given = parameters.map((_, i) => i < args.length);
  for (const key of Object.keys(kwds)) {
    const i = parameters.indexOf(key);
    if (i === -1) throw typeError(`${name}() got an unexpected keyword argument '${key}'`);
    if (given[i]) throw typeError(`${name}() got multiple values for argument '${key}'`);
    given[i] = true;
    bound[i] = kwds[key];
  }
  const missing = parameters.filter((_, i) => i < required && !given[i]).map((key) => `'${key}'`);
  if (missing.length > 0) {
    const plural = missing.length === 1 ? "" : "s";
    const list = missing.length < 3
      ? missing.join(" and ")
      : `${missing.slice(0, -1).join(", ")}, and ${missing.at(-1)}`;
    throw typeError(
      `${name}() missing ${missing.length} required positional argument${plural}: ${list}`,
    );
  }
  return bound;
}

/** The arguments for a function of the user's: those by name are a last one, with names in our case. */
export function spread({ args, kwds }: PythonArguments): unknown[] {
  const entries = Object.entries(kwds);
  if (entries.length === 0) return [...args];
  return [...args, Object.fromEntries(entries.map(([key, value]) => [toNativeName(key), value]))];
}

/** Python's seconds, `None` for no limit, as milliseconds. */
export function millisecondsOf(timeout: unknown): number | undefined {
  if (timeout === undefined || timeout === null) return undefined;
  const seconds = numberOf(timeout);
  if (seconds === undefined) {
    throw typeError(`unsupported operand type(s) for +: 'float' and '${typeName(timeout)}'`);
  }
  return seconds * 1000;
}

/** A Python number as a number; `undefined` for what is none. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint" || typeof value === "boolean") return Number(value);
  return value instanceof PyFloat ? value.value : undefined;
}

/** Whether Python takes the value for true. */
export function isTrue(value: unknown): boolean {
  if (value instanceof PyFloat) return value.value !== 0;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length > 0;
  if (value instanceof Map || value instanceof Set) return value.size > 0;
  if (typeof value === "number") return value !== 0;
  if (typeof value === "object" && value !== null) {
    return Object.getPrototypeOf(value) !== Object.prototype || Object.keys(value).length > 0;
  }
  return Boolean(value);
}

/** What Python calls the type of a value. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return "NoneType";
  switch (typeof value) {
    case "string":
      return "str";
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return Number.isInteger(value) ? "int" : "float";
  }
  if (value instanceof PyFloat) return "float";
  if (value instanceof PyTuple) return "tuple";
  if (Array.isArray(value)) return "list";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof Set) return "set";
  if (value instanceof Map || Object.getPrototypeOf(value) === Object.prototype) return "dict";
  return value.constructor?.name ?? "object";
}

/** A `TypeError` of Python's. */
export function typeError(text: string): PythonError {
  return new PythonError("TypeError", [text]);
}

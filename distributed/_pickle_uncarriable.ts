import { ProxyReference, Token } from "./_pickle_types.ts";
import {
  PyByteArray,
  PyDateTime,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyObject,
  PyTuple,
} from "./python_types.ts";

/** What is shown of a long path. */
const LONGEST_PATH = 12;

/** Something that has no counterpart in Python. The path to it grows on the way up. */
export class Uncarriable extends Error {
  /** The steps from the inside out. */
  readonly #path: (string | number)[] | undefined = [];

  constructor(what: string, path: [] | undefined = []) {
    super(what);
    this.#path = path;
  }

  /** Something that has a name of its own. */
  static named(what: string): Uncarriable {
    return new Uncarriable(what);
  }

  /** A function, a symbol, or an object of a class without a counterpart. */
  static of(value: unknown): Uncarriable {
    if (typeof value === "symbol") return new Uncarriable("a symbol");
    if (typeof value === "function") {
      return new Uncarriable(value.name === "" ? "a function" : `function ${value.name}`);
    }
    return new Uncarriable(`an object of class ${classNameOf(value as object)}`);
  }

  /** Something that cannot be a key, nor an element of a set. */
  static asKey(value: unknown): Uncarriable {
    if (Array.isArray(value) && value instanceof PyTuple) {
      return new Uncarriable("a tuple that holds a list as a key or element of a set");
    }
    const kind = Array.isArray(value) ? "Array" : classNameOf(value as object);
    return new Uncarriable(`an object of class ${kind} as a key or element of a set`);
  }

  /** Data that is nested too deeply: its path would tell nothing. */
  static tooDeep(maxDepth: number): Uncarriable {
    return new Uncarriable(`data that is nested deeper than ${maxDepth}`, undefined);
  }

  /** Notes a step of the way to it, of which the caller throws on what it answers. */
  static at(error: unknown, step: string | number): unknown {
    if (error instanceof Uncarriable) error.#path?.push(step);
    return error;
  }

  /** What the user sees. */
  explain(): TypeError {
    const action = `Cannot carry ${this.message} to Python`;
    if (this.#path === undefined) return new TypeError(action);
    const steps = this.#path.toReversed().map((step) => {
      if (/^\d+$/.test(String(step))) return `[${step}]`;
      if (step === "(key)" || step === "(entry)") return `.${step}`;
      return /^[\p{L}_$][\p{L}\d_$]*$/u.test(String(step))
        ? `.${step}`
        : `[${JSON.stringify(step)}]`;
    });
    if (steps.length > LONGEST_PATH) steps.splice(LONGEST_PATH, Infinity, "...");
    return new TypeError(`${action}: found at value${steps.join("")}`);
  }
}

function classNameOf(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "" ? name : "(without a name)";
}

/** Deeper tuples are left to Python. */
const DEEPEST = 100;

/** Whether Python takes it as a key. */
export function isHashable(value: unknown, depth = 0): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (value instanceof PyTuple) {
    return depth > DEEPEST || value.every((item) => isHashable(item, depth + 1));
  }
  if (value instanceof Uint8Array) return !(value instanceof PyByteArray);
  return value instanceof PyFrozenSet || value instanceof PyFloat || value instanceof PyGlobal ||
    value instanceof PyObject || value instanceof PyDateTime || value instanceof Date ||
    value instanceof Error || value instanceof ArrayBuffer || value instanceof Token ||
    value instanceof ProxyReference;
}

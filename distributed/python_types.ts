/**
 * What Python has and JavaScript has not: tuples, floats that are whole numbers, objects of Python's
 * classes.
 *
 * @module
 */

import { setPortable } from "../ipc/_portable.ts";

/**
 * A Python tuple. An array is a list there: where Python needs a tuple, as an element of a set, as the key
 * of a dictionary or as an address, this is what to send.
 *
 * - It is an array with another name; what its methods make of it (`map`, `slice`) are plain arrays.
 * - As a key of a `Map` it is compared by identity, as every object is.
 *
 * @typeParam T What it holds.
 *
 * @example An address as Python writes it
 * ```ts
 * import { PyTuple } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const address = new PyTuple<string | number>("127.0.0.1", 5000);
 * assertEquals([...address], ["127.0.0.1", 5000]);
 * assertEquals(new PyTuple(3).length, 1);
 * ```
 */
export class PyTuple<T = unknown> extends Array<T> {
  /** What `map` and `slice` make: plain arrays. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /**
   * Makes a tuple.
   *
   * @param items Its elements. A single number is an element too, and no length.
   */
  constructor(...items: T[]) {
    super();
    // `push` on what is not quite an array costs twenty times as much.
    for (let i = 0; i < items.length; i++) this[i] = items[i]!;
  }
}

/**
 * A Python float whose value may be a whole number. A JavaScript number that is a whole number goes out as
 * a Python int: `new PyFloat(1)` goes out as `1.0`.
 *
 * A manager with `python: { floats: "exact" }` has it for such floats of Python's. To clients and processes of this
 * package it goes as a `PyFloat` as well; they must have loaded this class, and inside of a `Map` or a `Set` it is refused.
 *
 * @example One, as a float
 * ```ts
 * import { PyFloat } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const one = new PyFloat(1);
 * assertEquals(one.value, 1);
 * assertEquals(Number(one), 1);
 * ```
 */
export class PyFloat {
  static {
    // As text: JSON has no NaN, no infinity and no -0.
    setPortable(
      PyFloat,
      "distributed.PyFloat",
      ({ value }) => Object.is(value, -0) ? "-0" : String(value),
      (data) => new PyFloat(Number(data)),
    );
  }

  /** The number. */
  readonly value: number;

  /**
   * Wraps a number.
   *
   * @param value The number.
   */
  constructor(value: number) {
    this.value = value;
  }

  /**
   * The number, for arithmetic and comparisons.
   *
   * @returns The number.
   */
  valueOf(): number {
    return this.value;
  }
}

/**
 * A Python `bytearray`. A plain `Uint8Array` goes out as `bytes`.
 *
 * @example Bytes that Python may change
 * ```ts
 * import { PyByteArray } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new PyByteArray([1, 2]).length, 2);
 * ```
 */
export class PyByteArray extends Uint8Array {
  /** What `slice` and `subarray` make: plain byte arrays. */
  static get [Symbol.species](): Uint8ArrayConstructor {
    return Uint8Array;
  }

  /**
   * Copies bytes.
   *
   * @param bytes The bytes.
   */
  constructor(bytes: Iterable<number> = []) {
    super(bytes);
  }
}

/**
 * A Python `frozenset`. A plain `Set` goes out as `set`, which cannot be an element of a set, nor a key.
 *
 * @typeParam T What it holds.
 *
 * @example A set of sets
 * ```ts
 * import { PyFrozenSet } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const sets = new Set([new PyFrozenSet([1, 2]), new PyFrozenSet([3])]);
 * assertEquals(sets.size, 2);
 * ```
 */
export class PyFrozenSet<T = unknown> extends Set<T> {}

/**
 * A name in a Python module: a class or a function there, nothing that could be called here.
 *
 * @example A function for a pool of Python's
 * ```ts
 * import { PyGlobal } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const sqrt = new PyGlobal("math", "sqrt");
 * assertEquals(String(sqrt), "math.sqrt");
 * ```
 */
export class PyGlobal {
  /** The module: `"collections"`. */
  readonly module: string;
  /** The name in it: `"OrderedDict"`. */
  readonly name: string;

  /**
   * Names something.
   *
   * @param module The module.
   * @param name The name in it.
   */
  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
    Object.freeze(this);
  }

  /**
   * The full name.
   *
   * @returns Module and name, with a dot between them.
   */
  toString(): string {
    return `${this.module}.${this.name}`;
  }
}

/** Options for {@linkcode PyObject}. */
export interface PyObjectOptions {
  /**
   * Makes the object by `__new__` of the class alone, without `__init__`.
   *
   * @default {false}
   */
  bare?: boolean | undefined;
  /**
   * Arguments that are passed by name.
   *
   * @default {undefined}
   */
  kwargs?: ReadonlyMap<unknown, unknown> | undefined;
  /**
   * What the object is given after it was made: mostly a `Map` of its attributes.
   *
   * @default {undefined}
   */
  state?: unknown;
  /**
   * What is appended to it after it was made.
   *
   * @default {undefined}
   */
  listItems?: readonly unknown[] | undefined;
  /**
   * What is set in it by key after it was made.
   *
   * @default {undefined}
   */
  dictItems?: ReadonlyMap<unknown, unknown> | undefined;
}

/**
 * An object of a Python class that has no counterpart here: how Python makes it, as data. Nothing is called
 * here; sent to Python it is made there.
 *
 * @example A decimal number
 * ```ts
 * import { PyGlobal, PyObject } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const price = new PyObject(new PyGlobal("decimal", "Decimal"), ["19.99"]);
 * assertEquals(price.args[0], "19.99");
 * ```
 */
export class PyObject {
  /** The class, or the function, that makes it. */
  readonly callable: PyGlobal | PyObject;
  /** The arguments with which it is made. */
  readonly args: readonly unknown[];
  /** The arguments that are passed by name. */
  readonly kwargs: ReadonlyMap<unknown, unknown> | undefined;
  /** Whether it is made by `__new__` of its class alone. */
  readonly bare: boolean;
  /** What it is given after it was made, `undefined` for nothing. */
  readonly state: unknown;
  /** What is appended to it after it was made. */
  readonly listItems: readonly unknown[] | undefined;
  /** What is set in it by key after it was made. */
  readonly dictItems: ReadonlyMap<unknown, unknown> | undefined;

  /**
   * Describes an object.
   *
   * @param callable The class, or the function, that makes it.
   * @param args Its arguments.
   * @param options What else belongs to it.
   */
  constructor(
    callable: PyGlobal | PyObject,
    args: readonly unknown[] = [],
    options: PyObjectOptions = {},
  ) {
    this.callable = callable;
    this.args = args;
    this.bare = options.bare ?? false;
    this.kwargs = options.kwargs;
    this.state = options.state;
    this.listItems = options.listItems;
    this.dictItems = options.dictItems;
  }
}

/**
 * A dictionary of a class of its own: an `OrderedDict`, a `defaultdict`, a `Counter`.
 *
 * @typeParam K The keys.
 * @typeParam V The values.
 *
 * @example An ordered dictionary
 * ```ts
 * import { PyGlobal, PyMap, PyObject } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const ordered = new PyMap(new PyObject(new PyGlobal("collections", "OrderedDict")));
 * ordered.set("a", 1);
 * assertEquals([...ordered], [["a", 1]]);
 * ```
 */
export class PyMap<K = unknown, V = unknown> extends Map<K, V> {
  /** How Python makes it empty. */
  readonly python: PyObject;

  /**
   * Makes an empty one.
   *
   * @param python How Python makes it empty.
   */
  constructor(python: PyObject) {
    super();
    this.python = python;
  }
}

/**
 * A sequence of a class of its own: a `deque`, or what is left of an iterator.
 *
 * @typeParam T What it holds.
 *
 * @example A deque
 * ```ts
 * import { PyGlobal, PyList, PyObject } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const deque = new PyList(new PyObject(new PyGlobal("collections", "deque")));
 * deque.push("a");
 * assertEquals(deque.length, 1);
 * ```
 */
export class PyList<T = unknown> extends Array<T> {
  /** How Python makes it empty. */
  readonly python: PyObject;

  /** What `map` and `slice` make: plain arrays. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /**
   * Makes an empty one.
   *
   * @param python How Python makes it empty.
   */
  constructor(python: PyObject) {
    super();
    this.python = python;
    Object.defineProperty(this, "python", { enumerable: false });
  }
}

/**
 * A Python `datetime`. One without a time zone is taken as local time, as Python's `timestamp()` does. It
 * goes back as exactly what it was, with its microseconds and its zone, unless it was changed here.
 *
 * A plain `Date` goes out as a `datetime` in UTC.
 *
 * @example The microseconds stay with it
 * ```ts
 * import { PyDateTime, PyGlobal, PyObject } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * // 2026-11-21 08:30:00.000123, without a zone.
 * const bytes = new Uint8Array([7, 234, 11, 21, 8, 30, 0, 0, 0, 123]);
 * const python = new PyObject(new PyGlobal("datetime", "datetime"), [bytes]);
 * const when = new PyDateTime(new Date(2026, 10, 21, 8, 30).getTime(), python);
 * assertEquals(when.getMinutes(), 30);
 * ```
 */
export class PyDateTime extends Date {
  /** How Python makes it. */
  readonly python: PyObject;

  /**
   * Makes one.
   *
   * @param time The time, in milliseconds since 1970 in UTC.
   * @param python How Python makes it.
   */
  constructor(time: number, python: PyObject) {
    super(time);
    this.python = python;
  }
}

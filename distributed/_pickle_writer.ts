import { isIterator, timeOf } from "./_pickle_build.ts";
import { exceptionObject } from "./_pickle_errors.ts";
import * as op from "./_pickle_opcodes.ts";
import { PickleOutput } from "./_pickle_output.ts";
import { ProxyReference, Token } from "./_pickle_types.ts";
import { isHashable, Uncarriable } from "./_pickle_uncarriable.ts";
import {
  PyByteArray,
  PyDateTime,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyList,
  PyMap,
  PyObject,
  PyTuple,
} from "./python_types.ts";

/** Options for {@linkcode PickleWriter}. */
export interface PickleWriterOptions {
  /**
   * Tells what is written in place of an object, or of a function: something else, or `undefined` for
   * the object itself. It is asked for all but arrays, maps, sets and bytes.
   *
   * @default {undefined}
   */
  replace?: ((value: object) => unknown) | undefined;
  /**
   * The deepest nesting.
   *
   * @default {1000}
   */
  maxDepth?: number | undefined;
}

/**
 * Writes pickles of protocol 4.
 *
 * - A number that is a safe integer goes out as an int, every other number as a float; a bigint is an int.
 * - What is met twice is written once: shared and circular data arrives as it was.
 * - `undefined` and holes go out as `None`.
 */
export class PickleWriter {
  readonly #replace: ((value: object) => unknown) | undefined;
  readonly #maxDepth: number;
  #idle: PickleOutput | undefined = new PickleOutput();

  constructor(options: PickleWriterOptions = {}) {
    this.#replace = options.replace;
    this.#maxDepth = options.maxDepth ?? 1000;
  }

  /**
   * Writes one value.
   *
   * @returns The bytes, which nobody else uses. Their buffer may hold other messages too.
   * @throws {TypeError} When it holds something that has no counterpart in Python; the text names the path
   *   to it.
   */
  write(value: unknown): Uint8Array<ArrayBuffer> {
    // `replace` may write another message meanwhile.
    const output = this.#idle ?? new PickleOutput();
    this.#idle = undefined;
    output.begin();
    let done = false;
    try {
      new Writing(output, this.#replace, this.#maxDepth).write(value, 0);
      done = true;
    } catch (error) {
      throw error instanceof Uncarriable ? error.explain() : error;
    } finally {
      this.#idle = output;
      if (!done) output.abandon();
    }
    return output.end();
  }
}

const DATETIME = new PyGlobal("datetime", "datetime");
const TIMEDELTA = new PyObject(new PyGlobal("datetime", "timedelta"), [0, 0, 0]);
const UTC = new PyObject(new PyGlobal("datetime", "timezone"), [TIMEDELTA]);
const MANAGERS = "multiprocessing.managers";
const TOKEN = new PyGlobal(MANAGERS, "Token");
const REBUILD_PROXY = new PyGlobal(MANAGERS, "RebuildProxy");
const ARRAY = new PyGlobal("array", "array");
const BYTEARRAY = new PyGlobal("builtins", "bytearray");

/** The type codes that have the same size on every machine. */
const TYPE_CODES: ReadonlyMap<string, string> = new Map([
  ["Int8Array", "b"],
  ["Uint8ClampedArray", "B"],
  ["Int16Array", "h"],
  ["Uint16Array", "H"],
  ["Int32Array", "i"],
  ["Uint32Array", "I"],
  ["BigInt64Array", "q"],
  ["BigUint64Array", "Q"],
  ["Float32Array", "f"],
  ["Float64Array", "d"],
]);

/** One message that is being written. */
class Writing {
  readonly #out: PickleOutput;
  readonly #replace: ((value: object) => unknown) | undefined;
  readonly #maxDepth: number;

  constructor(
    out: PickleOutput,
    replace: ((value: object) => unknown) | undefined,
    maxDepth: number,
  ) {
    this.#out = out;
    this.#replace = replace;
    this.#maxDepth = maxDepth;
  }

  write(value: unknown, depth: number): void {
    const out = this.#out;
    switch (typeof value) {
      case "string":
        out.text(value);
        return;
      case "number":
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) out.integer(value);
        else out.float(value);
        return;
      case "boolean":
        out.byte(value ? op.NEWTRUE : op.NEWFALSE);
        return;
      case "undefined":
        out.byte(op.NONE);
        return;
      case "bigint":
        out.bigint(value);
        return;
      case "object":
        if (value === null) out.byte(op.NONE);
        else if (!out.get(value)) this.#object(value, depth + 1);
        return;
      default:
        this.#other(value as object, depth + 1);
    }
  }

  #object(value: object, depth: number): void {
    if (depth > this.#maxDepth) throw Uncarriable.tooDeep(this.#maxDepth);
    switch (Object.getPrototypeOf(value)) {
      case Array.prototype:
        return this.#list(value as unknown[], depth);
      case PyTuple.prototype:
        return this.#tuple(value, value as unknown[], depth);
      case Map.prototype:
        this.#out.byte(op.EMPTY_DICT);
        this.#out.memoize(value);
        return this.#entries(value as Map<unknown, unknown>, depth);
      case Set.prototype:
        return this.#set(value as Set<unknown>, depth);
      case Uint8Array.prototype:
        this.#out.bytes(value as Uint8Array);
        return this.#out.memoize(value);
      case Object.prototype:
      case null:
        if (this.#replaced(value, depth)) return;
        return this.#fields(value as Record<string, unknown>, depth);
      default:
        return this.#other(value, depth);
    }
  }

  /** Writes what stands for an object, if something does. */
  #replaced(value: object, depth: number): boolean {
    const other = this.#replace?.(value);
    if (other === undefined || other === value) return false;
    // Not asked again for what it gave: it may be of the same kind.
    if (typeof other === "object" && other !== null && !this.#out.get(other)) {
      if (depth > this.#maxDepth) throw Uncarriable.tooDeep(this.#maxDepth);
      this.#known(other, depth);
    } else if (typeof other !== "object" || other === null) {
      this.write(other, depth);
    }
    return true;
  }

  #other(value: object, depth: number): void {
    if (this.#replaced(value, depth)) return;
    if (typeof value !== "object") throw Uncarriable.of(value);
    this.#known(value, depth);
  }

  /** Writes an object of a class that has a counterpart. */
  #known(value: object, depth: number): void {
    const out = this.#out;
    if (value instanceof PyFloat) return out.float(value.value);
    if (value instanceof PyGlobal) return out.global(value);
    if (value instanceof PyObject) return this.#described(value, value, depth);
    if (value instanceof PyTuple) return this.#tuple(value, value, depth);
    if (value instanceof PyList) return this.#pyList(value, depth);
    if (value instanceof PyMap) return this.#pyMap(value, depth);
    if (value instanceof PyFrozenSet) return this.#frozenSet(value, depth);
    if (value instanceof Error) return this.#described(value, exceptionObject(value), depth);
    if (value instanceof Date) return this.#date(value, depth);
    if (value instanceof Token) return this.#token(value, depth);
    if (value instanceof ProxyReference) return this.#proxy(value, depth);
    if (Array.isArray(value)) return this.#list(value, depth);
    if (value instanceof Map) {
      out.byte(op.EMPTY_DICT);
      out.memoize(value);
      return this.#entries(value, depth);
    }
    if (value instanceof Set) return this.#set(value, depth);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return this.#view(value, depth);
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) {
      return this.#fields(value as Record<string, unknown>, depth);
    }
    throw Uncarriable.of(value);
  }

  #list(list: readonly unknown[], depth: number): void {
    this.#out.byte(op.EMPTY_LIST);
    this.#out.memoize(list);
    this.#items(list, depth);
  }

  /** Appends to what was written last. */
  #items(list: readonly unknown[], depth: number): void {
    const { length } = list;
    if (length === 0) return;
    if (length > 1) this.#out.byte(op.MARK);
    let i = 0;
    try {
      for (; i < length; i++) this.write(list[i], depth);
    } catch (error) {
      throw Uncarriable.at(error, i);
    }
    this.#out.byte(length > 1 ? op.APPENDS : op.APPEND);
  }

  #tuple(identity: object | undefined, items: readonly unknown[], depth: number): void {
    const out = this.#out;
    const { length } = items;
    if (length === 0) return out.byte(op.EMPTY_TUPLE);
    if (length > 3) out.byte(op.MARK);
    let i = 0;
    try {
      for (; i < length; i++) this.write(items[i], depth);
    } catch (error) {
      throw Uncarriable.at(error, i);
    }
    // It was written meanwhile, as an element of one of its elements.
    if (identity !== undefined && out.place(identity) !== undefined) {
      if (length > 3) out.byte(op.POP_MARK);
      else for (i = 0; i < length; i++) out.byte(op.POP);
      out.get(identity);
      return;
    }
    out.byte(
      length === 1 ? op.TUPLE1 : length === 2 ? op.TUPLE2 : length === 3 ? op.TUPLE3 : op.TUPLE,
    );
    if (identity !== undefined) out.memoize(identity);
  }

  #fields(object: Readonly<Record<string, unknown>>, depth: number): void {
    const out = this.#out;
    out.byte(op.EMPTY_DICT);
    out.memoize(object);
    const keys = Object.keys(object);
    const { length } = keys;
    if (length === 0) return;
    if (length > 1) out.byte(op.MARK);
    out.countDict();
    let i = 0;
    try {
      for (; i < length; i++) {
        out.key(keys[i]!);
        this.write(object[keys[i]!], depth);
      }
    } catch (error) {
      throw Uncarriable.at(error, keys[i]!);
    }
    out.byte(length > 1 ? op.SETITEMS : op.SETITEM);
  }

  /** Sets items of what was written last. */
  #entries(map: ReadonlyMap<unknown, unknown>, depth: number): void {
    const out = this.#out;
    if (map.size === 0) return;
    out.byte(op.MARK);
    out.countDict();
    for (const [key, value] of map) {
      try {
        if (typeof key === "string") {
          out.key(key);
        } else {
          if (!isHashable(key)) throw Uncarriable.asKey(key);
          this.write(key, depth);
        }
      } catch (error) {
        throw Uncarriable.at(error, "(key)");
      }
      try {
        this.write(value, depth);
      } catch (error) {
        throw Uncarriable.at(error, typeof key === "object" ? "(entry)" : String(key));
      }
    }
    out.byte(op.SETITEMS);
  }

  #set(set: ReadonlySet<unknown>, depth: number): void {
    const out = this.#out;
    out.byte(op.EMPTY_SET);
    out.memoize(set);
    if (set.size === 0) return;
    out.byte(op.MARK);
    this.#elements(set, depth);
    out.byte(op.ADDITEMS);
  }

  #frozenSet(set: ReadonlySet<unknown>, depth: number): void {
    const out = this.#out;
    out.byte(op.MARK);
    this.#elements(set, depth);
    if (out.place(set) !== undefined) {
      out.byte(op.POP_MARK);
      out.get(set);
      return;
    }
    out.byte(op.FROZENSET);
    out.memoize(set);
  }

  #elements(set: ReadonlySet<unknown>, depth: number): void {
    try {
      for (const element of set) {
        if (!isHashable(element)) throw Uncarriable.asKey(element);
        this.write(element, depth);
      }
    } catch (error) {
      throw Uncarriable.at(error, "(entry)");
    }
  }

  /** Writes how an object is made, and what it is given afterwards. */
  #described(identity: object, object: PyObject, depth: number): void {
    const { callable, args, kwargs, bare, state, listItems, dictItems } = object;
    this.#made(identity, callable, args, depth, { bare, kwargs });
    if (listItems !== undefined) this.#items(listItems, depth);
    if (dictItems !== undefined) this.#entries(dictItems, depth);
    if (state !== undefined) this.#state(state, depth);
  }

  #made(
    identity: object,
    callable: unknown,
    args: readonly unknown[],
    depth: number,
    how: {
      bare?: boolean | undefined;
      kwargs?: ReadonlyMap<unknown, unknown> | undefined;
    } = {},
  ): void {
    const out = this.#out;
    const { bare = false, kwargs } = how;
    if (kwargs !== undefined && !bare) throw Uncarriable.named("a call with arguments by name");
    try {
      this.write(callable, depth);
      // Not an identity of its own: the same array may be the arguments of two.
      this.#tuple(undefined, args, depth + 1);
      if (kwargs !== undefined) this.write(kwargs, depth);
    } catch (error) {
      throw Uncarriable.at(error, "args");
    }
    out.byte(!bare ? op.REDUCE : kwargs === undefined ? op.NEWOBJ : op.NEWOBJ_EX);
    if (out.place(identity) !== undefined) {
      out.byte(op.POP);
      out.get(identity);
      return;
    }
    out.memoize(identity);
  }

  #state(state: unknown, depth: number): void {
    try {
      this.write(state, depth);
    } catch (error) {
      throw Uncarriable.at(error, "state");
    }
    this.#out.byte(op.BUILD);
  }

  #pyMap(map: PyMap, depth: number): void {
    const { callable, args, state } = map.python;
    this.#made(map, callable, args, depth);
    this.#entries(map, depth);
    if (state !== undefined) this.#state(state, depth);
  }

  #pyList(list: PyList, depth: number): void {
    const { callable, args, state } = list.python;
    if (isIterator(list.python)) {
      // What is left of it, from the first element on.
      return this.#made(list, new PyGlobal("builtins", "iter"), [Array.from(list)], depth);
    }
    this.#made(list, callable, args, depth);
    this.#items(list, depth);
    if (state !== undefined) this.#state(state, depth);
  }

  #date(date: Date, depth: number): void {
    const time = date.getTime();
    if (Number.isNaN(time)) throw Uncarriable.named("an invalid date");
    let naive = false;
    if (date instanceof PyDateTime) {
      // Nobody has changed it here.
      if (timeOf(date.python.args) === time) return this.#described(date, date.python, depth);
      naive = date.python.args[1] === undefined;
    }
    const year = naive ? date.getFullYear() : date.getUTCFullYear();
    if (year < 1 || year > 9999) throw Uncarriable.named(`a date in the year ${year}`);
    const [month, day, hours, minutes, seconds] = naive
      ? [
        date.getMonth(),
        date.getDate(),
        date.getHours(),
        date.getMinutes(),
        date.getSeconds(),
      ]
      : [
        date.getUTCMonth(),
        date.getUTCDate(),
        date.getUTCHours(),
        date.getUTCMinutes(),
        date.getUTCSeconds(),
      ];
    const us = date.getUTCMilliseconds() * 1000;
    const bytes = new Uint8Array([
      ...[year >> 8, year, month + 1, day, hours, minutes, seconds],
      ...[us >> 16, us >> 8, us],
    ]);
    this.#made(date, DATETIME, naive ? [bytes] : [bytes, UTC], depth);
  }

  #token(token: Token, depth: number): void {
    const out = this.#out;
    out.global(TOKEN);
    out.byte(op.EMPTY_TUPLE);
    out.byte(op.NEWOBJ);
    out.memoize(token);
    this.#tuple(undefined, [token.typeid, token.address, token.id], depth + 1);
    out.byte(op.BUILD);
  }

  #proxy(proxy: ProxyReference, depth: number): void {
    const { proxyType, token, exposed } = proxy;
    const kwds = new Map<string, unknown>();
    if (exposed !== undefined) kwds.set("exposed", PyTuple.from(exposed));
    const type = new PyGlobal(MANAGERS, proxyType);
    this.#made(proxy, REBUILD_PROXY, [type, token, "pickle", kwds], depth);
  }

  #view(value: ArrayBufferView | ArrayBuffer, depth: number): void {
    const bytes = value instanceof ArrayBuffer
      ? new Uint8Array(value)
      : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    if (value instanceof PyByteArray) return this.#made(value, BYTEARRAY, [bytes], depth);
    if (value instanceof Uint8Array || value instanceof ArrayBuffer) {
      this.#out.bytes(bytes);
      return this.#out.memoize(value);
    }
    const code = TYPE_CODES.get((value as unknown as Record<symbol, string>)[Symbol.toStringTag]!);
    if (code === undefined) throw Uncarriable.of(value);
    this.#made(value, ARRAY, [code, bytes], depth);
  }
}

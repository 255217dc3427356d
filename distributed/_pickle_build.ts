import { makeError, setErrorState, setTraceback } from "./_pickle_errors.ts";
import { kindOf, listedName, PROXY_TYPES } from "./_pickle_names.ts";
import { latin1Bytes } from "./_pickle_text.ts";
import { ProxyReference, Token } from "./_pickle_types.ts";
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

/**
 * What the opcodes REDUCE, NEWOBJ, INST, OBJ and BUILD make: data, of descriptions of calls. Nothing that a
 * pickle names is ever called.
 */

/** Why a pickle is not read. It is no error itself: it never leaves the reader, and has no stack to pay. */
export class Refusal {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** What the reader gives to those who make objects. */
export interface Making {
  /** Counts work that is not proportional to the bytes that ask for it: copies of what is shared. */
  charge(work: number): void;
  /** Whether objects of names that are not on the list are kept as they are described. */
  readonly keepsUnknown: boolean;
  /** What stands for a proxy. */
  resolveProxy(reference: ProxyReference): unknown;
}

type Make = (args: PyTuple, making: Making) => unknown;

/** An object that is still being read. */
type Growing<T> = { -readonly [K in keyof T]: T[K] };

/** Describes a call, REDUCE: what it makes. */
export function call(callable: unknown, args: unknown, making: Making): unknown {
  const tuple = checkArgs(args);
  if (callable instanceof PyGlobal) {
    switch (kindOf(callable)) {
      case "exception":
        return makeException(callable, tuple, making);
      case "data":
        return new PyObject(callable, tuple);
      case "made":
        return MADE.get(callable)!(tuple, making);
      case "name":
        throw new Refusal(`"${callable}" may be named, but its calls are not read here`);
      default:
        return new PyObject(callable, tuple);
    }
  }
  // An object that is called: of a function of functions, of which the list has none.
  if (callable instanceof PyObject && making.keepsUnknown) return new PyObject(callable, tuple);
  throw new Refusal("something is called that is no name");
}

/** Describes an object without `__init__`, NEWOBJ and NEWOBJ_EX. */
export function newObject(
  callable: unknown,
  args: unknown,
  kwargs: unknown,
  making: Making,
): unknown {
  const tuple = checkArgs(args);
  if (!(callable instanceof PyGlobal)) throw new Refusal("an object has no class");
  let named: Map<unknown, unknown> | undefined;
  if (kwargs !== undefined) {
    if (!isDict(kwargs)) throw new Refusal("the arguments by name are no dictionary");
    named = kwargs instanceof Map ? kwargs : new Map(Object.entries(kwargs as object));
    making.charge(named.size);
    if (named.size === 0) named = undefined;
  }
  switch (named === undefined ? kindOf(callable) : undefined) {
    case "exception":
      return makeException(callable, tuple, making);
    case "made":
      return MADE.get(callable)!(tuple, making);
    case "name":
      throw new Refusal(`objects of "${callable}" are not read here`);
  }
  if (named !== undefined && kindOf(callable) !== undefined && kindOf(callable) !== "data") {
    throw new Refusal(`"${callable}" is made with arguments by name`);
  }
  return new PyObject(callable, tuple, { bare: true, kwargs: named });
}

/** Gives an object its state, BUILD: what stands for it from now on. */
export function build(object: unknown, state: unknown, making: Making): unknown {
  if (object instanceof PyObject) {
    if (object.state !== undefined) throw new Refusal("an object is given its state twice");
    (object as Growing<PyObject>).state = state;
  } else if (object instanceof Token) {
    Object.assign(object, readToken(state));
  } else if (object instanceof Error) {
    making.charge(setErrorState(object, state));
  } else if (object instanceof PyList && isIterator(object.python)) {
    moveIterator(object, state);
  } else if (object instanceof PyMap || object instanceof PyList) {
    if (object.python.state !== undefined) throw new Refusal("an object is given its state twice");
    (object.python as Growing<PyObject>).state = state;
  } else {
    throw new Refusal("something is given a state that has none");
  }
  return object;
}

/** Appends to an object that is no list. */
export function appendTo(object: PyObject, items: unknown[]): void {
  if (object.listItems === undefined) (object as Growing<PyObject>).listItems = items;
  else for (const item of items) (object.listItems as unknown[]).push(item);
}

/** Sets an item of an object that is no dictionary. */
export function setItemOf(object: PyObject, key: unknown, value: unknown): void {
  if (object.dictItems === undefined) (object as Growing<PyObject>).dictItems = new Map();
  (object.dictItems as Map<unknown, unknown>).set(key, value);
}

function checkArgs(args: unknown): PyTuple {
  if (args instanceof PyTuple) return args;
  throw new Refusal("the arguments of a call are no tuple");
}

/** An error costs as much as so many elements of a list. */
const ERROR_WORK = 192;

function makeException({ module, name }: PyGlobal, args: PyTuple, making: Making): Error {
  const error = makeError(module, name, args);
  const { message } = error;
  // A text that was made for it, and not the one that it was given.
  const made = args.length > 0 && args[0] !== message;
  making.charge(ERROR_WORK + (made ? message.length : 0));
  return error;
}

// Those that have a counterpart

const MADE = new Map<PyGlobal, Make>();

function made(module: string, name: string, make: Make): void {
  MADE.set(listedName(module, name)!, make);
}

/** The elements of what a class of containers is made of. */
function itemsOf(what: string, args: PyTuple, making: Making): Iterable<unknown> {
  if (args.length === 0) return [];
  const items = args.length === 1 ? args[0] : undefined;
  if (Array.isArray(items)) making.charge(items.length);
  else if (items instanceof Set) making.charge(items.size);
  else throw new Refusal(`a ${what} is made of something that is no list`);
  return items;
}

made("builtins", "list", (args, making) => Array.from(itemsOf("list", args, making)));
made("builtins", "set", (args, making) => new Set(itemsOf("set", args, making)));
made(
  "builtins",
  "frozenset",
  (args, making) => new PyFrozenSet(itemsOf("frozenset", args, making)),
);

made("builtins", "bytes", (args) => {
  if (args.length > 0) throw new Refusal("bytes are made of something that is no bytes");
  return new Uint8Array();
});

made("builtins", "bytearray", (args, making) => {
  if (args.length === 0) return new PyByteArray();
  const bytes = args.length === 1 && args[0] instanceof Uint8Array
    ? args[0]
    : encodeLatin1(args, making);
  making.charge(bytes.length);
  return new PyByteArray(bytes);
});

made("_codecs", "encode", encodeLatin1);

/** Bytes in protocols 0 to 2: text of one character a byte, and how it is to be encoded. */
function encodeLatin1(args: PyTuple, making: Making): Uint8Array<ArrayBuffer> {
  const [text, encoding] = args;
  if (
    args.length !== 2 || typeof text !== "string" ||
    (encoding !== "latin1" && encoding !== "latin-1")
  ) throw new Refusal("text is encoded in another way than Latin-1");
  making.charge(text.length);
  const bytes = latin1Bytes(text);
  if (bytes === undefined) throw new Refusal("a text that is to be bytes is not Latin-1");
  return bytes;
}

for (const name of ["iter", "reversed"]) {
  made("builtins", name, (args, making) => {
    const [items] = args;
    if (args.length !== 1 || !Array.isArray(items)) {
      throw new Refusal("an iterator is not over a list");
    }
    making.charge(items.length);
    const left = new PyList(new PyObject(listedName("builtins", name)!));
    for (let i = 0; i < items.length; i++) left[i] = items[i];
    if (name === "reversed") left.reverse();
    return left;
  });
}

/** Whether it is what is left of an iterator. */
export function isIterator(python: PyObject): boolean {
  const { callable } = python;
  return callable instanceof PyGlobal && callable.module === "builtins" &&
    (callable.name === "iter" || callable.name === "reversed");
}

/** The state of an iterator is the index of the element that is next. */
function moveIterator(left: PyList, index: unknown): void {
  if (typeof index !== "number" || !Number.isSafeInteger(index)) {
    throw new Refusal("the position of an iterator is no index");
  }
  const reversed = (left.python.callable as PyGlobal).name === "reversed";
  // A reversed iterator begins at the last element, and -1 is behind its end.
  left.splice(0, Math.max(0, reversed ? left.length - 1 - index : index));
}

made("builtins", "type", (args) => {
  const [of] = args;
  if (args.length === 1 && (of === null || of instanceof PyGlobal)) {
    return new PyObject(listedName("builtins", "type")!, args);
  }
  throw new Refusal('calls of "builtins.type" are not read here');
});

// How a time zone is written before its key.
made("builtins", "getattr", (args) => {
  const [of, name] = args;
  if (args.length === 2 && of === listedName("zoneinfo", "ZoneInfo") && name === "_unpickle") {
    return listedName("zoneinfo", "ZoneInfo._unpickle")!;
  }
  throw new Refusal('calls of "builtins.getattr" are not read here');
});

for (const name of ["OrderedDict", "defaultdict", "Counter"]) {
  const global = listedName("collections", name)!;
  made("collections", name, (args, making) => {
    const [first] = args;
    if (args.length > 1) throw new Refusal(`"${global}" is made of more than one thing`);
    // The first argument of a defaultdict makes what is missing; those of the others are what is in them.
    const factory = name === "defaultdict";
    if (factory && first !== undefined && first !== null && !(first instanceof PyGlobal)) {
      throw new Refusal(`"${global}" is made with something that is no name`);
    }
    const map = new PyMap(new PyObject(global, factory ? args : []));
    if (!factory && first !== undefined) {
      const entries = entriesOf(first);
      making.charge(entries.length);
      for (const [key, value] of entries) map.set(key, value);
    }
    return map;
  });
}

function entriesOf(dict: unknown): [unknown, unknown][] {
  if (dict instanceof Map) return [...dict];
  if (
    typeof dict === "object" && dict !== null && Object.getPrototypeOf(dict) === Object.prototype
  ) {
    return Object.entries(dict);
  }
  throw new Refusal("a dictionary is made of something that is none");
}

made("collections", "deque", (args, making) => {
  const [items, longest] = args;
  if (
    args.length > 2 || (longest !== undefined && longest !== null && typeof longest !== "number")
  ) {
    throw new Refusal("the length of a deque is no integer");
  }
  const python = new PyObject(listedName("collections", "deque")!, [
    new PyTuple(),
    ...args.slice(1),
  ]);
  const deque = new PyList(python);
  for (
    const item of itemsOf("deque", items === undefined ? new PyTuple() : new PyTuple(items), making)
  ) {
    deque.push(item);
  }
  return deque;
});

made("datetime", "datetime", (args) => {
  const python = new PyObject(listedName("datetime", "datetime")!, args);
  const time = timeOf(args);
  return time === undefined ? python : new PyDateTime(time, python);
});

/** Milliseconds since 1970; `undefined` in a zone that is known to Python alone. */
export function timeOf([bytes, zone]: readonly unknown[]): number | undefined {
  if (!(bytes instanceof Uint8Array) || bytes.length !== 10) {
    throw new Refusal("a datetime is not made of 10 bytes");
  }
  const at = (index: number): number => bytes[index]!;
  // The highest bit of the month is the fold: the second of two equal times when clocks go back.
  const fields = [at(0) << 8 | at(1), (at(2) & 0x7f) - 1, at(3), at(4), at(5), at(6)] as const;
  const ms = Math.floor((at(7) << 16 | at(8) << 8 | at(9)) / 1000);
  const date = new Date(0);
  if (zone === undefined || zone === null) {
    date.setFullYear(...fields.slice(0, 3) as [number, number, number]);
    date.setHours(...fields.slice(3) as [number, number, number], ms);
    return date.getTime();
  }
  const offset = offsetOf(zone);
  if (offset === undefined) return undefined;
  date.setUTCFullYear(...fields.slice(0, 3) as [number, number, number]);
  date.setUTCHours(...fields.slice(3) as [number, number, number], ms);
  return date.getTime() - offset;
}

/** How far a `timezone` is ahead of UTC, in milliseconds. */
function offsetOf(zone: unknown): number | undefined {
  if (!(zone instanceof PyObject) || zone.callable !== listedName("datetime", "timezone")) {
    return undefined;
  }
  const [delta] = zone.args;
  if (!(delta instanceof PyObject) || delta.callable !== listedName("datetime", "timedelta")) {
    return undefined;
  }
  const [days = 0, seconds = 0] = delta.args;
  if (typeof days !== "number" || typeof seconds !== "number") return undefined;
  return (days * 86_400 + seconds) * 1000;
}

type NumberArray = { new (buffer: ArrayBuffer): ArrayBufferView };

/** What an array of a type code is here; an `l` has 8 bytes where its length tells nothing else. */
const ARRAYS: Readonly<Record<string, readonly [size: number, NumberArray]>> = {
  b: [1, Int8Array],
  B: [1, Uint8Array],
  h: [2, Int16Array],
  H: [2, Uint16Array],
  i: [4, Int32Array],
  I: [4, Uint32Array],
  l: [8, BigInt64Array],
  L: [8, BigUint64Array],
  q: [8, BigInt64Array],
  Q: [8, BigUint64Array],
  f: [4, Float32Array],
  d: [8, Float64Array],
};

made("array", "array", (args, making) => {
  const [code, data] = args;
  const [size, numbers] = typeof code === "string" && Object.hasOwn(ARRAYS, code)
    ? ARRAYS[code]!
    : [];
  if (args.length > 2 || size === undefined) {
    throw new Refusal("an array has a type code that is not read here");
  }
  // Python 3 writes the elements of an array as a list in protocols 0 to 2.
  if (data === undefined || Array.isArray(data)) {
    return arrayOfItems(size, numbers!, data ?? [], making);
  }
  if (!(data instanceof Uint8Array) || data.length % size !== 0) {
    throw new Refusal("the bytes of an array do not fit its type code");
  }
  making.charge(data.length);
  return new numbers!(data.slice().buffer);
});

function arrayOfItems(
  size: number,
  numbers: NumberArray,
  items: unknown[],
  making: Making,
): ArrayBufferView {
  making.charge(items.length);
  const array = new numbers(new ArrayBuffer(items.length * size)) as unknown as unknown[];
  const big = array instanceof BigInt64Array || array instanceof BigUint64Array;
  for (let i = 0; i < items.length; i++) {
    const item = items[i] instanceof PyFloat ? (items[i] as PyFloat).value : items[i];
    if (typeof item !== "number" && typeof item !== "bigint") {
      throw new Refusal("an element of an array is no number");
    }
    if (!big) array[i] = Number(item);
    else if (typeof item === "bigint" || Number.isSafeInteger(item)) array[i] = BigInt(item);
    else throw new Refusal("an element of an array is no integer");
  }
  return array as unknown as ArrayBufferView;
}

/** The machine formats of `_array_reconstructor`: size, whether big-endian, and what it is here. */
const FORMATS: readonly (readonly [size: number, big: boolean, NumberArray])[] = [
  [1, false, Uint8Array],
  [1, false, Int8Array],
  [2, false, Uint16Array],
  [2, true, Uint16Array],
  [2, false, Int16Array],
  [2, true, Int16Array],
  [4, false, Uint32Array],
  [4, true, Uint32Array],
  [4, false, Int32Array],
  [4, true, Int32Array],
  [8, false, BigUint64Array],
  [8, true, BigUint64Array],
  [8, false, BigInt64Array],
  [8, true, BigInt64Array],
  [4, false, Float32Array],
  [4, true, Float32Array],
  [8, false, Float64Array],
  [8, true, Float64Array],
];

made("array", "_array_reconstructor", (args, making) => {
  const [arrayClass, , format, data] = args;
  const [size, big, numbers] = FORMATS[typeof format === "number" ? format : -1] ?? [];
  if (
    arrayClass !== listedName("array", "array") || size === undefined ||
    !(data instanceof Uint8Array) || data.length % size !== 0
  ) throw new Refusal("an array has a format that is not read here");
  making.charge(data.length);
  const bytes = data.slice();
  if (big) {
    for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
  }
  return new numbers!(bytes.buffer);
});

// How classes are made in protocols 0 to 2

made("copyreg", "__newobj__", (args, making) => {
  making.charge(args.length);
  return newObject(args[0], PyTuple.from(args.slice(1)), undefined, making);
});

made("copyreg", "__newobj_ex__", (args, making) => {
  const [of, positional, kwargs] = args;
  if (args.length !== 3 || !isDict(kwargs)) throw new Refusal("an object is not well described");
  return newObject(of, positional, kwargs, making);
});

made("copyreg", "_reconstructor", (args, making) => {
  const [of, base, state] = args;
  if (args.length === 3 && base === listedName("builtins", "object") && state === null) {
    return newObject(of, new PyTuple(), undefined, making);
  }
  if (making.keepsUnknown) return new PyObject(listedName("copyreg", "_reconstructor")!, args);
  throw new Refusal("an object of a subclass of a built-in class is not read here");
});

function isDict(value: unknown): boolean {
  return value instanceof Map ||
    (typeof value === "object" && value !== null &&
      Object.getPrototypeOf(value) === Object.prototype);
}

// Managers and pools

made("multiprocessing.managers", "Token", (args) => {
  const { typeid, address, id } = args.length === 0 ? NO_TOKEN : readToken(args);
  return new Token(typeid, address, id);
});

/** Between NEWOBJ and BUILD. */
const NO_TOKEN = { typeid: "", address: "", id: "" };

function readToken(state: unknown): { typeid: string; address: Token["address"]; id: string } {
  if (state instanceof PyTuple && state.length === 3) {
    const [typeid, address, id] = state;
    if (typeof typeid === "string" && typeof id === "string" && isAddress(address)) {
      return { typeid, address, id };
    }
  }
  throw new Refusal("a token is no type, address and id");
}

function isAddress(address: unknown): address is Token["address"] {
  if (typeof address === "string") return true;
  return address instanceof PyTuple && address.length === 2 && typeof address[0] === "string" &&
    typeof address[1] === "number";
}

made("multiprocessing.managers", "RebuildProxy", (args, making) => {
  const [type, token, serializer, kwds] = args;
  if (
    args.length !== 4 || !(type instanceof PyGlobal) || !(token instanceof Token) ||
    token.id === "" || serializer !== "pickle" || !isDict(kwds)
  ) throw new Refusal("a proxy is not well described");
  if (type.module === "multiprocessing.managers" && !PROXY_TYPES.has(type.name)) {
    throw new Refusal(`"${type}" is no class of proxies`);
  }
  const named = kwds instanceof Map ? kwds.get("exposed") : (kwds as { exposed?: unknown }).exposed;
  return making.resolveProxy(new ProxyReference(type.name, token, readExposed(named, making)));
});

function readExposed(names: unknown, making: Making): readonly string[] | undefined {
  if (names === undefined || names === null) return undefined;
  if (!Array.isArray(names)) throw new Refusal("the methods of a proxy are no names");
  making.charge(names.length);
  if (!names.every((name) => typeof name === "string")) {
    throw new Refusal("the methods of a proxy are no names");
  }
  return [...names];
}

for (
  const [module, name] of [
    ["multiprocessing.pool", "rebuild_exc"],
    ["concurrent.futures.process", "_rebuild_exc"],
  ] as const
) {
  made(module, name, (args) => {
    const [error, text] = args;
    if (args.length !== 2 || typeof text !== "string") {
      throw new Refusal("the traceback of an exception is no text");
    }
    // One whose class is not on the list has no cause to set.
    if (error instanceof Error) setTraceback(error, text);
    else if (!(error instanceof PyObject)) throw new Refusal("a traceback belongs to no exception");
    return error;
  });
}

import { isLendable } from "../coroutine/_lending.ts";
import { isPortable } from "../ipc/_portable.ts";
import type { Description, MemberKind, MethodKind } from "./_rpc_wire.ts";

// deno-lint-ignore no-explicit-any -- what a client sends is checked by the function
export type ServedFunction = (...args: any[]) => unknown;
// deno-lint-ignore no-explicit-any -- what a client sends is checked by the class
type ServedClass = new (...args: any[]) => object;

/** A function or method that may be called. */
export interface Method {
  readonly kind: MethodKind;
  /** The function; of a method, that of the class. */
  readonly run: ServedFunction;
}

/** A class whose objects may be made. */
export interface Class {
  readonly kind: "class";
  readonly make: ServedClass;
  readonly methods: ReadonlyMap<string, Method>;
}

/** What may be called, by name. */
export type Members = ReadonlyMap<string, Method | Class>;

/** Names of which a client could not make use, or that the language gives a meaning of its own. */
const REFUSED: ReadonlySet<string> = new Set(["then", "constructor", "prototype", "__proto__"]);

/**
 * Reads what an api serves: its own functions and classes. What it inherits, getters, and what is neither is not
 * served; nothing of it is called.
 *
 * @throws {TypeError} When it serves nothing, or something under a name that cannot be served.
 */
export function readMembers(api: unknown): Members {
  if (typeof api !== "object" || api === null) {
    const got = api === null ? "null" : typeof api;
    throw new TypeError(`Cannot serve: the api must be an object of functions, got ${got}`);
  }
  const members = new Map<string, Method | Class>();
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(api))) {
    const value = descriptor.value as ServedFunction | undefined;
    if (typeof value !== "function" || descriptor.enumerable !== true || name.startsWith("_")) {
      continue;
    }
    if (REFUSED.has(name) || name.startsWith("*")) {
      throw new TypeError(
        `Cannot serve "${name}": a client could not call it; choose another name`,
      );
    }
    members.set(name, isClass(value) ? readClass(value) : readMethod(value));
  }
  if (members.size === 0) throw new TypeError("Cannot serve: the api has no functions");
  return members;
}

/** What clients are told of an api. */
export function describeMembers(members: Members): Description {
  const description: Record<string, MemberKind> = {};
  for (const [name, member] of members) {
    description[name] = member.kind === "class"
      ? Object.fromEntries([...member.methods].map(([method, { kind }]) => [method, kind]))
      : member.kind;
  }
  return description;
}

/** Whether a value is made of values that come one by one, and does not cross as a copy. */
export function isStream(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  if (typeof value !== "object" || value === null || isData(value)) return false;
  const iterable = value as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  return typeof iterable[Symbol.asyncIterator] === "function" ||
    typeof iterable[Symbol.iterator] === "function";
}

/**
 * Checks that a result is not an object that would lose its methods when it is copied.
 *
 * @throws {TypeError} When it is one.
 */
export function checkResult(name: string, value: unknown): void {
  if (typeof value !== "object" || value === null || isData(value)) return;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null || isPortable(value)) return;
  if (!isLendable(value) && methodsOf(prototype).size === 0) return;
  throw new TypeError(
    `Cannot answer "${name}": an object of class ${prototype.constructor?.name} has methods, which a copy would ` +
      "lose; serve its class, so that clients make such objects, or return data",
  );
}

function isData(value: object): boolean {
  return ArrayBuffer.isView(value) || DATA.some((dataClass) => value instanceof dataClass);
}

const DATA = [Array, Map, Set, Date, RegExp, Error, ArrayBuffer];

function readClass(served: ServedFunction): Class {
  const make = served as unknown as ServedClass;
  return { kind: "class", make, methods: methodsOf(make.prototype) };
}

/** The methods of a class and of those that it extends, without those of the runtime's classes. */
function methodsOf(prototype: object): Map<string, Method> {
  const methods = new Map<string, Method>();
  for (let at = prototype; at !== null && !isOfRuntime(at); at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (REFUSED.has(name) || name.startsWith("_") || name.startsWith("*")) continue;
      if (typeof value !== "function" || methods.has(name)) continue;
      methods.set(name, readMethod(value));
    }
  }
  return methods;
}

function readMethod(run: ServedFunction): Method {
  const kind = run.constructor?.name;
  const isGenerator = kind === "GeneratorFunction" || kind === "AsyncGeneratorFunction";
  return { kind: isGenerator ? "generator" : "function", run };
}

const sourceOf = Function.prototype.toString;

function isClass(value: ServedFunction): boolean {
  return /^class\b/.test(sourceOf.call(value));
}

/** Whether a prototype is that of a class which is not written in this language. */
function isOfRuntime(prototype: object): boolean {
  if (prototype === Object.prototype) return true;
  const own = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  return typeof own !== "function" || sourceOf.call(own).includes("[native code]") ||
    (globalThis as Record<string, unknown>)[own.name] === own;
}

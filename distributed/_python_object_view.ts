import type { LentCall, Seat } from "../coroutine/_lending.ts";
import { Loan } from "../ipc/_loan.ts";
import { isPythonName, toNativeName, toPythonName } from "./_python_names.ts";
import { type PythonArguments, spread, typeName } from "./_python_arguments.ts";
import type { PythonSeat, PythonView } from "./_python_view.ts";
import { PythonError } from "./python_errors.ts";

/** An object of the user's class, or data that has no methods of its own. */
export class ObjectView implements PythonView {
  readonly methods: readonly string[];
  readonly #object: unknown;
  readonly #exposed: readonly string[] | undefined;
  /** The names that the object has for those that Python sees. */
  readonly #names = new Map<string, string>();

  /**
   * @throws {TypeError} When a name of "exposed" is no method.
   */
  constructor(object: unknown, exposed: readonly string[] | undefined) {
    this.#object = object;
    const methods = exposed ??
      (isObject(object) ? Object.keys(new Loan(object).seat().methods) : []);
    for (const name of methods) {
      const python = toPythonName(name);
      if (isPythonName(python)) this.#names.set(python, nameIn(object, name));
    }
    this.#exposed = exposed === undefined ? undefined : [...this.#names.values()];
    // What is no method is told to who registered it, and not to each client at its first call.
    if (exposed !== undefined) this.seat().leave();
    this.methods = exposed === undefined ? [...this.#names.keys()].sort() : [...this.#names.keys()];
  }

  seat(): PythonSeat {
    if (!isObject(this.#object)) return { call: () => undefined, leave() {} };
    return new ObjectSeat(new Loan(this.#object, this.#exposed).seat(), this.#names);
  }

  repr(id: string): string {
    const object = this.#object;
    if (!isObject(object)) return String(object);
    return ownText(object, "__repr__") ?? `<${typeName(object)} object at 0x${id}>`;
  }

  str(id: string): string {
    const object = this.#object;
    return isObject(object) ? ownText(object, "__str__") ?? this.repr(id) : String(object);
  }

  value(): unknown {
    const object = this.#object;
    if (!isObject(object)) return object;
    const prototype = Object.getPrototypeOf(object);
    // A copy: the object itself would go out as a proxy.
    if (prototype === Object.prototype || prototype === null) return { ...object };
    if (this.methods.length === 0) return object;
    throw new PythonError("TypeError", [`cannot pickle '${typeName(object)}' object`]);
  }
}

class ObjectSeat implements PythonSeat {
  readonly #seat: Seat;
  readonly #names: ReadonlyMap<string, string>;

  constructor(seat: Seat, names: ReadonlyMap<string, string>) {
    this.#seat = seat;
    this.#names = names;
  }

  call(name: string, call: LentCall, args: PythonArguments): unknown {
    return this.#seat.methods[this.#names.get(name)!]!(call, ...spread(args));
  }

  leave(): void {
    this.#seat.leave();
  }
}

/** What is left of a generator, or of anything else with `next()`, as Python's iterator. */
export class IteratorView implements PythonView {
  readonly methods = ["__next__", "send", "throw", "close"];
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;

  constructor(iterator: Iterator<unknown> | AsyncIterator<unknown>) {
    this.#iterator = iterator;
  }

  seat(): PythonSeat {
    return {
      call: (name, _call, { args }) => this.#call(name, args),
      leave() {},
    };
  }

  repr(id: string): string {
    return `<generator object at 0x${id}>`;
  }

  value(): never {
    throw new PythonError("TypeError", ["cannot pickle 'generator' object"]);
  }

  async #call(name: string, args: readonly unknown[]): Promise<unknown> {
    const iterator = this.#iterator;
    let result: IteratorResult<unknown> | undefined;
    if (name === "close") {
      await iterator.return?.(undefined);
      return null;
    }
    if (name === "throw") {
      const error = args[0] instanceof Error ? args[0] : new PythonError("RuntimeError", [args[0]]);
      if (iterator.throw === undefined) throw error;
      result = await iterator.throw(error);
    } else {
      result = await (name === "send" ? iterator.next(args[0] as undefined) : iterator.next());
    }
    if (result.done !== true) return result.value;
    throw new PythonError("StopIteration", result.value === undefined ? [] : [result.value]);
  }
}

/** Whether it is an iterator: what it has in front is not to be taken by one who only looks. */
export function isIterator(value: unknown): value is Iterator<unknown> | AsyncIterator<unknown> {
  return isObject(value) && typeof (value as { next?: unknown }).next === "function" &&
    (Symbol.iterator in value || Symbol.asyncIterator in value);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** The name under which the object has a method: as it is written, or in our case. */
function nameIn(object: unknown, name: string): string {
  if (!isObject(object) || name in object) return name;
  return toNativeName(name);
}

function ownText(object: object, name: "__repr__" | "__str__"): string | undefined {
  const method = (object as Record<string, unknown>)[name];
  return typeof method === "function" ? String(method.call(object)) : undefined;
}

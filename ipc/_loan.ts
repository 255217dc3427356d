import { isLendable, lend, type LentMethod, type Seat } from "../coroutine/_lending.ts";

/** Answered by a method, it lends an object to the caller instead of sending a copy. */
export class Loan {
  constructor(readonly object: object, readonly exposed?: readonly string[]) {}

  /** The borrower's seat. */
  seat(): Seat {
    return seatOf(this.object, this.exposed);
  }
}

/**
 * Whether a result is lent rather than copied: an object with methods of its own is, data is not. What a
 * structured clone knows is data, although it has methods.
 */
export function isLent(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (isLendable(value)) return true;
  if (ArrayBuffer.isView(value) || DATA.some((dataClass) => value instanceof dataClass)) {
    return false;
  }
  return publicMethods(value).length > 0;
}

const DATA = [Array, Map, Set, Date, RegExp, Error, ArrayBuffer];

/**
 * What a borrower may call of an object: what the object itself says, or its public methods, those
 * whose names do not begin with an underscore, without the constructor.
 */
function seatOf(object: object, exposed?: readonly string[]): Seat {
  const seat = lend(object);
  if (seat !== undefined) {
    if (exposed === undefined) return seat;
    return { methods: pick(seat.methods, exposed), leave: () => seat.leave() };
  }
  const methods: Record<string, LentMethod> = {};
  for (const name of exposed ?? publicMethods(object)) {
    const method = (object as Record<string, unknown>)[name];
    if (typeof method !== "function") throw new TypeError(`Cannot lend "${name}": it is no method`);
    methods[name] = (_call, ...args) => method.apply(object, args);
  }
  return { methods, leave() {} };
}

function pick(
  methods: Readonly<Record<string, LentMethod>>,
  names: readonly string[],
): Record<string, LentMethod> {
  const picked: Record<string, LentMethod> = {};
  for (const name of names) {
    const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
    if (method === undefined) throw new TypeError(`Cannot lend "${name}": it is no method`);
    picked[name] = method;
  }
  return picked;
}

function publicMethods(object: object): string[] {
  const names = new Set<string>();
  for (
    let at = object;
    at !== null && at !== Object.prototype && at !== Function.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    for (const name of Object.getOwnPropertyNames(at)) {
      if (name === "constructor" || name.startsWith("_")) continue;
      // Looked up without calling getters.
      if (typeof Object.getOwnPropertyDescriptor(at, name)?.value === "function") names.add(name);
    }
  }
  return [...names];
}

/**
 * What an object of this room tells whoever lends it to others.
 *
 * Whoever lends (a hub, in the room above) gives each borrower a *seat*: the methods that may be
 * called, and a way to say that the borrower is gone. Whatever an object keeps for one borrower (items
 * on their way, locks held) is kept in its seat, so that a dead borrower holds nothing.
 */

/** One call of a borrower, as the called method sees it. */
export interface LentCall {
  /** Aborts when the caller cancels the call or is gone. Made when it is first asked for. */
  readonly signal: AbortSignal;
}

/** A method that a borrower may call. The borrower's arguments come after the call itself. */
// deno-lint-ignore no-explicit-any -- what a borrower sends is checked by the method
export type LentMethod = (call: LentCall, ...args: any[]) => unknown;

/** What one borrower has of a lent object. */
export interface Seat {
  /** The methods that may be called, by name. */
  readonly methods: Readonly<Record<string, LentMethod>>;
  /** The borrower is gone, or has given the object back. */
  leave(): void;
}

const lenders = new WeakMap<object, (object: never) => Seat>();

/**
 * Tells how objects of a class are lent, when they have something to keep for each borrower. (A method of
 * the class would do, but it would be part of what users see.)
 *
 * @param lendable The class.
 * @param lend Makes a seat of an object of the class.
 */
export function setLender<T extends object>(
  // deno-lint-ignore no-explicit-any -- the constructor is never called
  lendable: abstract new (...args: any[]) => T,
  lend: (object: T) => Seat,
): void {
  lenders.set(lendable.prototype, lend);
}

/** A borrower's seat of an object whose class has something to keep for borrowers; else `undefined`. */
export function lend(object: object): Seat | undefined {
  const lender = findByClass(lenders, object);
  return (lender as ((object: object) => Seat) | undefined)?.(object);
}

/** Whether the class of an object says how it is lent. */
export function isLendable(object: object): boolean {
  return findByClass(lenders, object) !== undefined;
}

/** What is stored for the class of an object, or for the nearest one that it extends. */
export function findByClass<V>(table: WeakMap<object, V>, object: object): V | undefined {
  for (let at = Object.getPrototypeOf(object); at !== null; at = Object.getPrototypeOf(at)) {
    const found = table.get(at);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * A result that must not get lost on its way: one of the two functions is called, once.
 *
 * An item that was taken from a queue for a borrower is either confirmed by the borrower, or it goes
 * back.
 */
export class Delivery<T> {
  /**
   * @param value What is delivered.
   * @param confirmed The borrower has it.
   * @param lost The borrower was gone, or had cancelled the call, before it had it.
   */
  constructor(readonly value: T, readonly confirmed: () => void, readonly lost: () => void) {}
}

/**
 * What an object of this room tells whoever lends it to others.
 *
 * Whoever lends (a hub, in the room above) gives each borrower a *seat*: the methods that may be
 * called, and a way to say that the borrower is gone. Whatever an object keeps for one borrower (items
 * on their way, locks held) is kept in its seat, so that a dead borrower holds nothing.
 */

/** The method by which an object lends itself: `object[LEND]()` answers a new {@linkcode Seat}. */
export const LEND: unique symbol = Symbol.for("@manyhands/concurrency lend");

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

/** An object that has something to keep for each borrower. */
export interface Lendable {
  [LEND](): Seat;
}

/** Whether an object lends itself. */
export function isLendable(value: object): value is Lendable {
  return typeof (value as Partial<Lendable>)[LEND] === "function";
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

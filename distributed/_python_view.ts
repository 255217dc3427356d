import type { LentCall } from "../coroutine/_lending.ts";
import type { PythonArguments } from "./_python_arguments.ts";

/** What one connection of a Python client has of an object. Python's server has a thread for each. */
export interface PythonSeat {
  /**
   * Calls a method that the view has. It may answer a promise, and a `Delivery`.
   *
   * @param name Its name in Python's case.
   */
  call(name: string, call: LentCall, args: PythonArguments): unknown;
  /** The connection has ended, or nobody refers to the object any more. */
  leave(): void;
}

/** How an object of ours looks to Python. */
export interface PythonView {
  /** The names of the methods that clients are told, in Python's case and order. */
  readonly methods: readonly string[];
  /** Methods whose result is lent in its turn, with the name under which its type is registered. */
  readonly typeids?: ReadonlyMap<string, string> | undefined;
  /** The class of its proxies in `multiprocessing.managers`, when one that is sent inside of data has one. */
  readonly proxyType?: string | undefined;
  /** A seat for a connection, which is told apart from others by an object. */
  seat(guest: object): PythonSeat;
  /** What `repr()` answers, and `str()` if nothing else is said. */
  repr(id: string): string;
  /** What `str()` answers. */
  str?(id: string): string;
  /** What a copy of the object is made of (`_getvalue()`). */
  value(): unknown;
}

/** The key of the method by which an object says how it looks to Python. */
export const PYTHON_VIEW: unique symbol = Symbol("Python view");

/** An object that says how it looks to Python. */
export interface HasPythonView {
  [PYTHON_VIEW](): PythonView;
}

/**
 * A number that processes share.
 *
 * @module
 */

import { ownObject } from "./_home.ts";
import { NumbersHandle, readNumbers } from "./_numbers_handle.ts";
import { checkKind, NumbersHome } from "./_numbers_home.ts";
import { setHomeFinder } from "./_own_homes.ts";
import { setPortable } from "./_portable.ts";
import type { Lock } from "./lock.ts";
import type { NumberKind, NumberOf } from "./number_kind.ts";
import type { RLock } from "./rlock.ts";

/** Options for {@linkcode Value}. */
export interface ValueOptions {
  /**
   * What `getLock` gives: an `RLock` of its own, a lock that others use too, or none (`false`).
   *
   * @default {true}
   */
  lock?: Lock | RLock | boolean | undefined;
}

/**
 * A number that processes share.
 *
 * - It is passed to a process as an argument or through a queue, also to grandchildren, and is the same number
 *   there. It lives in the process that created it; the others reach it over loopback TCP. Where it comes back
 *   to that process, it is the very object.
 * - `get`, `set`, `add`, `compareExchange` and `update` are each one step that nobody sees half done. What takes
 *   more than one holds the lock.
 * - A number out of the range of its kind is kept as the typed array of that kind keeps it.
 * - When the process in which it lives ends, every call rejects with a {@linkcode ConnectionLostError}.
 *
 * Needs `--allow-net=127.0.0.1` where it is created, once it is passed on. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Value | multiprocessing.Value},
 * without shared memory, for which a program would need `--allow-ffi`.
 *
 * @example A counter
 * ```ts
 * import { Value } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using counter = new Value("int32", 0); // perhaps passed to ten children
 * assertEquals(await counter.add(5), 5);
 * assertEquals(await counter.update((n) => n * 2), 10);
 * {
 *   await using _ = await counter.getLock().hold();
 *   await counter.set(await counter.get() - 1);
 * }
 * assertEquals(await counter.get(), 9);
 * ```
 *
 * @typeParam K What the number is.
 */
export class Value<K extends NumberKind> implements AsyncDisposable {
  static {
    setPortable(
      Value,
      "ipc.Value",
      (value: Value<NumberKind>) => value.#handle.form(value),
      (data) => {
        const received = readNumbers(data, "a value");
        const own = ownObject(received.reference, Value<NumberKind>);
        if (own !== undefined) return own;
        const value = new Value(received.kind, undefined, { lock: false });
        value.#handle = new NumbersHandle("the value", received);
        return value;
      },
    );
    setHomeFinder(Value, (value: Value<NumberKind>) => value.#handle.home);
  }

  #handle: NumbersHandle<K>;

  /**
   * Creates a number that lives in this process.
   *
   * @param kind What it is.
   * @param initial Its first value; `0` when there is none.
   * @param options Its lock.
   * @throws {TypeError} When there is no such kind, `initial` is of another one, or `lock` is no lock.
   */
  constructor(kind: K, initial?: NumberOf<K>, options: ValueOptions = {}) {
    checkKind(kind, "create a value");
    const home = new NumbersHome("the value", kind, 1);
    if (initial !== undefined) home.set(0, initial);
    this.#handle = new NumbersHandle("the value", home, options.lock);
  }

  /** What the number is. */
  get kind(): K {
    return this.#handle.kind;
  }

  /**
   * Reads the number.
   *
   * @returns The number at the moment in which it was asked for.
   * @throws {ConnectionClosedError} When the value was closed here or by its owner.
   * @throws {ConnectionLostError} When the process in which it lives is gone.
   */
  async get(): Promise<NumberOf<K>> {
    return await this.#handle.call("get", 0);
  }

  /**
   * Writes the number.
   *
   * @param value The new one.
   * @returns When it is written.
   * @throws {TypeError} When it is not of this kind.
   * @throws {ConnectionClosedError} When the value was closed here or by its owner.
   */
  async set(value: NumberOf<K>): Promise<void> {
    await this.#handle.callToEnd("set", 0, value);
  }

  /**
   * Adds to the number, in one step.
   *
   * @param amount How much; it may be negative.
   * @returns The new number.
   * @throws {TypeError} When the amount is not of this kind.
   * @throws {ConnectionClosedError} When the value was closed here or by its owner.
   */
  async add(amount: NumberOf<K>): Promise<NumberOf<K>> {
    return await this.#handle.callToEnd("add", 0, amount);
  }

  /**
   * Changes the number, in one step.
   *
   * @param change Makes the new number of the old one, in this process; it may answer a promise. It is called again
   * when another one was faster.
   * @returns The new number.
   * @throws {TypeError} When it answers what is not of this kind.
   * @throws {ConnectionClosedError} When the value was closed here or by its owner.
   */
  async update(
    change: (value: NumberOf<K>) => NumberOf<K> | Promise<NumberOf<K>>,
  ): Promise<NumberOf<K>> {
    return await this.#handle.update(0, change);
  }

  /**
   * Writes the number if it is what is expected, in one step.
   *
   * @param expected What it is to be before; told apart as by `Object.is`.
   * @param value The new one.
   * @returns What the number was: the expected one when the new one was written.
   * @throws {TypeError} When one of them is not of this kind.
   * @throws {ConnectionClosedError} When the value was closed here or by its owner.
   */
  async compareExchange(expected: NumberOf<K>, value: NumberOf<K>): Promise<NumberOf<K>> {
    return await this.#handle.compareExchange(0, expected, value);
  }

  /**
   * The lock that goes with it, for what takes more than one step.
   *
   * @returns The lock that was given, or one of its own.
   * @throws {InvalidStateError} When it has none: it was made with `lock: false`, or by a manager in Python.
   */
  getLock(): Lock | RLock {
    return this.#handle.getLock();
  }

  /**
   * Gives this process's share up. In the process that created the value it ends the value for everybody, and the
   * lock if the value has made it. A second call does no harm.
   *
   * @returns When everything that the value owned is released.
   */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Closes the value, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The kind and the number, as `console.log` shows them. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * The kind and the number; elsewhere than in its own process that is not known.
   *
   * @returns The text, as `Value { int32: 7 }` or `Value { in another process }`.
   */
  toString(): string {
    return this.#handle.describe(this, ({ kind, numbers }) => [`${kind}: ${numbers[0]}`]);
  }
}

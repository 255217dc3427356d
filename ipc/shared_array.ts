/**
 * Numbers that processes share.
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

/** Options for {@linkcode SharedArray}. */
export interface SharedArrayOptions {
  /**
   * What `getLock` gives: an `RLock` of its own, a lock that others use too, or none (`false`).
   *
   * @default {true}
   */
  lock?: Lock | RLock | boolean | undefined;
}

/**
 * Numbers that processes share.
 *
 * - It is passed to a process as an argument or through a queue, also to grandchildren, and is the same array
 *   there. Its length does not change. It lives in the process that created it; the others reach it over
 *   loopback TCP. Where it comes back to that process, it is the very object.
 * - Each method is one step that nobody sees half done, also `slice` and `setAll`. What takes more than one holds
 *   the lock.
 * - An index counts from the end when it is negative, as in Python.
 * - When the process in which it lives ends, every call rejects with a {@linkcode ConnectionLostError}.
 *
 * Needs `--allow-net=127.0.0.1` where it is created, once it is passed on. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Array | multiprocessing.Array},
 * without shared memory: each call goes to the process in which it lives, so read and write many numbers at a
 * time. For large arrays see `SharedMemory`.
 *
 * @example Squares
 * ```ts
 * import { SharedArray } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using numbers = new SharedArray("float64", [1, 2, 3]); // perhaps passed to ten children
 * for (let i = 0; i < numbers.length; i++) await numbers.update(i, (n) => n * n);
 * assertEquals(await numbers.slice(), [1, 4, 9]);
 * assertEquals(await numbers.get(-1), 9);
 * ```
 *
 * @typeParam K What the numbers are.
 */
export class SharedArray<K extends NumberKind> implements AsyncDisposable {
  static {
    setPortable(
      SharedArray,
      "ipc.SharedArray",
      (array: SharedArray<NumberKind>) => array.#handle.form(array),
      (data) => {
        const received = readNumbers(data, "an array");
        const own = ownObject(received.reference, SharedArray<NumberKind>);
        if (own !== undefined) return own;
        const array = new SharedArray(received.kind, 0, { lock: false });
        array.#handle = new NumbersHandle("the array", received);
        return array;
      },
    );
    setHomeFinder(SharedArray, (array: SharedArray<NumberKind>) => array.#handle.home);
  }

  #handle: NumbersHandle<K>;

  /**
   * Creates an array that lives in this process.
   *
   * @param kind What its numbers are.
   * @param lengthOrValues How many, all of them `0`; or the numbers.
   * @param options Its lock.
   * @throws {TypeError} When there is no such kind, a number is of another one, or `lock` is no lock.
   * @throws {RangeError} When the length is no whole number of 0 or more.
   */
  constructor(
    kind: K,
    lengthOrValues: number | Iterable<NumberOf<K>>,
    options: SharedArrayOptions = {},
  ) {
    checkKind(kind, "create an array");
    const values = typeof lengthOrValues === "number" ? undefined : [...lengthOrValues];
    const length = values?.length ?? lengthOrValues as number;
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new RangeError(
        `Cannot create an array: its length must be a whole number of 0 or more, got ${length}`,
      );
    }
    const home = new NumbersHome("the array", kind, length);
    if (values !== undefined) home.setAll(values, 0);
    this.#handle = new NumbersHandle("the array", home, options.lock);
  }

  /** What the numbers are. */
  get kind(): K {
    return this.#handle.kind;
  }

  /** How many there are. */
  get length(): number {
    return this.#handle.length;
  }

  /**
   * Reads a number.
   *
   * @param index Which one.
   * @returns The number at the moment in which it was asked for.
   * @throws {RangeError} When there is no such index.
   * @throws {ConnectionClosedError} When the array was closed here or by its owner.
   * @throws {ConnectionLostError} When the process in which it lives is gone.
   */
  async get(index: number): Promise<NumberOf<K>> {
    return await this.#handle.call("get", index);
  }

  /**
   * Writes a number.
   *
   * @param index Which one.
   * @param value The new one.
   * @returns When it is written.
   * @throws {RangeError} When there is no such index.
   * @throws {TypeError} When it is not of this kind.
   * @throws {ConnectionClosedError} When the array was closed here or by its owner.
   */
  async set(index: number, value: NumberOf<K>): Promise<void> {
    await this.#handle.callToEnd("set", index, value);
  }

  /**
   * Writes several numbers, in one step.
   *
   * @param values The new ones.
   * @param start Where the first one goes.
   * @returns When they are written.
   * @throws {RangeError} When there are too many for the array; none is written then.
   * @throws {TypeError} When one is not of this kind; none is written then.
   * @throws {ConnectionClosedError} When the array was closed here or by its owner.
   */
  async setAll(values: Iterable<NumberOf<K>>, start: number = 0): Promise<void> {
    await this.#handle.callToEnd("setAll", [...values], start);
  }

  /**
   * A copy of a part, in one step.
   *
   * @param start Where it begins; from the end when negative.
   * @param end Where it ends, exclusive; from the end when negative.
   * @returns The numbers, in an ordinary array.
   * @throws {ConnectionClosedError} When the array was closed here or by its owner.
   */
  async slice(start: number = 0, end?: number): Promise<NumberOf<K>[]> {
    return await this.#handle.call("slice", ...end === undefined ? [start] : [start, end]);
  }

  /**
   * Adds to a number, in one step.
   *
   * @param index Which one.
   * @param amount How much; it may be negative.
   * @returns The new number.
   * @throws {RangeError} When there is no such index.
   * @throws {TypeError} When the amount is not of this kind.
   * @throws {ConnectionClosedError} When the array was closed here or by its owner.
   */
  async add(index: number, amount: NumberOf<K>): Promise<NumberOf<K>> {
    return await this.#handle.callToEnd("add", index, amount);
  }

  /**
   * Changes a number, in one step.
   *
   * @param index Which one.
   * @param change Makes the new number of the old one, in this process; it may answer a promise. It is called again
   * when another one was faster.
   * @returns The new number.
   * @throws {RangeError} When there is no such index.
   * @throws {TypeError} When it answers what is not of this kind.
   * @throws {ConnectionClosedError} When the array was closed here or by its owner.
   */
  async update(
    index: number,
    change: (value: NumberOf<K>) => NumberOf<K> | Promise<NumberOf<K>>,
  ): Promise<NumberOf<K>> {
    return await this.#handle.update(index, change);
  }

  /**
   * Writes a number if it is what is expected, in one step.
   *
   * @param index Which one.
   * @param expected What it is to be before; told apart as by `Object.is`.
   * @param value The new one.
   * @returns What the number was: the expected one when the new one was written.
   * @throws {RangeError} When there is no such index.
   * @throws {TypeError} When one of them is not of this kind.
   * @throws {ConnectionClosedError} When the array was closed here or by its owner.
   */
  async compareExchange(
    index: number,
    expected: NumberOf<K>,
    value: NumberOf<K>,
  ): Promise<NumberOf<K>> {
    return await this.#handle.compareExchange(index, expected, value);
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
   * Gives this process's share up. In the process that created the array it ends the array for everybody, and the
   * lock if the array has made it. A second call does no harm.
   *
   * @returns When everything that the array owned is released.
   */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Closes the array, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The kind and the length, as `console.log` shows them. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * The kind and the length.
   *
   * @returns The text, as `SharedArray { int32, length: 3 }`.
   */
  toString(): string {
    return `${this.constructor.name} { ${this.kind}, length: ${this.length} }`;
  }
}

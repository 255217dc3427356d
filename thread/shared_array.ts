/**
 * Numbers that threads share.
 *
 * @module
 */

import { addTo, bytesOf, Cells, checkKind } from "./_number_kind.ts";
import { onMemory, receivedMemory, registerShared } from "./_shared.ts";
import { lockOf, makeLock } from "./_value_lock.ts";
import type { Lock } from "./lock.ts";
import type { RLock } from "./rlock.ts";
import type { ArrayOf, NumberKind, NumberOf } from "./shared_number.ts";

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
 * Numbers in memory that threads share.
 *
 * - It is passed to a thread as an argument, and is the same array there. Its length does not change.
 * - `get`, `set`, `add` and `update` of one number are each one step that nobody sees half done. What goes over
 *   several numbers (`slice`, `setAll`, iteration) is not: hold the lock.
 * - An index counts from the end when it is negative, as in Python.
 * - `view` is the memory as a typed array: the fast way for large work, without any order between threads.
 *
 * It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Array | multiprocessing.Array},
 * between threads.
 *
 * @example Squares
 * ```ts
 * import { SharedArray } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const numbers = new SharedArray("float64", [1, 2, 3]);
 * for (let i = 0; i < numbers.length; i++) numbers.update(i, (n) => n * n); // perhaps in threads
 * assertEquals([...numbers], [1, 4, 9]);
 * assertEquals(numbers.get(-1), 9);
 * assertEquals([...new SharedArray("int32", 2)], [0, 0]);
 * ```
 *
 * @typeParam K What the numbers are.
 */
export class SharedArray<K extends NumberKind> {
  readonly #cells: Cells<K>;
  readonly #lock: Lock | RLock | undefined;

  static {
    registerShared(
      SharedArray,
      "thread.SharedArray",
      (array: SharedArray<NumberKind>) => ({
        kind: array.kind,
        memory: array.buffer,
        lock: array.#lock ?? false,
      }),
      ({ kind, memory, lock }) => onMemory(memory, () => new SharedArray(kind, 0, { lock })),
    );
  }

  /**
   * Creates an array.
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
    const memory = receivedMemory();
    checkKind(kind, "create an array");
    const values = typeof lengthOrValues === "number" ? undefined : [...lengthOrValues];
    const length = values?.length ?? lengthOrValues as number;
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new RangeError(
        `Cannot create an array: its length must be a whole number of 0 or more, got ${length}`,
      );
    }
    this.#lock = makeLock(options.lock, "create an array");
    this.#cells = new Cells(kind, memory ?? new SharedArrayBuffer(length * bytesOf(kind)));
    if (values !== undefined) this.setAll(values);
  }

  /** What the numbers are. */
  get kind(): K {
    return this.#cells.kind;
  }

  /** How many there are. */
  get length(): number {
    return this.#cells.view.length;
  }

  /** The memory itself. */
  get buffer(): SharedArrayBuffer {
    return this.view.buffer;
  }

  /** The memory as a typed array. */
  get view(): ArrayOf<K> {
    return this.#cells.view;
  }

  /**
   * Reads a number.
   *
   * @param index Which one.
   * @returns The number.
   * @throws {RangeError} When there is no such index.
   */
  get(index: number): NumberOf<K> {
    return this.#cells.load(this.#at(index));
  }

  /**
   * Writes a number.
   *
   * @param index Which one.
   * @param value The new one.
   * @throws {RangeError} When there is no such index.
   * @throws {TypeError} When it is not of this kind.
   */
  set(index: number, value: NumberOf<K>): void {
    this.#cells.store(this.#at(index), value);
  }

  /**
   * Writes several numbers, one after the other.
   *
   * @param values The new ones.
   * @param start Where the first one goes.
   * @throws {RangeError} When there are too many for the array; none is written then.
   * @throws {TypeError} When one is not of this kind; those before it are written.
   */
  setAll(values: Iterable<NumberOf<K>>, start = 0): void {
    const items = [...values];
    if (items.length === 0) return;
    const first = this.#at(start);
    if (first + items.length > this.length) {
      throw new RangeError(
        `Cannot write ${items.length} numbers from index ${first}: the array holds ${this.length}`,
      );
    }
    for (const [i, item] of items.entries()) this.#cells.store(first + i, item);
  }

  /**
   * A copy of a part.
   *
   * @param start Where it begins; from the end when negative.
   * @param end Where it ends, exclusive; from the end when negative.
   * @returns The numbers, in an ordinary array.
   */
  slice(start?: number, end?: number): NumberOf<K>[] {
    return [...this].slice(start, end);
  }

  /**
   * Adds to a number, in one step.
   *
   * @param index Which one.
   * @param amount How much; it may be negative.
   * @returns The new number.
   * @throws {RangeError} When there is no such index.
   * @throws {TypeError} When the amount is not of this kind.
   */
  add(index: number, amount: NumberOf<K>): NumberOf<K> {
    return addTo(this.#cells, this.#at(index), amount);
  }

  /**
   * Changes a number, in one step.
   *
   * @param index Which one.
   * @param change Makes the new number of the old one. It is called again when another thread was faster.
   * @returns The new number.
   * @throws {RangeError} When there is no such index.
   * @throws {TypeError} When it answers what is not of this kind.
   */
  update(
    index: number,
    change: (value: NumberOf<K>) => NumberOf<K>,
  ): NumberOf<K> {
    return this.#cells.update(this.#at(index), change);
  }

  /**
   * The lock that goes with it, for what takes more than one step.
   *
   * @returns The lock that was given, or one of its own.
   * @throws {InvalidStateError} When it was made without a lock.
   */
  getLock(): Lock | RLock {
    return lockOf(this.#lock, "array");
  }

  /**
   * The numbers, each as it is when its turn comes.
   *
   * @returns An iterator over them.
   */
  *[Symbol.iterator](): Generator<NumberOf<K>, void, unknown> {
    for (let i = 0; i < this.length; i++) yield this.#cells.load(i);
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

  #at(index: number): number {
    const at = index < 0 ? index + this.length : index;
    if (Number.isInteger(index) && at >= 0 && at < this.length) return at;
    throw new RangeError(`Cannot use index ${index}: the array holds ${this.length} numbers`);
  }
}

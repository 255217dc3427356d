/**
 * A number that threads share.
 *
 * @module
 */

import { addTo, bytesOf, Cells, checkKind } from "./_number_kind.ts";
import { onMemory, receivedMemory, registerShared } from "./_shared.ts";
import { lockOf, makeLock } from "./_value_lock.ts";
import type { Lock } from "./lock.ts";
import type { RLock } from "./rlock.ts";
import type { ArrayOf, NumberKind, NumberOf } from "./shared_number.ts";

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
 * A number in memory that threads share.
 *
 * - It is passed to a thread as an argument, and is the same number there.
 * - Reading, writing, `add` and `update` are each one step that nobody sees half done. `value.value += 1` is two:
 *   use `add`, or hold the lock.
 * - A number out of the range of its kind is kept as the typed array of that kind keeps it.
 *
 * It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Value | multiprocessing.Value},
 * between threads.
 *
 * @example A counter
 * ```ts
 * import { Value } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const counter = new Value("int32", 0);
 * assertEquals(counter.add(5), 5);
 * assertEquals(counter.update((n) => n * 2), 10);
 * {
 *   using _ = counter.getLock().holdSync();
 *   counter.value -= 1;
 * }
 * assertEquals(counter.value, 9);
 * ```
 *
 * @typeParam K What the number is.
 */
export class Value<K extends NumberKind> {
  readonly #cells: Cells<K>;
  readonly #lock: Lock | RLock | undefined;

  static {
    registerShared(
      Value,
      "thread.Value",
      (value: Value<NumberKind>) => ({
        kind: value.kind,
        memory: value.buffer,
        lock: value.#lock ?? false,
      }),
      ({ kind, memory, lock }) => onMemory(memory, () => new Value(kind, undefined, { lock })),
    );
  }

  /**
   * Creates a number.
   *
   * @param kind What it is.
   * @param initial Its first value; `0` when there is none.
   * @param options Its lock.
   * @throws {TypeError} When there is no such kind, `initial` is of another one, or `lock` is no lock.
   */
  constructor(kind: K, initial?: NumberOf<K>, options: ValueOptions = {}) {
    const memory = receivedMemory();
    checkKind(kind, "create a value");
    this.#lock = makeLock(options.lock, "create a value");
    this.#cells = new Cells(kind, memory ?? new SharedArrayBuffer(bytesOf(kind)));
    if (initial !== undefined) this.value = initial;
  }

  /** What the number is. */
  get kind(): K {
    return this.#cells.kind;
  }

  /** The number. */
  get value(): NumberOf<K> {
    return this.#cells.load(0);
  }

  set value(value: NumberOf<K>) {
    this.#cells.store(0, value);
  }

  /** The memory itself. */
  get buffer(): SharedArrayBuffer {
    return this.view.buffer;
  }

  /** The memory as a typed array of one number. What is done to it is in no order between threads. */
  get view(): ArrayOf<K> {
    return this.#cells.view;
  }

  /**
   * Reads the number.
   *
   * @returns The same as `value`.
   */
  get(): NumberOf<K> {
    return this.value;
  }

  /**
   * Writes the number.
   *
   * @param value The new one.
   * @throws {TypeError} When it is not of this kind.
   */
  set(value: NumberOf<K>): void {
    this.value = value;
  }

  /**
   * Adds to the number, in one step.
   *
   * @param amount How much; it may be negative.
   * @returns The new number.
   * @throws {TypeError} When the amount is not of this kind.
   */
  add(amount: NumberOf<K>): NumberOf<K> {
    return addTo(this.#cells, 0, amount);
  }

  /**
   * Changes the number, in one step.
   *
   * @param change Makes the new number of the old one. It is called again when another thread was faster.
   * @returns The new number.
   * @throws {TypeError} When it answers what is not of this kind.
   */
  update(change: (value: NumberOf<K>) => NumberOf<K>): NumberOf<K> {
    return this.#cells.update(0, change);
  }

  /**
   * The lock that goes with it, for what takes more than one step.
   *
   * @returns The lock that was given, or one of its own.
   * @throws {InvalidStateError} When it was made without a lock.
   */
  getLock(): Lock | RLock {
    return lockOf(this.#lock, "value");
  }

  /** The kind and the number, as `console.log` shows them. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * The kind and the number.
   *
   * @returns The text, as `Value { int32: 7 }`.
   */
  toString(): string {
    return `${this.constructor.name} { ${this.kind}: ${this.value} }`;
  }
}

/**
 * The kinds of numbers in shared memory, and how each is read and changed in one step.
 */

import type { ArrayOf, NumberKind, NumberOf } from "./shared_number.ts";

/** The typed arrays by kind. */
export const ARRAYS = {
  int8: Int8Array,
  uint8: Uint8Array,
  uint8Clamped: Uint8ClampedArray,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
  bigInt64: BigInt64Array,
  bigUint64: BigUint64Array,
} as const;

/** Fails unless there is such a kind. */
export function checkKind(kind: string, action: string): void {
  if (Object.hasOwn(ARRAYS, kind)) return;
  const known = Object.keys(ARRAYS).map((name) => `"${name}"`).join(", ");
  throw new TypeError(`Cannot ${action}: "kind" must be one of ${known}, got "${String(kind)}"`);
}

/** How many bytes one number takes. */
export function bytesOf(kind: NumberKind): number {
  return ARRAYS[kind].BYTES_PER_ELEMENT;
}

/** Atomics knows neither fractions nor clamping: these are kept as words of the same size. */
const WORDS = {
  ...ARRAYS,
  uint8Clamped: Uint8Array,
  float32: Int32Array,
  float64: BigInt64Array,
} as const;

/** Numbers of one kind in shared memory; each is read, written and changed in one step. */
export class Cells<K extends NumberKind> {
  readonly kind: K;
  readonly view: ArrayOf<K>;
  readonly #words: Int32Array<SharedArrayBuffer>;
  /** One number, and the same as a word. */
  readonly #number: { 0: NumberOf<K> };
  readonly #word: Int32Array;

  constructor(kind: K, buffer: SharedArrayBuffer) {
    const NumberArray = ARRAYS[kind] as unknown as typeof Int32Array;
    // The words of the other kinds are used as those of this one: only their size differs.
    const WordArray = WORDS[kind] as typeof Int32Array;
    this.kind = kind;
    this.view = new NumberArray(buffer) as unknown as ArrayOf<K>;
    this.#words = new WordArray(buffer);
    const number = new NumberArray(1) as Int32Array<ArrayBuffer>;
    this.#number = number as unknown as { 0: NumberOf<K> };
    this.#word = new WordArray(number.buffer);
  }

  /** Reads one. */
  load(index: number): NumberOf<K> {
    this.#word[0] = Atomics.load(this.#words, index);
    return this.#number[0];
  }

  /** Writes one. */
  store(index: number, value: NumberOf<K>): void {
    this.#check(value);
    this.#number[0] = value;
    Atomics.store(this.#words, index, this.#word[0]!);
  }

  /** Changes one: what others wrote meanwhile is not lost, the function is called again. Says the new one. */
  update(index: number, change: (value: NumberOf<K>) => NumberOf<K>): NumberOf<K> {
    for (;;) {
      // The bits are compared, not the numbers: `NaN` is not equal to itself, and -0 is to 0.
      const before = Atomics.load(this.#words, index);
      this.#word[0] = before;
      const value = change(this.#number[0]);
      this.#check(value);
      this.#number[0] = value;
      const after = this.#word[0]!;
      const result = this.#number[0];
      if (Atomics.compareExchange(this.#words, index, before, after) === before) return result;
    }
  }

  #check(value: unknown): void {
    const wanted = this.kind === "bigInt64" || this.kind === "bigUint64" ? "bigint" : "number";
    const type: string = typeof value;
    if (type === wanted) return;
    throw new TypeError(
      `Cannot write a shared "${this.kind}": the value must be a ${wanted}, got ${type}`,
    );
  }
}

/** The sum, as the cell keeps it. */
export function addTo<K extends NumberKind>(
  cells: Cells<K>,
  index: number,
  amount: NumberOf<K>,
): NumberOf<K> {
  // The type of the amount is that of the number: the sum of both exists.
  return cells.update(index, (value) => (value as number) + (amount as number) as NumberOf<K>);
}

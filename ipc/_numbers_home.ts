import { Home, type HomeSeat } from "./_home.ts";
import type { NumberKind, NumberOf } from "./number_kind.ts";

const ARRAYS = {
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
export function checkKind(kind: unknown, action: string): asserts kind is NumberKind {
  if (typeof kind === "string" && Object.hasOwn(ARRAYS, kind)) return;
  const known = Object.keys(ARRAYS).map((name) => `"${name}"`).join(", ");
  throw new TypeError(`Cannot ${action}: "kind" must be one of ${known}, got "${String(kind)}"`);
}

/** Numbers of one kind, as the program has them. */
interface Numbers<K extends NumberKind> {
  readonly length: number;
  [index: number]: NumberOf<K>;
  slice(start?: number, end?: number): Iterable<NumberOf<K>>;
}

/** The answer to one who wanted to change a number: what it was, and what it is now. */
export type Exchanged<K extends NumberKind> = [before: NumberOf<K>, after: NumberOf<K>];

/**
 * The home of numbers. Each call is one step, since nothing else runs here meanwhile.
 *
 * @typeParam K What the numbers are.
 */
export class NumbersHome<K extends NumberKind> extends Home {
  readonly kind: K;
  readonly numbers: Numbers<K>;

  constructor(what: string, kind: K, length: number) {
    super(what);
    this.kind = kind;
    this.numbers = new ARRAYS[kind](length) as unknown as Numbers<K>;
  }

  override seat(): HomeSeat {
    return {
      methods: {
        get: (_call, index: number) => this.get(index),
        set: (_call, index: number, value: NumberOf<K>) => this.set(index, value),
        add: (_call, index: number, amount: NumberOf<K>) => this.add(index, amount),
        exchange: (_call, index: number, expected: NumberOf<K>, value: NumberOf<K>) =>
          this.exchange(index, expected, value),
        slice: (_call, start?: number, end?: number) => this.slice(start, end),
        setAll: (_call, values: NumberOf<K>[], start: number) => this.setAll(values, start),
      },
      leave() {},
    };
  }

  get(index: number): NumberOf<K> {
    this.checkOpen();
    return this.numbers[this.#at(index)]!;
  }

  set(index: number, value: NumberOf<K>): void {
    this.checkOpen();
    const at = this.#at(index);
    this.numbers[at] = this.#checked(value);
  }

  add(index: number, amount: NumberOf<K>): NumberOf<K> {
    this.checkOpen();
    const at = this.#at(index);
    // The type of the amount is that of the number: the sum of both exists.
    const sum = (this.numbers[at] as number) + (this.#checked(amount) as number);
    this.numbers[at] = sum as NumberOf<K>;
    return this.numbers[at]!;
  }

  exchange(index: number, expected: NumberOf<K>, value: NumberOf<K>): Exchanged<K> {
    this.checkOpen();
    const at = this.#at(index);
    this.#checked(expected);
    this.#checked(value);
    const before = this.numbers[at]!;
    // `NaN` is not equal to itself, and -0 is to 0.
    if (Object.is(before, expected)) this.numbers[at] = value;
    return [before, this.numbers[at]!];
  }

  slice(start?: number, end?: number): NumberOf<K>[] {
    this.checkOpen();
    return [...this.numbers.slice(start, end)];
  }

  setAll(values: readonly NumberOf<K>[], start: number): void {
    this.checkOpen();
    if (values.length === 0) return;
    const first = this.#at(start);
    const { length } = this.numbers;
    if (first + values.length > length) {
      throw new RangeError(
        `Cannot write ${values.length} numbers from index ${first}: the array holds ${length}`,
      );
    }
    for (const value of values) this.#checked(value);
    for (const [i, value] of values.entries()) this.numbers[first + i] = value;
  }

  protected override wakeAll(): void {}

  #at(index: number): number {
    const { length } = this.numbers;
    const at = index < 0 ? index + length : index;
    if (Number.isInteger(index) && at >= 0 && at < length) return at;
    throw new RangeError(`Cannot use index ${index}: the array holds ${length} numbers`);
  }

  #checked(value: NumberOf<K>): NumberOf<K> {
    const wanted = this.kind === "bigInt64" || this.kind === "bigUint64" ? "bigint" : "number";
    const type: string = typeof value;
    if (type === wanted) return value;
    throw new TypeError(
      `Cannot write a shared "${this.kind}": the value must be a ${wanted}, got ${type}`,
    );
  }
}

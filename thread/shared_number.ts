/**
 * The kinds of numbers that threads can share.
 *
 * @module
 */

/**
 * What a shared number is: the names of JavaScript's typed arrays, without `Array`.
 *
 * @example The kind of a value
 * ```ts
 * import { type NumberKind, Value } from "@manyhands/concurrency/thread";
 * import { assertEquals } from "@std/assert";
 *
 * const kind: NumberKind = "int32";
 * assertEquals(new Value(kind, 7).value, 7);
 * ```
 */
export type NumberKind = keyof NumberArrays;

/**
 * What a number of a kind is in the program: `bigint` for the two kinds of 64 bits, `number` for the others.
 *
 * @typeParam K The kind.
 */
export type NumberOf<K extends NumberKind> = K extends "bigInt64" | "bigUint64" ? bigint : number;

/**
 * The typed array of a kind, on shared memory.
 *
 * @typeParam K The kind.
 */
export type ArrayOf<K extends NumberKind> = NumberArrays[K];

/** The typed arrays by kind. */
export interface NumberArrays {
  /** 8 bits, with a sign. */
  int8: Int8Array<SharedArrayBuffer>;
  /** 8 bits. */
  uint8: Uint8Array<SharedArrayBuffer>;
  /** 8 bits; what is out of the range becomes the nearest number in it. */
  uint8Clamped: Uint8ClampedArray<SharedArrayBuffer>;
  /** 16 bits, with a sign. */
  int16: Int16Array<SharedArrayBuffer>;
  /** 16 bits. */
  uint16: Uint16Array<SharedArrayBuffer>;
  /** 32 bits, with a sign. */
  int32: Int32Array<SharedArrayBuffer>;
  /** 32 bits. */
  uint32: Uint32Array<SharedArrayBuffer>;
  /** Fractions of 32 bits. */
  float32: Float32Array<SharedArrayBuffer>;
  /** Fractions of 64 bits. */
  float64: Float64Array<SharedArrayBuffer>;
  /** 64 bits, with a sign. */
  bigInt64: BigInt64Array<SharedArrayBuffer>;
  /** 64 bits. */
  bigUint64: BigUint64Array<SharedArrayBuffer>;
}

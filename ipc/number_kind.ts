/**
 * The kinds of numbers that processes can share.
 *
 * @module
 */

/**
 * What a shared number is: the names of JavaScript's typed arrays, without `Array`. They are those of the room
 * `thread`.
 *
 * @example The kind of a value
 * ```ts
 * import { type NumberKind, Value } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const kind: NumberKind = "int32";
 * await using value = new Value(kind, 7);
 * assertEquals(await value.get(), 7);
 * ```
 */
export type NumberKind =
  | "int8"
  | "uint8"
  | "uint8Clamped"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "float32"
  | "float64"
  | "bigInt64"
  | "bigUint64";

/**
 * What a number of a kind is in the program: `bigint` for the two kinds of 64 bits, `number` for the others.
 *
 * @typeParam K The kind.
 */
export type NumberOf<K extends NumberKind> = K extends "bigInt64" | "bigUint64" ? bigint : number;

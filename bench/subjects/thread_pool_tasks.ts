/**
 * What the thread pool scenarios call with arrays.
 *
 * @module
 */

import { move } from "../../thread/move.ts";

/**
 * Gives back what it gets.
 *
 * @param values Some numbers.
 * @returns The same.
 */
export function echoNumbers(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  return values;
}

/**
 * Gives back what it gets, and keeps nothing of it.
 *
 * @param values Some numbers.
 * @returns The same.
 */
export function passOn(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  return move(values);
}

/**
 * What the pool scenarios call in other processes.
 *
 * @module
 */

/**
 * Adds one.
 *
 * @param n A number.
 * @returns The next one.
 */
export function addOne(n: number): number {
  return n + 1;
}

/**
 * Gives back what it gets.
 *
 * @param bytes Some bytes.
 * @returns The same.
 */
export function echo(bytes: Uint8Array): Uint8Array {
  return bytes;
}

/**
 * Keeps a processor busy for some milliseconds.
 *
 * @param seed Where to begin.
 * @returns A number that depends on all of it.
 */
export function burn(seed: number): number {
  let state = seed;
  for (let turn = 0; turn < 5_000_000; turn++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
  }
  return state;
}

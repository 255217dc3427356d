/**
 * What the workers run that are to be seen on the picture of `top`.
 *
 * @module
 */

import { sleep } from "../../coroutine/mod.ts";

/**
 * Takes a while.
 *
 * @param n Which picture.
 * @returns The same number.
 */
export async function shrink(n: number): Promise<number> {
  await sleep(12);
  return n;
}

/**
 * Takes a while longer.
 *
 * @param n Which letter.
 * @returns The same number.
 */
export async function deliver(n: number): Promise<number> {
  await sleep(25);
  return n;
}

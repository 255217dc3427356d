/**
 * What the manager scenarios call: a counter in a server process.
 *
 * @module
 */

import { BaseManager } from "../../distributed/mod.ts";

/** Adds up. */
export class Counter {
  #n = 0;

  /**
   * Adds to the count.
   *
   * @param k What to add.
   * @returns The count after it.
   */
  add(k: number): number {
    this.#n += k;
    return this.#n;
  }
}

/**
 * Makes the counter that the server lends.
 *
 * @returns A counter at 0.
 */
export function makeCounter(): Counter {
  return new Counter();
}

/** A manager that lends a counter. */
export const CounterManager = BaseManager.register("counter", { callable: makeCounter });

/**
 * How many processors there are.
 *
 * @module
 */

/**
 * The number of logical processors of this machine
 * (Python's {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.cpu_count | cpu_count}).
 * Needs no permission.
 *
 * @example As many workers as processors
 * ```ts
 * import { cpuCount } from "@manyhands/concurrency/process";
 * import { assert } from "@std/assert";
 *
 * assert(cpuCount() >= 1);
 * ```
 *
 * @returns The number, at least 1.
 */
export function cpuCount(): number {
  return navigator.hardwareConcurrency;
}

/**
 * Arguments by name.
 *
 * @module
 */

/**
 * Arguments that a method in Python takes by name: the last argument of a call. A plain object there is a dictionary
 * like any other.
 *
 * @example `pool.apply(f, timeout=5)`
 * ```ts
 * import { PyKeywords } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const keywords = new PyKeywords({ timeout: 5 });
 * assertEquals(keywords.values, { timeout: 5 });
 * ```
 */
export class PyKeywords {
  /** The arguments, by the names that Python has for them. */
  readonly values: Readonly<Record<string, unknown>>;

  /**
   * Names arguments.
   *
   * @param values The arguments, by the names that Python has for them.
   */
  constructor(values: Readonly<Record<string, unknown>>) {
    this.values = { ...values };
  }
}

/**
 * What the scoped form of a lock between processes gives.
 *
 * @module
 */

/**
 * A lock or a place of a semaphore that is held for a block of code, and released when the block is left.
 *
 * - `await using` waits until it is released; `using` goes on at once, and the release is on its way.
 * - It releases exactly once, however often it is disposed.
 *
 * @example Held for a block
 * ```ts
 * import { Lock, type Permit } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using lock = new Lock();
 * {
 *   await using _permit: Permit = await lock.hold();
 *   assertEquals(await lock.locked(), true);
 * }
 * assertEquals(await lock.locked(), false);
 * ```
 */
export interface Permit extends Disposable, AsyncDisposable {
  /** Releases what is held, and does not wait for it. A second call does nothing. */
  [Symbol.dispose](): void;
  /**
   * Releases what is held. A second call does nothing.
   *
   * @returns When it is released.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

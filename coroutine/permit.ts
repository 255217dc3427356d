/**
 * What the scoped form of a lock gives.
 *
 * @module
 */

/**
 * A lock or a place of a semaphore that is held for a block of code, and released when the block is left.
 *
 * - It releases exactly once, however often it is disposed.
 * - It releases what it stands for, whoever disposes it: that of an `RLock` knows its owner.
 *
 * @example Held for a block
 * ```ts
 * import { Lock, type Permit } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const lock = new Lock();
 * {
 *   using _permit: Permit = await lock.hold();
 *   assertEquals(lock.locked(), true);
 * }
 * assertEquals(lock.locked(), false);
 * ```
 */
export interface Permit extends Disposable {
  /** Releases what is held. A second call does nothing. */
  [Symbol.dispose](): void;
}

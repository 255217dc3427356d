/**
 * A queue whose last item leaves first.
 *
 * @module
 */

import { LifoStore, STORE } from "./_store.ts";
import { Queue, type QueueOptions } from "./queue.ts";

/**
 * A last-in, first-out queue: {@linkcode Queue} in every other way
 * (Python's {@link https://docs.python.org/3/library/queue.html#queue.LifoQueue | LifoQueue}).
 *
 * @example The newest first
 * ```ts
 * import { LifoQueue } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new LifoQueue<string>();
 * await queue.put("old");
 * await queue.put("new");
 * assertEquals(await queue.get(), "new");
 * ```
 *
 * @typeParam T What is put and got.
 */
export class LifoQueue<T> extends Queue<T> {
  /**
   * Creates an empty queue.
   *
   * @param maxSize The most items that it may hold; `0` or less sets no limit.
   * @param options As for {@linkcode Queue}.
   * @throws {TypeError} When `maxSize` is not a whole number.
   */
  constructor(maxSize = 0, options: QueueOptions = {}) {
    super(maxSize, { ...options, [STORE]: new LifoStore<T>() } as QueueOptions);
  }
}

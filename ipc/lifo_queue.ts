/**
 * A queue between processes whose last item leaves first.
 *
 * @module
 */

import { LifoQueue as LocalQueue } from "../coroutine/lifo_queue.ts";
import { setPortable } from "./_portable.ts";
import { queueInternals, receiveQueue } from "./_queue_internals.ts";
import { JoinableQueue } from "./joinable_queue.ts";

/**
 * A last-in, first-out queue between processes: a {@linkcode JoinableQueue} in every other way.
 *
 * An item whose process died before the item had reached it is the next one again.
 *
 * It is Python's {@link https://docs.python.org/3/library/queue.html#queue.LifoQueue | queue.LifoQueue} of a manager,
 * without a process of its own.
 *
 * @example The newest first
 * ```ts
 * import { LifoQueue } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using queue = new LifoQueue<string>(); // perhaps passed to a child
 * await queue.put("old");
 * await queue.put("new");
 * assertEquals(await queue.get(), "new");
 * ```
 *
 * @typeParam T What is put and got.
 */
export class LifoQueue<T> extends JoinableQueue<T> {
  static {
    setPortable(
      LifoQueue,
      "ipc.LifoQueue",
      (queue) => queueInternals.lend(queue, queue),
      (data) => receiveQueue(data, LifoQueue<unknown>, (queue) => queue),
    );
  }

  /**
   * Creates an empty queue that lives in this process.
   *
   * @param maxSize The most items that it may hold; `0` or less sets no limit.
   * @throws {TypeError} When `maxSize` is not a whole number.
   */
  constructor(maxSize: number = 0) {
    super();
    queueInternals.keepIn(this, new LocalQueue<unknown>(maxSize));
  }
}

/**
 * A queue between processes that knows what is unfinished.
 *
 * @module
 */

import type { WaitOptions } from "../coroutine/wait_options.ts";
import { setPortable } from "./_portable.ts";
import { queueInternals, receiveQueue } from "./_queue_internals.ts";
import { Queue } from "./queue.ts";

/**
 * A {@linkcode Queue} that counts the items that were put and not reported as done, in all processes together, and
 * lets everybody wait until there are none.
 *
 * - An item counts from when it is put until `taskDone()` is called for it, in whichever process.
 * - An item that a process took and did not report before it ended stays unfinished, so that `join` waits for ever:
 *   as in Python. Give `join` a `timeoutMs`, or use a `TaskQueue` of `distributed`, which hands it out again.
 *
 * It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.JoinableQueue | multiprocessing.JoinableQueue}.
 *
 * @example Waiting until all is done
 * ```ts
 * import { JoinableQueue } from "@manyhands/concurrency/ipc";
 * import { Process } from "@manyhands/concurrency/process";
 *
 * export async function work(tasks: JoinableQueue<number>): Promise<void> {
 *   for (;;) {
 *     const n = await tasks.get();
 *     console.log(n * n);
 *     await tasks.taskDone();
 *   }
 * }
 *
 * if (import.meta.main) {
 *   await using tasks = new JoinableQueue<number>();
 *   await using worker = new Process({
 *     module: import.meta.url,
 *     target: work,
 *     args: [tasks],
 *     daemon: true,
 *   });
 *   await worker.start();
 *   for (const n of [1, 2, 3]) await tasks.put(n);
 *   await tasks.join();
 * }
 * ```
 *
 * @typeParam T What is put and got.
 */
export class JoinableQueue<T> extends Queue<T> {
  static {
    setPortable(
      JoinableQueue,
      "ipc.JoinableQueue",
      (queue) => queueInternals.lend(queue, queue),
      (data) => receiveQueue(data, JoinableQueue<unknown>, (queue) => queue),
    );
  }

  /**
   * Tells that one item that was taken is dealt with. {@linkcode join} waits for one such call an item.
   *
   * @returns When it is counted.
   * @throws {RangeError} When called more often than items were put.
   * @throws {ConnectionClosedError} When the queue was closed here.
   */
  async taskDone(): Promise<void> {
    await queueInternals.call(this, "taskDone", []);
  }

  /**
   * Waits until `taskDone()` was called for every item that was put.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns When nothing is unfinished.
   * @throws {TimeoutError} When something was still unfinished after `timeoutMs`.
   * @throws {ConnectionClosedError} When the queue was closed here.
   */
  async join(options: WaitOptions = {}): Promise<void> {
    await queueInternals.call(this, "join", [options]);
  }
}

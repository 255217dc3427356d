/**
 * The least of a queue between processes.
 *
 * @module
 */

import type { WaitOptions } from "../coroutine/wait_options.ts";
import { homeOf, setHomeFinder } from "./_own_homes.ts";
import { setPortable } from "./_portable.ts";
import { queueInternals, receiveQueue } from "./_queue_internals.ts";
import { Queue } from "./queue.ts";

/**
 * A queue between processes without a limit, with little that can be done to it: for those who want to see in the type
 * that nothing else is needed. Its rules are those of {@linkcode Queue}.
 *
 * It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.SimpleQueue | multiprocessing.SimpleQueue}.
 *
 * @example Put and get
 * ```ts
 * import { SimpleQueue } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using queue = new SimpleQueue<string>(); // perhaps passed to a child
 * await queue.put("hello");
 * assertEquals(await queue.get(), "hello");
 * assertEquals(await queue.empty(), true);
 * ```
 *
 * @typeParam T What is put and got.
 */
export class SimpleQueue<T> implements AsyncDisposable {
  static {
    setPortable(
      SimpleQueue,
      "ipc.SimpleQueue",
      (queue) => queueInternals.lend(queue.#queue, queue),
      (data) => receiveQueue(data, SimpleQueue<unknown>, (queue) => queue.#queue),
    );
    setHomeFinder(SimpleQueue, (queue) => homeOf(queue.#queue));
  }

  readonly #queue = new Queue<T>();

  /**
   * Puts an item.
   *
   * @param item What to put.
   * @param options What stops the wait for the process in which the queue lives.
   * @returns When the item is in the queue.
   * @throws {ConnectionClosedError} When the queue was closed here.
   */
  async put(item: T, options: WaitOptions = {}): Promise<void> {
    await this.#queue.put(item, options);
  }

  /**
   * Takes the next item, and waits while there is none.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns The item.
   * @throws {QueueEmptyError} When nothing came within `timeoutMs`.
   * @throws {ConnectionClosedError} When the queue was closed here.
   */
  async get(options: WaitOptions = {}): Promise<T> {
    return await this.#queue.get(options);
  }

  /**
   * Whether nothing can be taken.
   *
   * @returns `true` when the queue holds nothing.
   * @throws {ConnectionClosedError} When the queue was closed here.
   */
  async empty(): Promise<boolean> {
    return await this.#queue.empty();
  }

  /**
   * Gives up this process's share; in the process that created the queue it ends it for everybody. A second call
   * does no harm.
   *
   * @returns When everything that the queue owned is released.
   */
  async close(): Promise<void> {
    await this.#queue.close();
  }

  /** Closes the queue, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** How much is held, and how many wait, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * How much is held, and how many wait; elsewhere than in its own process that is not known.
   *
   * @returns The text, as `SimpleQueue { size: 2, maxSize: 0 }` or `SimpleQueue { in another process }`.
   */
  toString(): string {
    return queueInternals.describe(this.#queue, this);
  }
}

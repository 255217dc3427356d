/**
 * A queue between threads.
 *
 * @module
 */

import { beginWait } from "../coroutine/_acquire.ts";
import {
  QueueEmptyError,
  QueueFullError,
  QueueShutDownError,
  TimeoutError,
} from "../coroutine/errors.ts";
import type { QueueShutdownOptions, QueueStatistics } from "../coroutine/queue.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { decodeItem, encodeItem } from "./_queue_codec.ts";
import { GET, PUT, QueueLine, type QueueMemory, SHUT_DOWN } from "./_queue_line.ts";
import { onMemory, registerShared } from "./_shared.ts";
import { MUST_WAIT } from "./_shared_line.ts";
import { TOO_LATE, waitInLine, waitInLineSync } from "./_wait_in_line.ts";
import type { SyncWaitOptions } from "./sync_wait_options.ts";

const DONE: Promise<void> = Promise.resolve();
/** The limit is a word of 32 bits. */
const MOST = 2 ** 31 - 1;

/** The memory of the queue that is constructed next, when it came from elsewhere. */
let receivedQueue: QueueMemory | undefined;

/**
 * A first-in, first-out queue between threads.
 *
 * - It is passed to a thread as an argument, or through another queue, and is the same queue there.
 * - Items leave in the order in which they were put. Those who wait are served in the order in which they came, on
 *   both sides, whether they block or await: an item goes straight to the `get` that has waited longest.
 * - `putSync`, `getSync` and `joinSync` block the thread, its event loop included; `put`, `get` and `join` let it
 *   go on. Both can be used at the same time, also by one thread.
 * - An item is copied into shared memory when it is put and out of it when it is got, so a thread that blocks gets
 *   whatever is put: plain data (as JSON would give it back) in the fastest way, everything else as a structured
 *   clone. What is on shared memory (`SharedArrayBuffer`, the locks, values and queues of this topic) is not
 *   copied but shared. Functions and what belongs to one thread, as sockets and ports, cannot be put.
 * - A `get` that was cancelled or timed out has taken nothing; a `put` that was cancelled or timed out has left
 *   nothing.
 * - With `maxSize`, `put` waits while the queue holds that many items. What is held takes 512 MiB at most.
 * - After {@linkcode shutdown} nothing can be put; what is held can still be taken.
 * - A thread can be killed at any moment, also in the midst of a `put` or a `get`: the queue stays whole for the
 *   others. What it was putting is in the queue or is not, never in part; what it was getting is the next item again,
 *   or went with it when it had it. An item is never got twice. What it took and had not marked by `taskDone` stays
 *   unfinished.
 * - `for await` takes items until the queue is shut down and empty; `for` does so and blocks.
 *
 * It is Python's {@link https://docs.python.org/3/library/queue.html | queue.Queue}, with the `shutdown` of Python
 * 3.13. `Queue` of the topic coroutine copies nothing, and joins the tasks of one thread.
 *
 * @example A thread that works off a queue
 * ```ts
 * import { Queue, Thread } from "@manyhands/concurrency/thread";
 *
 * export function square(numbers: Queue<number>, squares: Queue<number>): void {
 *   for (const n of numbers) squares.putSync(n * n); // blocks while there is none
 *   squares.shutdown();
 * }
 *
 * if (import.meta.main) {
 *   const [numbers, squares] = [new Queue<number>(8), new Queue<number>()];
 *   await using thread = new Thread({
 *     module: import.meta.url,
 *     target: square,
 *     args: [numbers, squares],
 *   });
 *   await thread.start();
 *   for (let n = 1; n <= 3; n++) await numbers.put(n);
 *   numbers.shutdown();
 *   for await (const n of squares) console.log(n); // 1, 4, 9
 * }
 * ```
 *
 * @example What can be put
 * ```ts
 * import { Lock, Queue } from "@manyhands/concurrency/thread";
 * import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
 *
 * const queue = new Queue<unknown>();
 * queue.putNowait({ id: 7, tags: ["a"] });
 * queue.putNowait(new Map([["now", new Date(0)]]));
 * queue.putNowait(new Lock());
 * assertEquals(queue.getSync(), { id: 7, tags: ["a"] });
 * assertEquals(await queue.get(), new Map([["now", new Date(0)]]));
 * assertInstanceOf(queue.getNowait(), Lock);
 * assertThrows(() => queue.putNowait(() => {}), TypeError, "cannot be cloned");
 * ```
 *
 * @typeParam T What is put and got.
 */
export class Queue<T> implements AsyncIterable<T>, Iterable<T> {
  readonly #line: QueueLine;

  static {
    registerShared(
      Queue,
      "thread.Queue",
      (queue: Queue<unknown>) => queue.#line.memory,
      (memory: QueueMemory) => {
        receivedQueue = memory;
        return onMemory(memory.line, () => new Queue());
      },
    );
  }

  /**
   * Creates an empty queue.
   *
   * @param maxSize The most items that it may hold; `0` or less sets no limit.
   * @throws {TypeError} When `maxSize` is not a whole number.
   */
  constructor(maxSize = 0) {
    const limit = checkMaxSize(maxSize, "create a queue");
    const memory = receivedQueue;
    receivedQueue = undefined;
    this.#line = new QueueLine(limit, memory);
  }

  /**
   * The most items that the queue may hold; `0` when there is no limit.
   *
   * It may be set at any time, by any thread. A higher limit lets in those who wait to put; a lower one takes nothing
   * out of the queue, but nothing comes in until the queue holds less than that.
   *
   * @throws {TypeError} When it is set to something else than a whole number.
   */
  get maxSize(): number {
    return this.#line.maxSize;
  }

  set maxSize(maxSize: number) {
    this.#line.maxSize = checkMaxSize(maxSize, "set the limit of a queue");
  }

  /** Whether {@linkcode shutdown} was called. */
  get isShutdown(): boolean {
    return this.#line.isShutDown;
  }

  /**
   * Puts an item, and waits while the queue is full.
   *
   * @param item What to put.
   * @param options How long to wait, and what stops the wait.
   * @returns When the item is in the queue, or in the hands of one who waited for it.
   * @throws {QueueFullError} When the queue was full for `timeoutMs`.
   * @throws {QueueShutDownError} When the queue is shut down, or becomes so meanwhile.
   * @throws {TypeError} When the item cannot be cloned.
   * @throws {RangeError} When there is no memory for it.
   */
  put(item: T, options: WaitOptions = {}): Promise<void> {
    const line = this.#line;
    try {
      const timeoutMs = beginWait(options);
      this.#offer(item);
      const answer = line.tryPut();
      if (answer !== MUST_WAIT) return this.#settlePut(answer), DONE;
      if (timeoutMs === 0) throw this.#fullError();
      return waitInLine(line, timeoutMs, options, PUT).then((later) => this.#settlePut(later));
    } catch (error) {
      return Promise.reject(error);
    } finally {
      line.withdraw();
    }
  }

  /**
   * Puts an item, and blocks the thread while the queue is full.
   *
   * @param item What to put.
   * @param options How long to wait.
   * @throws {QueueFullError} When the queue was full for `timeoutMs`.
   * @throws {QueueShutDownError} When the queue is shut down, or becomes so meanwhile.
   * @throws {TypeError} When the item cannot be cloned.
   * @throws {RangeError} When there is no memory for it.
   */
  putSync(item: T, options?: SyncWaitOptions): void {
    const timeoutMs = options === undefined ? Infinity : beginWait(options);
    const line = this.#line;
    this.#offer(item);
    try {
      let answer = line.tryPut();
      if (answer === MUST_WAIT && timeoutMs !== 0) answer = waitInLineSync(line, timeoutMs, PUT);
      this.#settlePut(answer);
    } finally {
      line.withdraw();
    }
  }

  /**
   * Puts an item at once, or fails.
   *
   * @param item What to put.
   * @throws {QueueFullError} When the queue is full.
   * @throws {QueueShutDownError} When the queue is shut down.
   * @throws {TypeError} When the item cannot be cloned.
   * @throws {RangeError} When there is no memory for it.
   */
  putNowait(item: T): void {
    this.#offer(item);
    try {
      this.#settlePut(this.#line.tryPut());
    } finally {
      this.#line.withdraw();
    }
  }

  /**
   * Takes the next item, and waits while there is none.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns The item.
   * @throws {QueueEmptyError} When nothing came within `timeoutMs`.
   * @throws {QueueShutDownError} When the queue is shut down and empty, or becomes so meanwhile.
   */
  get(options: WaitOptions = {}): Promise<T> {
    try {
      const timeoutMs = beginWait(options);
      const answer = this.#line.tryGet();
      if (answer !== MUST_WAIT) return Promise.resolve(this.#settleGet(answer));
      if (timeoutMs === 0) throw emptyError();
      return waitInLine(this.#line, timeoutMs, options, GET).then((later) =>
        this.#settleGet(later)
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Takes the next item, and blocks the thread while there is none.
   *
   * @param options How long to wait.
   * @returns The item.
   * @throws {QueueEmptyError} When nothing came within `timeoutMs`.
   * @throws {QueueShutDownError} When the queue is shut down and empty, or becomes so meanwhile.
   */
  getSync(options?: SyncWaitOptions): T {
    const timeoutMs = options === undefined ? Infinity : beginWait(options);
    let answer = this.#line.tryGet();
    if (answer === MUST_WAIT && timeoutMs !== 0) {
      answer = waitInLineSync(this.#line, timeoutMs, GET);
    }
    return this.#settleGet(answer);
  }

  /**
   * Takes the next item at once, or fails.
   *
   * @returns The item.
   * @throws {QueueEmptyError} When there is none.
   * @throws {QueueShutDownError} When there is none and the queue is shut down.
   */
  getNowait(): T {
    return this.#settleGet(this.#line.tryGet());
  }

  /**
   * How many items can be taken now.
   *
   * @returns The number of items.
   */
  qsize(): number {
    return this.#line.count;
  }

  /**
   * Whether nothing can be taken now.
   *
   * @returns `true` when the queue holds nothing.
   */
  empty(): boolean {
    return this.#line.count === 0;
  }

  /**
   * Whether nothing can be put now without waiting. Always `false` without a `maxSize`.
   *
   * @returns `true` when the queue holds `maxSize` items.
   */
  full(): boolean {
    const { maxSize } = this;
    return maxSize > 0 && this.#line.count >= maxSize;
  }

  /**
   * Tells that one item that was taken is dealt with. {@linkcode join} waits for one such call an item.
   *
   * @throws {RangeError} When called more often than items were put.
   */
  taskDone(): void {
    if (this.#line.taskDone()) return;
    throw new RangeError("Cannot mark a task as done: no item of this queue is unfinished");
  }

  /**
   * Waits until `taskDone()` was called for every item that was put.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns When nothing is unfinished.
   * @throws {TimeoutError} When something was still unfinished after `timeoutMs`.
   */
  join(options: WaitOptions = {}): Promise<void> {
    try {
      const timeoutMs = beginWait(options);
      if (this.#line.unfinished === 0) return DONE;
      if (timeoutMs === 0) throw this.#unfinishedError(timeoutMs);
      return waitInLine(this.#line.joiners, timeoutMs, options).then((answer) => {
        if (answer === TOO_LATE) throw this.#unfinishedError(timeoutMs);
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Blocks the thread until `taskDone()` was called for every item that was put.
   *
   * @param options How long to wait.
   * @throws {TimeoutError} When something was still unfinished after `timeoutMs`.
   */
  joinSync(options?: SyncWaitOptions): void {
    const timeoutMs = options === undefined ? Infinity : beginWait(options);
    if (this.#line.unfinished === 0) return;
    const isLate = timeoutMs === 0 || waitInLineSync(this.#line.joiners, timeoutMs) === TOO_LATE;
    if (isLate) throw this.#unfinishedError(timeoutMs);
  }

  /**
   * Ends the queue: nothing can be put any more, and who waits to put fails. Items that are held can still be taken;
   * then, and for those who wait already, `get` fails as well. A second call does no harm.
   *
   * @param options Whether to throw away what is held.
   */
  shutdown(options: QueueShutdownOptions = {}): void {
    this.#line.shutDown(options);
  }

  /**
   * How much is held, and how many wait, in all threads.
   *
   * @returns The figures of this moment.
   */
  statistics(): QueueStatistics {
    const line = this.#line;
    const { getting, putting } = line.countBoth();
    const { count: size, maxSize, unfinished } = line;
    return { size, maxSize, unfinished, getting, putting, joining: line.joiners.countWaiting() };
  }

  /** The figures of {@linkcode statistics} that are not zero, as `console.log` shows them. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * The figures that {@linkcode statistics} has and that are not zero, in one line.
   *
   * @returns The text, as `Queue { size: 2, maxSize: 0, unfinished: 2 }`.
   */
  toString(): string {
    const { size, maxSize, ...others } = this.statistics();
    const figures = [`size: ${size}`, `maxSize: ${maxSize}`];
    for (const [name, count] of Object.entries(others)) {
      if (count > 0) figures.push(`${name}: ${count}`);
    }
    if (this.isShutdown) figures.push("isShutdown: true");
    return `${this.constructor.name} { ${figures.join(", ")} }`;
  }

  /** Takes items until the queue is shut down and empty. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      let item: T;
      try {
        item = await this.get();
      } catch (error) {
        if (error instanceof QueueShutDownError) return;
        throw error;
      }
      yield item;
    }
  }

  /** Takes items until the queue is shut down and empty, and blocks the thread while there is none. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (;;) {
      let item: T;
      try {
        item = this.getSync();
      } catch (error) {
        if (error instanceof QueueShutDownError) return;
        throw error;
      }
      yield item;
    }
  }

  /** Notes an item that is put next, in the same turn: its bytes may be in memory that is used again. */
  #offer(item: T): void {
    // What cannot be put need not be encoded; and shared memory that is written down has to be read.
    if (this.isShutdown) throw shutDownError("put into");
    this.#line.offer(encodeItem(item));
  }

  #settlePut(answer: number): void {
    if (answer === SHUT_DOWN) throw shutDownError("put into");
    if (answer === MUST_WAIT || answer === TOO_LATE) throw this.#fullError();
  }

  #settleGet(answer: number): T {
    if (answer === SHUT_DOWN) throw shutDownError("get from");
    if (answer === MUST_WAIT || answer === TOO_LATE) throw emptyError();
    return decodeItem(this.#line.receive(answer)) as T;
  }

  #fullError(): QueueFullError {
    const { count, maxSize } = this.#line;
    return new QueueFullError(`Cannot put into queue: queue holds ${count} of ${maxSize} items`);
  }

  #unfinishedError(timeoutMs: number): TimeoutError {
    const { unfinished } = this.#line;
    return new TimeoutError(
      `Cannot join queue: ${unfinished} items are unfinished after ${timeoutMs} ms`,
    );
  }
}

function emptyError(): QueueEmptyError {
  return new QueueEmptyError("Cannot get from queue: queue is empty");
}

function shutDownError(action: string): QueueShutDownError {
  return new QueueShutDownError(`Cannot ${action} queue: queue is shut down`);
}

function checkMaxSize(maxSize: number, action: string): number {
  if (!Number.isInteger(maxSize) && maxSize !== Infinity) {
    throw new TypeError(
      `Cannot ${action}: "maxSize" must be a whole number, got ${String(maxSize)}`,
    );
  }
  return maxSize > 0 && maxSize <= MOST ? maxSize : 0;
}

/**
 * A queue between the tasks of one event loop.
 *
 * @module
 */

import { checkTimeout } from "./_check_timeout.ts";
import { setLender } from "./_lending.ts";
import { QueueSeat } from "./_queue_seat.ts";
import { FifoStore, STORE, type Store } from "./_store.ts";
import { Waiters } from "./_waiters.ts";
import { QueueEmptyError, QueueFullError, QueueShutDownError, TimeoutError } from "./errors.ts";
import type { WaitOptions } from "./wait_options.ts";

const DONE: Promise<void> = Promise.resolve();
/** How many items `console.log` shows of a queue, which may hold a million: as many as of an array. */
const MOST_SHOWN = 100;

/** Options for {@linkcode Queue} and its kinds. */
export interface QueueOptions {
  /**
   * For a queue that is lent to other processes or machines: an item that a borrower took and has
   * not reported with `taskDone()` goes back to the head of the queue when the borrower is gone,
   * however it went. `taskDone()` reports the oldest item that this borrower holds, so a borrower
   * with several tasks at a time takes a proxy for each of them.
   *
   * Without it only an item that had not reached its borrower goes back.
   *
   * @default {false}
   */
  returnUnfinished?: boolean | undefined;
}

/** Options for {@linkcode Queue.shutdown}. */
export interface QueueShutdownOptions {
  /**
   * Throws away what the queue still holds, each item as if it were done, so that a `join()` ends
   * when the tasks that were taken before are done.
   *
   * @default {false}
   */
  immediate?: boolean | undefined;
}

/** What {@linkcode Queue.statistics} tells. */
export interface QueueStatistics {
  /** Items that can be taken now. */
  size: number;
  /** The most items that the queue may hold; `0` when there is no limit. */
  maxSize: number;
  /** Items that were put and for which `taskDone()` was not called yet. */
  unfinished: number;
  /** Calls of `get` that wait for an item. */
  getting: number;
  /** Calls of `put` that wait for a free place. */
  putting: number;
  /** Calls of `join` that wait for the last `taskDone()`. */
  joining: number;
}

/**
 * A first-in, first-out queue between the tasks of one event loop.
 *
 * - Items leave in the order in which they were put. Those who wait are served in the order in which
 *   they came, on both sides.
 * - A `get` that was cancelled or timed out has taken nothing; a `put` that was cancelled or timed out
 *   has left nothing.
 * - Every operation takes constant time, however many items are held and however many wait.
 * - With `maxSize`, `put` waits while the queue holds that many items: producers cannot outrun
 *   consumers without limit.
 * - After {@linkcode shutdown} nothing can be put; what is held can still be taken.
 * - `for await` takes items until the queue is shut down and empty.
 *
 * It is Python's {@link https://docs.python.org/3/library/asyncio-queue.html | asyncio.Queue}, with the
 * time limits of {@link https://docs.python.org/3/library/queue.html | queue.Queue} and the `shutdown` of
 * Python 3.13. The queue between processes is `Queue` of `ipc`; its rules are written here.
 *
 * @example A producer that waits for its consumer
 * ```ts
 * import { Queue } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new Queue<number>(1); // holds one item at most
 *
 * async function produce(): Promise<void> {
 *   for (const n of [1, 2, 3]) await queue.put(n);
 *   queue.shutdown();
 * }
 *
 * const taken: number[] = [];
 * const producer = produce();
 * for await (const n of queue) taken.push(n);
 * await producer;
 * assertEquals(taken, [1, 2, 3]);
 * ```
 *
 * @typeParam T What is put and got.
 */
export class Queue<T> implements AsyncIterable<T> {
  static {
    setLender(Queue, (queue) => queue.#seat());
  }

  #maxSize: number;
  readonly #returnUnfinished: boolean;
  readonly #store: Store<T>;
  readonly #getters = new Waiters<T>();
  readonly #putters = new Waiters<void, T>();
  readonly #joiners = new Waiters<void>();
  #unfinished = 0;
  #isShutdown = false;
  /** Whether what comes back is thrown away, as all that was held has been. */
  #isDiscarding = false;
  #isBeingShown = false;

  /**
   * Creates an empty queue.
   *
   * @param maxSize The most items that it may hold; `0` or less sets no limit.
   * @param options What happens to the items of a borrower that is gone.
   * @throws {TypeError} When `maxSize` is not a whole number.
   */
  constructor(maxSize = 0, options: QueueOptions = {}) {
    this.#maxSize = checkMaxSize(maxSize, "create a queue");
    this.#returnUnfinished = options.returnUnfinished ?? false;
    this.#store = (options as { [STORE]?: Store<T> })[STORE] ?? new FifoStore<T>();
  }

  /**
   * The most items that the queue may hold; `0` when there is no limit.
   *
   * It may be set at any time. A higher limit lets in those who wait to put; a lower one takes nothing
   * out of the queue, but nothing comes in until the queue holds less than that.
   *
   * @throws {TypeError} When it is set to something else than a whole number.
   */
  get maxSize(): number {
    return this.#maxSize;
  }

  set maxSize(maxSize: number) {
    this.#maxSize = checkMaxSize(maxSize, "set the limit of a queue");
    this.#letIn();
  }

  /** Whether {@linkcode shutdown} was called. */
  get isShutdown(): boolean {
    return this.#isShutdown;
  }

  /**
   * Puts an item, and waits while the queue is full.
   *
   * @param item What to put.
   * @param options How long to wait, and what stops the wait.
   * @returns When the item is in the queue, or in the hands of one who waited for it.
   * @throws {QueueFullError} When the queue was full for `timeoutMs`.
   * @throws {QueueShutDownError} When the queue is shut down, or becomes so meanwhile.
   */
  put(item: T, options: WaitOptions = {}): Promise<void> {
    try {
      const timeoutMs = this.#begin(options);
      if (this.#tryPut(item)) return DONE;
      if (timeoutMs === 0) throw this.#fullError();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#putters.wait(item, options, () => this.#fullError());
  }

  /**
   * Puts an item at once, or fails.
   *
   * @param item What to put.
   * @throws {QueueFullError} When the queue is full.
   * @throws {QueueShutDownError} When the queue is shut down.
   */
  putNowait(item: T): void {
    if (!this.#tryPut(item)) throw this.#fullError();
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
      const timeoutMs = this.#begin(options);
      if (this.#store.size > 0) return Promise.resolve(this.#take());
      if (this.#isShutdown) throw this.#shutDownError("get from");
      if (timeoutMs === 0) throw this.#emptyError();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#getters.wait(undefined, options, () => this.#emptyError());
  }

  /**
   * Takes the next item at once, or fails.
   *
   * @returns The item.
   * @throws {QueueEmptyError} When there is none.
   * @throws {QueueShutDownError} When there is none and the queue is shut down.
   */
  getNowait(): T {
    if (this.#store.size > 0) return this.#take();
    throw this.#isShutdown ? this.#shutDownError("get from") : this.#emptyError();
  }

  /**
   * How many items can be taken now.
   *
   * @returns The number of items.
   */
  qsize(): number {
    return this.#store.size;
  }

  /**
   * Whether nothing can be taken now.
   *
   * @returns `true` when the queue holds nothing.
   */
  empty(): boolean {
    return this.#store.size === 0;
  }

  /**
   * Whether nothing can be put now without waiting. Always `false` without a `maxSize`.
   *
   * @returns `true` when the queue holds `maxSize` items.
   */
  full(): boolean {
    return this.#maxSize > 0 && this.#store.size >= this.#maxSize;
  }

  /**
   * Tells that one item that was taken is dealt with. {@linkcode join} waits for one such call an item.
   *
   * @throws {RangeError} When called more often than items were put.
   */
  taskDone(): void {
    if (this.#unfinished === 0) {
      throw new RangeError("Cannot mark a task as done: no item of this queue is unfinished");
    }
    if (--this.#unfinished === 0) this.#joiners.grantAll();
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
      const timeoutMs = this.#begin(options);
      if (this.#unfinished === 0) return DONE;
      if (timeoutMs === 0) throw this.#unfinishedError(timeoutMs);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#joiners.wait(undefined, options, () => this.#unfinishedError(options.timeoutMs));
  }

  /**
   * Ends the queue: nothing can be put any more, and who waits to put fails. Items that are held can
   * still be taken; then, and for those who wait already, `get` fails as well. A second call does no
   * harm.
   *
   * @param options Whether to throw away what is held.
   */
  shutdown(options: QueueShutdownOptions = {}): void {
    this.#isShutdown = true;
    if (options.immediate === true) {
      this.#isDiscarding = true;
      this.#unfinished -= this.#store.size;
      this.#store.clear();
      if (this.#unfinished === 0) this.#joiners.grantAll();
    }
    this.#putters.failAll(() => this.#shutDownError("put into"));
    this.#getters.failAll(() => this.#shutDownError("get from"));
  }

  /**
   * How much is held, and how many wait.
   *
   * @returns The figures of this moment.
   */
  statistics(): QueueStatistics {
    return {
      size: this.#store.size,
      maxSize: this.#maxSize,
      unfinished: this.#unfinished,
      getting: this.#getters.size,
      putting: this.#putters.size,
      joining: this.#joiners.size,
    };
  }

  /**
   * The figures that {@linkcode statistics} has and that are not zero, in one line.
   *
   * @returns The text, as `Queue { size: 2, maxSize: 0, unfinished: 2 }`.
   */
  toString(): string {
    const figures = Object.entries(this.#figures()).map(([name, value]) => `${name}: ${value}`);
    return `${this.constructor.name} { ${figures.join(", ")} }`;
  }

  /**
   * What `console.log` shows: as {@linkcode toString}, with the items that leave next.
   *
   * @param inspect Formats a value.
   * @param options How to format it.
   * @returns The text.
   */
  [Symbol.for("Deno.customInspect")](
    inspect: (value: unknown, options: Deno.InspectOptions) => string,
    options: Deno.InspectOptions,
  ): string {
    // A queue that holds itself: each call of "inspect" has forgotten what it is in the midst of.
    if (this.#isBeingShown) return "[Circular]";
    const next = this.#store.peek(Math.min(this.#store.size, MOST_SHOWN));
    const shown = next.length > 0 ? { ...this.#figures(), next } : this.#figures();
    this.#isBeingShown = true;
    try {
      return `${this.constructor.name} ${inspect(shown, options)}`;
    } finally {
      this.#isBeingShown = false;
    }
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

  #seat(): QueueSeat<T> {
    return new QueueSeat<T>(this, {
      returnUnfinished: this.#returnUnfinished,
      giveBack: (item) => this.#giveBack(item),
    });
  }

  #figures(): Record<string, number | boolean> {
    const { size, maxSize, ...others } = this.statistics();
    const figures: Record<string, number | boolean> = { size, maxSize };
    for (const [name, count] of Object.entries(others)) if (count > 0) figures[name] = count;
    if (this.#isShutdown) figures.isShutdown = true;
    return figures;
  }

  #begin(options: WaitOptions): number {
    options.signal?.throwIfAborted();
    return checkTimeout(options.timeoutMs);
  }

  #tryPut(item: T): boolean {
    if (this.#isShutdown) throw this.#shutDownError("put into");
    const getter = this.#getters.first();
    if (getter !== undefined) getter.grant(item);
    else if (this.full()) return false;
    else this.#store.add(item);
    this.#unfinished++;
    return true;
  }

  #take(): T {
    const item = this.#store.take();
    this.#letIn();
    return item;
  }

  /** Lets in those who wait to put, as far as there is room. */
  #letIn(): void {
    while (!this.full()) {
      const putter = this.#putters.first();
      if (putter === undefined) break;
      try {
        this.#store.add(putter.data);
      } catch (error) {
        // An item that cannot be ordered: its own put fails, and the next one has the place.
        putter.fail(error);
        continue;
      }
      this.#unfinished++;
      putter.grant();
    }
  }

  /** Puts an item that was taken back to the head, also into a full queue: it had its place. */
  #giveBack(item: T): void {
    if (this.#isDiscarding) {
      if (--this.#unfinished === 0) this.#joiners.grantAll();
      return;
    }
    const getter = this.#getters.first();
    if (getter !== undefined) getter.grant(item);
    else this.#store.giveBack(item);
  }

  #fullError(): QueueFullError {
    return new QueueFullError(
      `Cannot put into queue: queue holds ${this.#store.size} of ${this.#maxSize} items`,
    );
  }

  #emptyError(): QueueEmptyError {
    return new QueueEmptyError("Cannot get from queue: queue is empty");
  }

  #shutDownError(action: string): QueueShutDownError {
    return new QueueShutDownError(`Cannot ${action} queue: queue is shut down`);
  }

  #unfinishedError(timeoutMs: number | undefined): TimeoutError {
    return new TimeoutError(
      `Cannot join queue: ${this.#unfinished} items are unfinished after ${timeoutMs} ms`,
    );
  }
}

function checkMaxSize(maxSize: number, action: string): number {
  if (!Number.isInteger(maxSize) && maxSize !== Infinity) {
    throw new TypeError(
      `Cannot ${action}: "maxSize" must be a whole number, got ${String(maxSize)}`,
    );
  }
  return maxSize > 0 && maxSize !== Infinity ? maxSize : 0;
}

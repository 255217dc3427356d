/**
 * A queue between processes.
 *
 * @module
 */

import { currentScope } from "../coroutine/_current_scope.ts";
import { describe } from "../coroutine/_describe.ts";
import { Queue as LocalQueue, type QueueStatistics } from "../coroutine/queue.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { QueueFullError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { Borrowing, Lending } from "./_family.ts";
import {
  type Borrowed,
  currentTable,
  type LentReference,
  type WireReference,
  writeBorrowed,
  writeOwn,
} from "./_reference.ts";
import { setHomeFinder } from "./_own_homes.ts";
import { setPortable } from "./_portable.ts";
import { PutLine } from "./_put_line.ts";
import { queueInternals, receiveQueue } from "./_queue_internals.ts";
import { QueueLoan } from "./_queue_loan.ts";
import { ConnectionClosedError } from "./errors.ts";

const WIRE_TYPE = "ipc.Queue";

/**
 * A first-in, first-out queue that processes of one family share: pass it to a child as an argument.
 *
 * - It lives in the process that created it; the others reach it over loopback TCP. Its rules are those
 *   of `Queue` of `@manyhands/concurrency/coroutine`: order, fairness, `maxSize`.
 * - Items are copied on their way to another process: what plain data and structured clones hold, and objects that cross as references.
 * - A `get` that was cancelled or timed out, or whose process died before the item had reached it, has
 *   taken nothing: the item is at the head of the queue again.
 * - Puts that are not awaited one by one leave together, in their order, which is many times as fast. At most a few
 *   thousand items are on their way; those beyond wait in the process that puts them, where each costs some hundred
 *   bytes until it is in the queue. With a `maxSize` the queue holds no more than that, however fast they come.
 *   A process that ends does not wait for them: await the last of them, or {@linkcode joinThread}.
 * - {@linkcode close} in the process that created it ends it for everybody; elsewhere it only gives up
 *   this process's share, when what was put there is in the queue.
 *
 * Needs `--allow-net=127.0.0.1` where it is created, once it is passed on. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Queue | multiprocessing.Queue},
 * but that there is no feeder thread: when `put` has ended, the item is in the queue.
 *
 * @example A child that answers over a queue
 * ```ts
 * import { Queue } from "@manyhands/concurrency/ipc";
 * import { Process } from "@manyhands/concurrency/process";
 *
 * export async function greet(queue: Queue<string>): Promise<void> {
 *   await queue.put("hello");
 * }
 *
 * if (import.meta.main) {
 *   await using queue = new Queue<string>();
 *   await using child = new Process({ module: import.meta.url, target: greet, args: [queue] });
 *   await child.start();
 *   console.log(await queue.get()); // hello
 * }
 * ```
 *
 * @typeParam T What is put and got.
 */
export class Queue<T> implements AsyncDisposable {
  static {
    setPortable(
      Queue,
      WIRE_TYPE,
      (queue) => queue.#lend(queue),
      (data) => receiveQueue(data, Queue<unknown>, (queue) => queue),
    );
    setHomeFinder(Queue, (queue) => {
      return queue.#place instanceof LocalQueue ? queue.#place : undefined;
    });
    queueInternals.call = (queue, method, args) => {
      return (queue as Queue<unknown>).#call(method as QueueMethod, args);
    };
    queueInternals.keepIn = (queue, place) => {
      (queue as Queue<unknown>).#place = place;
    };
    queueInternals.lend = (queue, object) => (queue as Queue<unknown>).#lend(object);
    queueInternals.describe = (queue, object) => (queue as Queue<unknown>).#describe(object);
    queueInternals.borrow = (queue, place) => (queue as Queue<unknown>).#borrow(place);
  }

  /** Where the items are: here, or in another process. */
  #place: LocalQueue<T> | Borrowed;
  /** As which it is lent. */
  #loan: QueueLoan<T> | undefined;
  #lending: Lending | undefined;
  /** What is put from here into a queue of another process. */
  #line: PutLine | undefined;
  #isClosed = false;
  #waitsForPuts = true;

  /**
   * Creates an empty queue that lives in this process.
   *
   * @param maxSize The most items that it may hold; `0` or less sets no limit.
   * @throws {TypeError} When `maxSize` is not a whole number.
   */
  constructor(maxSize: number = 0) {
    this.#place = new LocalQueue<T>(maxSize);
  }

  /**
   * Puts an item, and waits while the queue is full.
   *
   * @param item What to put.
   * @param options How long to wait, and what stops the wait.
   * @returns When the item is in the queue.
   * @throws {QueueFullError} When the queue was full for `timeoutMs`.
   * @throws {ConnectionClosedError} When the queue was closed here.
   */
  async put(item: T, options: WaitOptions = {}): Promise<void> {
    const line = this.#line;
    if (line !== undefined && !this.#isClosed) {
      const { signal, timeoutMs } = options;
      // A put that may be given up goes by itself; it does not overtake what was put before.
      if (signal === undefined && timeoutMs === undefined && currentScope() === undefined) {
        return await line.put(item);
      }
      if (!line.isIdle) {
        const began = performance.now();
        await waitWithin(line.settled, options, throwFull);
        if (timeoutMs !== undefined) {
          const leftMs = Math.max(0, timeoutMs - (performance.now() - began));
          options = { signal, timeoutMs: leftMs };
        }
      }
    }
    await this.#call("put", [item, options]);
  }

  /**
   * Puts an item, or fails when there is no place for it.
   *
   * @param item What to put.
   * @returns When the item is in the queue.
   * @throws {QueueFullError} When the queue is full.
   * @throws {ConnectionClosedError} When the queue was closed here.
   */
  async putNowait(item: T): Promise<void> {
    await this.#call("putNowait", [item]);
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
    return await this.#call("get", [options]) as T;
  }

  /**
   * Takes the next item, or fails when there is none.
   *
   * @returns The item.
   * @throws {QueueEmptyError} When the queue holds nothing.
   * @throws {ConnectionClosedError} When the queue was closed here.
   */
  async getNowait(): Promise<T> {
    return await this.#call("getNowait", []) as T;
  }

  /**
   * How many items can be taken.
   *
   * @returns The number of items at the moment in which the queue was asked.
   * @throws {ConnectionClosedError} When the queue was closed here.
   */
  async qsize(): Promise<number> {
    return await this.#call("qsize", []) as number;
  }

  /**
   * Whether nothing can be taken.
   *
   * @returns `true` when the queue holds nothing.
   * @throws {ConnectionClosedError} When the queue was closed here.
   */
  async empty(): Promise<boolean> {
    return await this.#call("empty", []) as boolean;
  }

  /**
   * Whether nothing can be put without waiting.
   *
   * @returns `true` when the queue holds `maxSize` items.
   * @throws {ConnectionClosedError} When the queue was closed here.
   */
  async full(): Promise<boolean> {
    return await this.#call("full", []) as boolean;
  }

  /**
   * How much is held, and how many wait.
   *
   * @returns The figures of the moment in which the queue was asked.
   * @throws {ConnectionClosedError} When the queue was closed here.
   */
  async statistics(): Promise<QueueStatistics> {
    return await this.#call("statistics", []) as QueueStatistics;
  }

  /**
   * Waits until all that this process has put so far is in the queue, also what was put without `await`. (In Python
   * a thread carries items to the queue after `put`, and this waits for it; here it is the puts themselves.)
   *
   * @returns When no put without a `signal` or `timeoutMs` is on its way. What failed is told by the put.
   */
  async joinThread(): Promise<void> {
    await this.#line?.settled;
  }

  /**
   * Lets {@linkcode close} not wait for puts that are on their way: they reject, and their items may be lost, as
   * with Python's `cancel_join_thread`.
   */
  cancelJoinThread(): void {
    this.#waitsForPuts = false;
  }

  /**
   * Gives up this process's share, when what it has put is in the queue: see {@linkcode cancelJoinThread}. In the
   * process that created the queue it ends the queue for everybody: what it holds is thrown away, and who waits gets
   * a `QueueShutDownError`. A second call does no harm.
   *
   * @returns When everything that the queue owned is released.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (!(this.#place instanceof LocalQueue)) {
      if (this.#waitsForPuts) await this.joinThread();
      return await this.#place.close();
    }
    this.#place.shutdown({ immediate: true });
    const lending = this.#lending;
    this.#lending = undefined;
    await lending?.end();
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
   * @returns The text, as `Queue { size: 2, maxSize: 0, unfinished: 2 }` or `Queue { in another process }`.
   */
  toString(): string {
    return this.#describe(this);
  }

  #describe(object: object): string {
    if (this.#isClosed) return describe(object, "closed");
    if (!(this.#place instanceof LocalQueue)) return describe(object, "in another process");
    const { size, maxSize, ...others } = this.#place.statistics();
    const figures = Object.entries(others).filter(([, count]) => count > 0);
    return describe(
      object,
      ...[["size", size], ["maxSize", maxSize], ...figures].map(([name, n]) => `${name}: ${n}`),
    );
  }

  #lend(object: object): WireReference {
    this.#checkOpen("pass on");
    const place = this.#place;
    if (!(place instanceof LocalQueue)) return writeBorrowed(place.reference);
    this.#loan ??= new QueueLoan(place);
    const table = currentTable();
    if (table !== undefined) return writeOwn(table.nameOf(this.#loan, object));
    return (this.#lending ??= new Lending(this.#loan)).reference;
  }

  #borrow(reference: LentReference): void {
    const borrowing = this.#place = reference.by ?? new Borrowing(reference);
    this.#line = new PutLine({
      putMany: async (bytes) => await borrowing.call("putMany", [bytes]) as number,
      put: async (item) => void await borrowing.call("put", [item]),
    });
  }

  async #call(method: QueueMethod, args: unknown[]): Promise<unknown> {
    this.#checkOpen(`call "${method}"`);
    const place = this.#place;
    if (!(place instanceof LocalQueue)) return await place.call(method, args);
    return await (place as unknown as Record<string, (...args: unknown[]) => unknown>)[method]!(
      ...args,
    );
  }

  #checkOpen(action: string): void {
    if (this.#isClosed) throw new ConnectionClosedError(`Cannot ${action}: the queue is closed`);
  }
}

function throwFull(timeoutMs: number): never {
  throw new QueueFullError(
    `Cannot put into queue: what was put before did not find a place within ${timeoutMs} ms`,
  );
}

type QueueMethod = Exclude<keyof LocalQueue<unknown>, symbol>;

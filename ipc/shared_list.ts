/**
 * A list that processes share.
 *
 * @module
 */

import { DataHandle } from "./_data_handle.ts";
import { ownObject, readReference } from "./_home.ts";
import { ListHome } from "./_list_home.ts";
import { setHomeFinder } from "./_own_homes.ts";
import { setPortable } from "./_portable.ts";
import { copyData } from "./_shared_data.ts";

/** Options for {@linkcode SharedList.sort}. */
export interface SharedListSortOptions {
  /**
   * Whether the largest comes first. Equal items stay in their order in both cases.
   *
   * @default {false}
   */
  reverse?: boolean | undefined;
}

/** What {@linkcode SharedList.statistics} tells. */
export interface SharedListStatistics {
  /** How many items there are. */
  length: number;
}

/**
 * A list that processes share.
 *
 * - It is passed to a process as an argument or through a queue, also to grandchildren, and is the same list there.
 *   It lives in the process that created it; the others reach it over loopback TCP. Where it comes back to that
 *   process, it is the very object.
 * - Each method is one step that nobody sees half done, also `push` of many items, `sort` and `slice`.
 *   {@linkcode compute} reads and writes in one step.
 * - An index counts from the end when it is negative.
 * - Items are copied on their way in and out: what is changed in a copy has to be `set` again. Objects that cross as
 *   references stay what they are: a `SharedDict` in a list is the same dictionary for everybody who gets it. It is
 *   there as long as its own process keeps it open; that another process closes its handle does not matter.
 * - A process that ends leaves what it has written. What it has taken out with {@linkcode pop} is gone with it, also
 *   when it is killed before the answer arrives: to hand out work take a queue, which gives an item that did not
 *   arrive to the next one.
 * - When the process in which the list lives ends, every call rejects with a {@linkcode ConnectionLostError}.
 *
 * Needs `--allow-net=127.0.0.1` where it is created, once it is passed on. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.managers.SyncManager.list | manager.list()}
 * without a process of its own, with the words of an `Array` for what an `Array` has.
 *
 * @example Results of many processes
 * ```ts
 * import { SharedList } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using results = new SharedList<number>(); // perhaps passed to ten children
 * await results.push(3, 1);
 * await results.insert(0, 2);
 * await results.sort({ reverse: true });
 * assertEquals(await results.toArray(), [3, 2, 1]);
 * assertEquals(await results.at(-1), 1);
 * ```
 *
 * @typeParam T What the items are.
 */
export class SharedList<T> implements AsyncDisposable {
  static {
    setPortable(
      SharedList,
      "ipc.SharedList",
      (list: SharedList<unknown>) => list.#handle.lend(list),
      (data) => {
        const reference = readReference(data, "a list");
        const own = ownObject(reference, SharedList<unknown>);
        if (own !== undefined) return own;
        const list = new SharedList<unknown>();
        list.#handle = new DataHandle<ListHome>("the list", reference);
        return list;
      },
    );
    setHomeFinder(SharedList, (list: SharedList<unknown>) => list.#handle.home);
  }

  #handle: DataHandle<ListHome>;

  /**
   * Creates a list that lives in this process.
   *
   * @param items Its first items.
   * @throws {TypeError} When an item cannot be carried to another process.
   */
  constructor(items: Iterable<T> = []) {
    const home = new ListHome();
    for (const item of items) home.list.push(copyData(item));
    this.#handle = new DataHandle("the list", home);
  }

  /**
   * Reads an item.
   *
   * @param index Which one.
   * @returns A copy of the item; `undefined` when there is no such index.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   * @throws {ConnectionLostError} When the process in which it lives is gone.
   */
  async at(index: number): Promise<T | undefined> {
    return await this.#handle.read("at", index);
  }

  /**
   * Writes an item.
   *
   * @param index Which one.
   * @param item The new one; it is copied before this returns.
   * @returns When it is written.
   * @throws {RangeError} When there is no such index.
   * @throws {TypeError} When the item cannot be carried to another process.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async set(index: number, item: T): Promise<void> {
    await this.#handle.write("set", item, index);
  }

  /**
   * Adds items at the end, in one step.
   *
   * @param items The items, in their order.
   * @returns The new length.
   * @throws {TypeError} When an item cannot be carried to another process.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async push(...items: T[]): Promise<number> {
    return await this.#handle.write("push", items);
  }

  /**
   * Adds items at the end, in one step.
   *
   * @param items The items, in their order; there may be more than a call takes arguments.
   * @returns The new length.
   * @throws {TypeError} When an item cannot be carried to another process.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async extend(items: Iterable<T>): Promise<number> {
    return await this.#handle.write("push", [...items]);
  }

  /**
   * Adds an item before another one.
   *
   * @param index Before which one; what is too large stands for the end, and what is too small for the beginning.
   * @param item The item.
   * @returns When it is there.
   * @throws {TypeError} When the item cannot be carried to another process.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async insert(index: number, item: T): Promise<void> {
    await this.#handle.write("insert", item, index);
  }

  /**
   * Takes an item away, and gives it. When this process is killed before the answer arrives, the item is lost.
   *
   * @param index Which one: the last one unless it is said.
   * @returns The item.
   * @throws {RangeError} When there is no such index.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async pop(index: number = -1): Promise<T> {
    return await this.#handle.write("pop", index);
  }

  /**
   * Takes the first item away that is equal to one.
   *
   * @param item What it is to be equal to: data deep within, and what crosses as a reference as the same thing.
   * @returns When it is gone.
   * @throws {RangeError} When there is none.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async remove(item: T): Promise<void> {
    await this.#handle.write("remove", item);
  }

  /**
   * How many items there are.
   *
   * @returns Their number at the moment in which the list was asked.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async length(): Promise<number> {
    return await this.#handle.read("length");
  }

  /**
   * A copy of a part, in one step.
   *
   * @param start Where it begins; from the end when negative.
   * @param end Where it ends, exclusive; from the end when negative.
   * @returns The items, in an ordinary array.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async slice(start: number = 0, end?: number): Promise<T[]> {
    return await this.#handle.read("slice", ...end === undefined ? [start] : [start, end]);
  }

  /**
   * The items of this moment. They come in one message; of a large list, `for await` gets them piece by piece.
   *
   * @returns A copy, in an ordinary array.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async toArray(): Promise<T[]> {
    return await this.slice();
  }

  /**
   * Where the first item is that is equal to one.
   *
   * @param item What it is to be equal to: data deep within, and what crosses as a reference as the same thing.
   * @param start Where to begin; from the end when negative.
   * @returns Its index, or `-1`.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async indexOf(item: T, start: number = 0): Promise<number> {
    return await this.#handle.read("indexOf", item, start);
  }

  /**
   * Whether an item is equal to one.
   *
   * @param item What it is to be equal to: data deep within, and what crosses as a reference as the same thing.
   * @returns `true` when there is one.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async includes(item: T): Promise<boolean> {
    return await this.indexOf(item) !== -1;
  }

  /**
   * How many items are equal to one.
   *
   * @param item What they are to be equal to: data deep within, and what crosses as a reference as the same thing.
   * @returns Their number.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async count(item: T): Promise<number> {
    return await this.#handle.read("count", item);
  }

  /**
   * Turns the order round.
   *
   * @returns When it is done.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async reverse(): Promise<void> {
    await this.#handle.write("reverse");
  }

  /**
   * Sorts the list, the smallest first: numbers by value, strings by code unit, arrays item by item. (A function that
   * compares cannot cross: sort a copy, and write it.)
   *
   * @param options Whether the largest comes first.
   * @returns When it is sorted.
   * @throws {TypeError} When two items have no order, as a number and a string; nothing is changed then.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async sort(options: SharedListSortOptions = {}): Promise<void> {
    await this.#handle.write("sort", options.reverse === true);
  }

  /**
   * Takes all items away.
   *
   * @returns When they are gone.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async clear(): Promise<void> {
    await this.#handle.write("clear");
  }

  /**
   * Changes an item, in one step.
   *
   * @param index Which one.
   * @param change Makes the new item of a copy of the old one, in this process; it may answer a promise. It is called
   * again when another one was faster.
   * @returns What it has answered.
   * @throws {RangeError} When there is no such index.
   * @throws {TypeError} When the item cannot be carried to another process.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async compute(index: number, change: (item: T) => T | Promise<T>): Promise<T> {
    const [item] = await this.#handle.compute<T>([index], async ([before]) => [
      await change(before as T),
    ]);
    return item as T;
  }

  /**
   * How many items there are.
   *
   * @returns The figures of the moment in which the list was asked.
   * @throws {ConnectionClosedError} When the list was closed here or by its owner.
   */
  async statistics(): Promise<SharedListStatistics> {
    return await this.#handle.read("statistics");
  }

  /**
   * Gives this process's share up. In the process that created the list it ends the list for everybody. A second call
   * does no harm.
   *
   * @returns When everything that the list owned is released.
   */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Closes the list, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Goes through the items by their index, a thousand or so with one message, until there is no next one. As in
   * Python, what comes or goes meanwhile moves the others.
   *
   * @returns The items.
   */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    return this.#handle.iterate();
  }

  /** How many items there are, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * How many items there are; elsewhere than in its own process that is not known.
   *
   * @returns The text, as `SharedList { length: 2 }` or `SharedList { in another process }`.
   */
  toString(): string {
    return this.#handle.describe(this, ({ list }) => [`length: ${list.length}`]);
  }
}

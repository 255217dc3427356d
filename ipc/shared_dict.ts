/**
 * A dictionary that processes share.
 *
 * @module
 */

import { DataHandle } from "./_data_handle.ts";
import { checkKey, DictHome } from "./_dict_home.ts";
import { ownObject, readReference } from "./_home.ts";
import { setHomeFinder } from "./_own_homes.ts";
import { setPortable } from "./_portable.ts";
import { copyData } from "./_shared_data.ts";

/** What the keys of a {@linkcode SharedDict} may be: they are told apart as those of a `Map`. */
export type SharedDictKey = string | number | boolean | bigint | null;

/** What {@linkcode SharedDict.statistics} tells. */
export interface SharedDictStatistics {
  /** How many entries there are. */
  size: number;
  /** Iterations that have begun and not ended, in all processes. */
  iterating: number;
}

/**
 * A dictionary that processes share.
 *
 * - It is passed to a process as an argument or through a queue, also to grandchildren, and is the same dictionary
 *   there. It lives in the process that created it; the others reach it over loopback TCP. Where it comes back to
 *   that process, it is the very object.
 * - Each method is one step that nobody sees half done, also `update` and `entries`. {@linkcode compute} and
 *   {@linkcode add} read and write in one step.
 * - Keys are told apart as those of a `Map`: `1`, `"1"` and `true` are three keys. Entries stay in the order in which
 *   their keys came.
 * - Values are copied on their way in and out: what is changed in a copy has to be `set` again. Objects that cross as
 *   references stay what they are: a `SharedList` in a dictionary is the same list for everybody who gets it. It is
 *   there as long as its own process keeps it open; that another process closes its handle does not matter.
 * - A process that ends leaves what it has written. What it has taken out with {@linkcode pop} or
 *   {@linkcode popItem} is gone with it, also when it is killed before the answer arrives: to hand out work take a
 *   queue, which gives an item that did not arrive to the next one.
 * - When the process in which the dictionary lives ends, every call rejects with a {@linkcode ConnectionLostError}.
 *
 * Needs `--allow-net=127.0.0.1` where it is created, once it is passed on. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.managers.SyncManager.dict | manager.dict()}
 * without a process of its own, with the words of a `Map` for what a `Map` has.
 *
 * @example Counting words in many processes
 * ```ts
 * import { SharedDict } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using counts = new SharedDict<string, number>(); // perhaps passed to ten children
 * for (const word of ["to", "be", "or", "not", "to", "be"]) await counts.add(word, 1);
 * assertEquals(await counts.get("to"), 2);
 * assertEquals(await counts.keys(), ["to", "be", "or", "not"]);
 * ```
 *
 * @example A list for each key
 * ```ts
 * import { SharedDict } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * await using graph = new SharedDict<string, string[]>();
 * await graph.set("a", ["b"]);
 * await graph.compute("a", (next = []) => [...next, "c"]);
 * assertEquals(await graph.get("a"), ["b", "c"]);
 * ```
 *
 * @typeParam K What the keys are.
 * @typeParam V What the values are.
 */
export class SharedDict<K extends SharedDictKey = string, V = unknown> implements AsyncDisposable {
  static {
    setPortable(SharedDict, "ipc.SharedDict", (dict) => dict.#handle.lend(dict), (data) => {
      const reference = readReference(data, "a dictionary");
      const own = ownObject(reference, SharedDict);
      if (own !== undefined) return own;
      const dict = new SharedDict();
      dict.#handle = new DataHandle<DictHome>("the dictionary", reference);
      return dict;
    });
    setHomeFinder(SharedDict, (dict) => dict.#handle.home);
  }

  #handle: DataHandle<DictHome>;

  /**
   * Creates a dictionary that lives in this process.
   *
   * @param entries Its first entries: pairs, a map, or the fields of an object.
   * @throws {TypeError} When a key is of another kind, or a value cannot be carried to another process.
   */
  constructor(entries: Iterable<readonly [K, V]> | Readonly<Record<string, V>> = []) {
    const home = new DictHome("the dictionary");
    for (const [key, value] of pairsOf(entries)) home.map.set(key, copyData(value));
    this.#handle = new DataHandle("the dictionary", home);
  }

  /**
   * Reads a value.
   *
   * @param key Its key.
   * @returns A copy of the value; `undefined` when there is no such key.
   * @throws {TypeError} When the key is of another kind.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   * @throws {ConnectionLostError} When the process in which it lives is gone.
   */
  async get(key: K): Promise<V | undefined> {
    return await this.#handle.read("get", check(key));
  }

  /**
   * Writes a value.
   *
   * @param key Its key.
   * @param value The new value; it is copied before this returns.
   * @returns When it is written.
   * @throws {TypeError} When the key is of another kind, or the value cannot be carried to another process.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async set(key: K, value: V): Promise<void> {
    await this.#handle.write("set", value, check(key));
  }

  /**
   * Whether there is a key.
   *
   * @param key The key.
   * @returns `true` when it has a value, also one of `undefined`.
   * @throws {TypeError} When the key is of another kind.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async has(key: K): Promise<boolean> {
    return await this.#handle.read("has", check(key));
  }

  /**
   * Takes an entry away.
   *
   * @param key Its key.
   * @returns Whether it was there.
   * @throws {TypeError} When the key is of another kind.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async delete(key: K): Promise<boolean> {
    return await this.#handle.write("delete", check(key));
  }

  /**
   * How many entries there are.
   *
   * @returns Their number at the moment in which the dictionary was asked.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async size(): Promise<number> {
    return await this.#handle.read("size");
  }

  /**
   * Takes all entries away.
   *
   * @returns When they are gone.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async clear(): Promise<void> {
    await this.#handle.write("clear");
  }

  /**
   * The keys of this moment.
   *
   * @returns A copy, in their order.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async keys(): Promise<K[]> {
    return await this.#handle.read("keys");
  }

  /**
   * The values of this moment.
   *
   * @returns A copy, in the order of their keys.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async values(): Promise<V[]> {
    return await this.#handle.read("values");
  }

  /**
   * The entries of this moment. They come in one message; of a large dictionary, `for await` gets them piece by
   * piece.
   *
   * @returns A copy, in their order.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async entries(): Promise<[K, V][]> {
    return await this.#handle.read("entries");
  }

  /**
   * The dictionary of this moment.
   *
   * @returns A copy, that is a map of this process.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async copy(): Promise<Map<K, V>> {
    return new Map(await this.entries());
  }

  /**
   * Takes an entry away, and gives its value. When this process is killed before the answer arrives, the value is
   * lost.
   *
   * @param key Its key.
   * @param otherwise What is given when there is no such key.
   * @returns The value.
   * @throws {RangeError} When there is no such key, and nothing to give otherwise.
   * @throws {TypeError} When the key is of another kind.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async pop<D = never>(key: K, ...otherwise: [] | [otherwise: D]): Promise<V | D> {
    const found = await this.#handle.write<V[]>("pop", check(key), otherwise.length > 0);
    return (found.length > 0 ? found[0] : otherwise[0]) as V | D;
  }

  /**
   * Takes the entry away whose key came last. When this process is killed before the answer arrives, the entry is
   * lost.
   *
   * @returns The entry.
   * @throws {RangeError} When the dictionary is empty.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async popItem(): Promise<[K, V]> {
    return await this.#handle.write("popItem");
  }

  /**
   * Reads a value, and writes one before when there is none.
   *
   * @param key Its key.
   * @param value What is written when there is no such key.
   * @returns What the key has now.
   * @throws {TypeError} When the key is of another kind, or the value cannot be carried to another process.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async setDefault(key: K, value: V): Promise<V> {
    return await this.#handle.write("setDefault", value, check(key));
  }

  /**
   * Writes several values, in one step.
   *
   * @param entries Pairs, a map, or the fields of an object.
   * @returns When all are written.
   * @throws {TypeError} When a key is of another kind, or a value cannot be carried: none is written then.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async update(entries: Iterable<readonly [K, V]> | Readonly<Record<string, V>>): Promise<void> {
    await this.#handle.write("update", pairsOf(entries));
  }

  /**
   * Changes a value, in one step.
   *
   * @param key Its key.
   * @param change Makes the new value of a copy of the old one, in this process; it may answer a promise. It gets
   * `undefined` when there is no such key, and takes the entry away by answering `undefined`. It is called again when
   * another one was faster.
   * @returns What it has answered.
   * @throws {TypeError} When the key is of another kind, or the value cannot be carried to another process.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async compute(
    key: K,
    change: (value: V | undefined) => V | undefined | Promise<V | undefined>,
  ): Promise<V | undefined> {
    const [value] = await this.#handle.compute<V>([check(key)], async ([before]) => {
      const after = await change(before);
      return after === undefined ? [] : [after];
    });
    return value;
  }

  /**
   * Adds to a number, in one step.
   *
   * @param key Its key; without a value it counts as `0`.
   * @param amount How much; it may be negative.
   * @returns The new number.
   * @throws {TypeError} When the key has something else than a number, or the amount is none.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async add(key: K, amount: number): Promise<number> {
    return await this.#handle.write("add", check(key), amount);
  }

  /**
   * How many entries there are, and how many iterations.
   *
   * @returns The figures of the moment in which the dictionary was asked.
   * @throws {ConnectionClosedError} When the dictionary was closed here or by its owner.
   */
  async statistics(): Promise<SharedDictStatistics> {
    return await this.#handle.read("statistics");
  }

  /**
   * Gives this process's share up. In the process that created the dictionary it ends the dictionary for everybody.
   * A second call does no harm.
   *
   * @returns When everything that the dictionary owned is released.
   */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Closes the dictionary, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Goes through the entries, a thousand or so with one message. Values that are written meanwhile are seen or not.
   *
   * @returns The entries, in their order. It throws an `InvalidStateError` when keys were added or removed since it
   * began, as Python does: iterate over `entries()` then.
   */
  [Symbol.asyncIterator](): AsyncGenerator<[K, V], void, undefined> {
    return this.#handle.iterate();
  }

  /** How many entries there are, as `console.log` shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * How many entries there are; elsewhere than in its own process that is not known.
   *
   * @returns The text, as `SharedDict { size: 2 }` or `SharedDict { in another process }`.
   */
  toString(): string {
    return this.#handle.describe(this, ({ map }) => [`size: ${map.size}`]);
  }
}

function check<K>(key: K): K {
  return checkKey(key, "the dictionary");
}

function pairsOf<K, V>(entries: Iterable<readonly [K, V]> | Readonly<Record<string, V>>): [K, V][] {
  if (typeof entries !== "object" || entries === null) {
    throw new TypeError("Cannot read entries: they must be pairs, a map or an object");
  }
  const pairs = Symbol.iterator in entries
    ? [...entries as Iterable<readonly [K, V]>]
    : Object.entries(entries) as unknown as [K, V][];
  return pairs.map((pair) => {
    if (!Array.isArray(pair)) throw new TypeError("Cannot read entries: an item is no pair");
    return [check(pair[0]), pair[1]];
  });
}

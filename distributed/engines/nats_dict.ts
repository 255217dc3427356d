/**
 * A dictionary on NATS that programs share.
 *
 * @module
 */

import type { SharedDictKey } from "../../ipc/shared_dict.ts";
import { NatsBucket } from "./_nats_bucket.ts";
import { swap, UNCHANGED } from "./_nats_cas.ts";
import { fromBytes, toBytes } from "./_nats_encoding.ts";
import { decodeKey, encodeKey } from "./_nats_key.ts";
import { listBucket } from "./_nats_watch.ts";
import type { NatsBucketOptions } from "./nats_bucket_options.ts";
import type { NatsConnection } from "./nats_connection.ts";
import type { NatsOptions } from "./nats_options.ts";

/** A value of a {@linkcode NatsDict} and the number of its last change. */
export interface NatsDictEntry<V = unknown> {
  /** The value. */
  readonly value: V;
  /** The number of its last change, for {@linkcode NatsDict.compareAndSet}. It grows with each change of the dictionary. */
  readonly revision: number;
}

/**
 * A dictionary that programs on any machines share. It outlives them, and is replicated when it is made so.
 *
 * - Everybody who makes a dictionary of the same name has the same one.
 * - Each method is one step that nobody sees half done, except {@linkcode update}, which is one step for each key, and
 *   those that read all keys, which may see what is written meanwhile or not. {@linkcode compute} and
 *   {@linkcode add} read and write in one step, by compare-and-swap: they are called again when another one was faster.
 * - Who has written sees what he has written. A write that was answered is kept.
 * - Keys are told apart as those of a `Map`: `1`, `"1"` and `true` are three keys. The order is that of the last change.
 * - Values are copied on their way in and out: what is changed in a copy has to be `set` again. They are JSON where JSON
 *   gives back the same value, so that programs in other languages read and write them too. Objects that live in a
 *   process, as a `SharedList`, are refused.
 * - A key that was deleted leaves a mark of some hundred bytes on the engine; {@linkcode clear} takes all of them away.
 *
 * It has the words of {@linkcode SharedDict}; what it has not is `popItem`, since no order of all programs tells which
 * key came last.
 *
 * @example Settings for a fleet
 * ```ts
 * import { NatsDict, type NatsOptions } from "@manyhands/concurrency/distributed/nats";
 *
 * export async function slowDown(nats: NatsOptions): Promise<void> {
 *   await using limits = new NatsDict<string, { perSecond: number }>(nats, "limits", { replicas: 3 });
 *   await limits.compute("mail", (limit) => ({ perSecond: (limit?.perSecond ?? 100) / 2 }));
 * }
 * ```
 *
 * @typeParam K What the keys are.
 * @typeParam V What the values are.
 */
export class NatsDict<K extends SharedDictKey = string, V = unknown> implements AsyncDisposable {
  /** What it is called. */
  readonly name: string;
  readonly #bucket: NatsBucket;
  readonly #what: string;

  /**
   * Makes the handle of a dictionary; the engine is reached when it is first used.
   *
   * @param nats A connection, which stays the caller's, or options of one.
   * @param name What the dictionary is called, which is also the name of its bucket: letters, digits, `-` and `_`.
   * @param options How it is kept.
   * @throws {TypeError} When an option or the name is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   */
  constructor(
    nats: NatsConnection | NatsOptions,
    name: string,
    options: Omit<NatsBucketOptions, "bucket"> = {},
  ) {
    this.name = name;
    this.#what = `dictionary "${name}"`;
    const { replicas, patienceMs } = options;
    this.#bucket = new NatsBucket(nats, { what: this.#what, bucket: name, swaps: true }, {
      replicas,
      patienceMs,
    });
  }

  /**
   * Reads a value.
   *
   * @param key Its key.
   * @returns A copy of the value; `undefined` when there is no such key.
   * @throws {TypeError} When the key is of another kind.
   * @throws {ProtocolError} When another program has written what cannot be read.
   * @throws {EngineUnavailableError} When the engine does not answer.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async get(key: K): Promise<V | undefined> {
    return (await this.getEntry(key))?.value;
  }

  /**
   * Reads a value, and the number of its last change.
   *
   * @param key Its key.
   * @returns Both; `undefined` when there is no such key.
   * @throws {TypeError} When the key is of another kind.
   * @throws {ProtocolError} When another program has written what cannot be read.
   * @throws {EngineUnavailableError} When the engine does not answer.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async getEntry(key: K): Promise<NatsDictEntry<V> | undefined> {
    const { data, revision } = await this.#bucket.read(this.#encode(key));
    return data === undefined ? undefined : { value: fromBytes(data) as V, revision };
  }

  /**
   * Writes a value.
   *
   * @param key Its key.
   * @param value The new value; it is copied before this returns.
   * @returns When it is written.
   * @throws {TypeError} When the key is of another kind, or the value cannot be carried.
   * @throws {RangeError} When one of them is larger than what the engine takes.
   * @throws {EngineUnavailableError} When the engine does not answer; it may be written or not.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async set(key: K, value: V): Promise<void> {
    await this.#bucket.write(this.#encode(key), toBytes(value));
  }

  /**
   * Writes a value if nobody has changed it, in one step.
   *
   * @param key Its key.
   * @param value The new value.
   * @param options The number of the last change that the key must have; without it, there must be no such key.
   * @returns The number of this change; `undefined` when the key was changed meanwhile, and nothing is written.
   * @throws {TypeError} When the key is of another kind, or the value cannot be carried.
   * @throws {RangeError} When one of them is larger than what the engine takes.
   * @throws {EngineUnavailableError} When the engine does not answer; it may be written or not.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async compareAndSet(
    key: K,
    value: V,
    options: { revision?: number | undefined } = {},
  ): Promise<number | undefined> {
    const encoded = this.#encode(key);
    const bytes = toBytes(value);
    const { revision } = options;
    if (revision !== undefined) {
      return await this.#bucket.write(encoded, bytes, { expected: revision });
    }
    // A key that was deleted has a number, too.
    const before = await this.#bucket.read(encoded);
    if (before.data !== undefined) return undefined;
    return await this.#bucket.write(encoded, bytes, { expected: before.revision });
  }

  /**
   * Whether there is a key.
   *
   * @param key The key.
   * @returns `true` when it has a value, also one of `undefined`.
   * @throws {TypeError} When the key is of another kind.
   * @throws {EngineUnavailableError} When the engine does not answer.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async has(key: K): Promise<boolean> {
    return (await this.#bucket.read(this.#encode(key))).data !== undefined;
  }

  /**
   * Takes an entry away.
   *
   * @param key Its key.
   * @returns Whether it was there.
   * @throws {TypeError} When the key is of another kind.
   * @throws {EngineUnavailableError} When the engine does not answer; it may be there or not.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async delete(key: K): Promise<boolean> {
    return (await this.#take(key)) !== undefined;
  }

  /**
   * How many entries there are.
   *
   * @returns Their number.
   * @throws {EngineUnavailableError} When the engine does not answer.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async size(): Promise<number> {
    return (await listBucket(this.#bucket, { keysOnly: true })).length;
  }

  /**
   * Takes all entries away, in one step.
   *
   * @returns When they are gone.
   * @throws {EngineUnavailableError} When the engine does not answer; they may be there or not.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async clear(): Promise<void> {
    await this.#bucket.purge();
  }

  /**
   * The keys.
   *
   * @returns A copy, the one that was changed last at the end.
   * @throws {ProtocolError} When another program has written a key in another way.
   * @throws {EngineUnavailableError} When the engine does not answer.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async keys(): Promise<K[]> {
    const list = await listBucket(this.#bucket, { keysOnly: true });
    return list.map(({ key }) => decodeKey(key) as K);
  }

  /**
   * The values.
   *
   * @returns A copy, the one that was changed last at the end.
   * @throws {ProtocolError} When another program has written what cannot be read.
   * @throws {EngineUnavailableError} When the engine does not answer.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async values(): Promise<V[]> {
    return (await this.entries()).map(([, value]) => value);
  }

  /**
   * The entries.
   *
   * @returns A copy, the one that was changed last at the end.
   * @throws {ProtocolError} When another program has written what cannot be read.
   * @throws {EngineUnavailableError} When the engine does not answer.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async entries(): Promise<[K, V][]> {
    const list = await listBucket(this.#bucket, { keysOnly: false });
    return list.map(({ key, data }) => [decodeKey(key) as K, fromBytes(data!) as V]);
  }

  /**
   * The dictionary of this moment.
   *
   * @returns A copy, that is a map of this process.
   * @throws {ProtocolError} When another program has written what cannot be read.
   * @throws {EngineUnavailableError} When the engine does not answer.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async copy(): Promise<Map<K, V>> {
    return new Map(await this.entries());
  }

  /**
   * Takes an entry away, and gives its value: of several who do so at once, one gets it.
   *
   * @param key Its key.
   * @param otherwise What is given when there is no such key.
   * @returns The value.
   * @throws {RangeError} When there is no such key, and nothing to give otherwise.
   * @throws {TypeError} When the key is of another kind.
   * @throws {EngineUnavailableError} When the engine does not answer; it may be taken or not.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async pop<D = never>(key: K, ...otherwise: [] | [otherwise: D]): Promise<V | D> {
    const data = await this.#take(key);
    if (data !== undefined) return fromBytes(data) as V;
    if (otherwise.length > 0) return otherwise[0] as D;
    const shown = typeof key === "string" ? JSON.stringify(key) : String(key);
    throw new RangeError(`Cannot pop from ${this.#what}: there is no key ${shown}`);
  }

  /**
   * Reads a value, and writes one before when there is none.
   *
   * @param key Its key.
   * @param value What is written when there is no such key.
   * @returns What the key has now.
   * @throws {TypeError} When the key is of another kind, or the value cannot be carried.
   * @throws {EngineUnavailableError} When the engine does not answer; it may be written or not.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async setDefault(key: K, value: V): Promise<V> {
    const bytes = toBytes(value);
    let result = value;
    await swap(this.#bucket, this.#encode(key), (data) => {
      if (data === undefined) return bytes;
      result = fromBytes(data) as V;
      return UNCHANGED;
    });
    return result;
  }

  /**
   * Writes several values, each in one step.
   *
   * @param entries Pairs, a map, or the fields of an object.
   * @returns When all are written.
   * @throws {TypeError} When a key is of another kind, or a value cannot be carried: none is written then.
   * @throws {EngineUnavailableError} When the engine does not answer; some may be written and others not.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async update(entries: Iterable<readonly [K, V]> | Readonly<Record<string, V>>): Promise<void> {
    // The last one of a key counts.
    const written = new Map(
      pairsOf(entries).map(([key, value]) => [this.#encode(key), toBytes(value)]),
    );
    await Promise.all([...written].map(([key, bytes]) => this.#bucket.write(key, bytes)));
  }

  /**
   * Changes a value, in one step.
   *
   * @param key Its key.
   * @param change Makes the new value of a copy of the old one, in this process; it may answer a promise. It gets
   * `undefined` when there is no such key, and takes the entry away by answering `undefined`. It is called again when
   * another one was faster.
   * @returns What it has answered.
   * @throws {TypeError} When the key is of another kind, or the value cannot be carried.
   * @throws {EngineUnavailableError} When the engine does not answer; it may be written or not.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async compute(
    key: K,
    change: (value: V | undefined) => V | undefined | Promise<V | undefined>,
  ): Promise<V | undefined> {
    let result: V | undefined;
    await swap(this.#bucket, this.#encode(key), async (data) => {
      result = await change(data === undefined ? undefined : fromBytes(data) as V);
      return result === undefined ? undefined : toBytes(result);
    });
    return result;
  }

  /**
   * Adds to a number, in one step.
   *
   * @param key Its key; without a value it counts as `0`.
   * @param amount How much; it may be negative.
   * @returns The new number.
   * @throws {TypeError} When the key has something else than a number, or the amount is none.
   * @throws {EngineUnavailableError} When the engine does not answer; it may be added or not.
   * @throws {ConnectionClosedError} When the dictionary was closed here.
   */
  async add(key: K, amount: number): Promise<number> {
    if (typeof amount !== "number") {
      throw new TypeError(`Cannot add to ${this.#what}: expected a number, got ${typeof amount}`);
    }
    let sum = 0;
    await swap(this.#bucket, this.#encode(key), (data) => {
      const before = data === undefined ? 0 : fromBytes(data);
      if (typeof before !== "number") {
        throw new TypeError(`Cannot add to ${this.#what}: the key has ${typeof before}, no number`);
      }
      sum = before + amount;
      return toBytes(sum);
    });
    return sum;
  }

  /**
   * Gives this program's share up; the dictionary stays. A second call does no harm.
   *
   * @returns When the connection is closed, if it was the dictionary's alone.
   */
  async close(): Promise<void> {
    await this.#bucket.close();
  }

  /** Closes the dictionary, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Goes through the entries.
   *
   * @returns The entries of the moment in which it began, the one that was changed last at the end.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<[K, V], void, undefined> {
    yield* await this.entries();
  }

  #encode(key: K): string {
    return encodeKey(key, this.#what);
  }

  async #take(key: K): Promise<Uint8Array | undefined> {
    let taken: Uint8Array | undefined;
    await swap(this.#bucket, this.#encode(key), (data) => {
      taken = data;
      return undefined;
    });
    return taken;
  }
}

function pairsOf<K, V>(
  entries: Iterable<readonly [K, V]> | Readonly<Record<string, V>>,
): (readonly [K, V])[] {
  if (typeof entries !== "object" || entries === null) {
    throw new TypeError("Cannot read entries: they must be pairs, a map or an object");
  }
  if (!(Symbol.iterator in entries)) {
    return Object.entries(entries) as unknown as (readonly [K, V])[];
  }
  return [...entries as Iterable<readonly [K, V]>].map((pair) => {
    if (!Array.isArray(pair)) throw new TypeError("Cannot read entries: an item is no pair");
    return pair as readonly [K, V];
  });
}

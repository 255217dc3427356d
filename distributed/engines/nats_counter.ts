/**
 * A number on NATS that programs share.
 *
 * @module
 */

import { ProtocolError } from "../../ipc/errors.ts";
import { NatsBucket } from "./_nats_bucket.ts";
import { swap, UNCHANGED } from "./_nats_cas.ts";
import { fromBytes, toBytes } from "./_nats_encoding.ts";
import { keyOfName } from "./_nats_name.ts";
import type { NatsBucketOptions } from "./nats_bucket_options.ts";
import type { NatsConnection } from "./nats_connection.ts";
import type { NatsOptions } from "./nats_options.ts";

const DEFAULT_BUCKET = "counters";

/**
 * A number that programs on any machines share. It begins with 0, and outlives the programs.
 *
 * - Everybody who makes a counter of the same name in the same bucket has the same number.
 * - `get`, `set`, `add` and `compareExchange` are each one step that nobody sees half done. An `add` is done once, also
 *   when its answer was lost and it was tried again.
 * - It is for figures that change some hundred times a second: each change is a message to the engine and back, and
 *   those who meet try again.
 *
 * It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Value | multiprocessing.Value} for many
 * machines.
 *
 * @example Numbers that are given once
 * ```ts
 * import { NatsCounter, type NatsOptions } from "@manyhands/concurrency/distributed/nats";
 *
 * export async function nextInvoice(nats: NatsOptions): Promise<number> {
 *   await using invoices = new NatsCounter(nats, "invoices");
 *   return await invoices.add(1);
 * }
 * ```
 */
export class NatsCounter implements AsyncDisposable {
  /** What it is called. */
  readonly name: string;
  readonly #bucket: NatsBucket;
  readonly #key: string;

  /**
   * Makes the handle of a counter; the engine is reached when it is first used.
   *
   * @param nats A connection, which stays the caller's, or options of one.
   * @param name What the counter is called.
   * @param options Where it is kept.
   * @throws {TypeError} When an option or the name is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   */
  constructor(
    nats: NatsConnection | NatsOptions,
    name: string,
    options: NatsBucketOptions = {},
  ) {
    this.#key = keyOfName(name, "a counter");
    this.name = name;
    const settings = { what: `counter "${name}"`, bucket: DEFAULT_BUCKET, swaps: true };
    this.#bucket = new NatsBucket(nats, settings, options);
  }

  /**
   * Reads the number.
   *
   * @returns The number at the moment in which it was asked for.
   * @throws {EngineUnavailableError} When the engine does not answer.
   * @throws {ProtocolError} When another program has written something else than a number.
   * @throws {ConnectionClosedError} When the counter was closed here.
   */
  async get(): Promise<number> {
    return this.#read((await this.#bucket.read(this.#key)).data);
  }

  /**
   * Writes the number.
   *
   * @param value The new one.
   * @returns When it is written.
   * @throws {TypeError} When it is not a finite number.
   * @throws {EngineUnavailableError} When the engine does not answer; it may be written or not.
   * @throws {ConnectionClosedError} When the counter was closed here.
   */
  async set(value: number): Promise<void> {
    await this.#bucket.write(this.#key, toBytes(this.#check("set", value)));
  }

  /**
   * Adds to the number, in one step.
   *
   * @param amount How much; it may be negative.
   * @returns The new number.
   * @throws {TypeError} When it is not a finite number.
   * @throws {ProtocolError} When another program has written something else than a number.
   * @throws {EngineUnavailableError} When the engine does not answer; it may be added or not.
   * @throws {ConnectionClosedError} When the counter was closed here.
   */
  async add(amount: number): Promise<number> {
    this.#check("add to", amount);
    let sum = 0;
    await swap(this.#bucket, this.#key, (data) => {
      sum = this.#read(data) + amount;
      return toBytes(sum);
    });
    return sum;
  }

  /**
   * Writes the number if it is what is expected, in one step.
   *
   * @param expected What it is to be before.
   * @param value The new one.
   * @returns What the number was: the expected one when the new one was written.
   * @throws {TypeError} When one of them is not a finite number.
   * @throws {ProtocolError} When another program has written something else than a number.
   * @throws {EngineUnavailableError} When the engine does not answer; it may be written or not.
   * @throws {ConnectionClosedError} When the counter was closed here.
   */
  async compareExchange(expected: number, value: number): Promise<number> {
    this.#check("set", expected);
    this.#check("set", value);
    let before = 0;
    await swap(this.#bucket, this.#key, (data) => {
      before = this.#read(data);
      return before === expected ? toBytes(value) : UNCHANGED;
    });
    return before;
  }

  /**
   * Gives this program's share up; the number stays. A second call does no harm.
   *
   * @returns When the connection is closed, if it was the counter's alone.
   */
  async close(): Promise<void> {
    await this.#bucket.close();
  }

  /** Closes the counter, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #read(data: Uint8Array | undefined): number {
    if (data === undefined) return 0;
    const value = fromBytes(data);
    if (typeof value === "number") return value;
    throw new ProtocolError(`Cannot read counter "${this.name}": it holds no number`);
  }

  #check(verb: string, value: unknown): number {
    // JSON has no -0.
    if (typeof value === "number" && Number.isFinite(value)) return value + 0;
    throw new TypeError(
      `Cannot ${verb} counter "${this.name}": expected a finite number, got ${String(value)}`,
    );
  }
}

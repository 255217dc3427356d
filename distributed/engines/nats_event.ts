/**
 * A flag on NATS that programs can wait for.
 *
 * @module
 */

import { checkTimeout } from "../../coroutine/_check_timeout.ts";
import { waitWithin } from "../../coroutine/_wait_within.ts";
import type { WaitOptions } from "../../coroutine/wait_options.ts";
import { ConnectionClosedError } from "../../ipc/errors.ts";
import { EngineUnavailableError } from "../task_errors.ts";
import { NatsBucket } from "./_nats_bucket.ts";
import { toBytes } from "./_nats_encoding.ts";
import { keyOfName } from "./_nats_name.ts";
import { type BucketChange, watchBucket } from "./_nats_watch.ts";
import type { NatsBucketOptions } from "./nats_bucket_options.ts";
import type { NatsConnection } from "./nats_connection.ts";
import type { NatsOptions } from "./nats_options.ts";

const DEFAULT_BUCKET = "events";

/**
 * A flag that one program sets and others wait for, on any machines.
 *
 * - Everybody who makes an event of the same name in the same bucket has the same flag. It outlives the programs:
 *   one that is set stays set until somebody clears it.
 * - `set` wakes all who wait; who waits later goes on at once, until `clear`. Those who were woken are woken: a
 *   `clear` right after `set` does not put them back.
 * - Who waits while the connection is lost, or while a cluster has no leader, goes on waiting. A flag that is set and
 *   cleared again in that time is not noticed.
 *
 * It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Event | multiprocessing.Event}
 * for many machines.
 *
 * @example Waiting until something is ready
 * ```ts
 * import { NatsEvent, type NatsOptions } from "@manyhands/concurrency/distributed/nats";
 *
 * export async function start(nats: NatsOptions): Promise<void> {
 *   await using ready = new NatsEvent(nats, "model-loaded");
 *   if (!await ready.wait({ timeoutMs: 60_000 })) throw new Error("The model is late");
 * }
 * ```
 */
export class NatsEvent implements AsyncDisposable {
  /** What it is called. */
  readonly name: string;
  readonly #bucket: NatsBucket;
  readonly #key: string;
  /** The waits that go on. */
  readonly #waits = new Set<AbortController>();

  /**
   * Makes the handle of a flag; the engine is reached when it is first used.
   *
   * @param nats A connection, which stays the caller's, or options of one.
   * @param name What the flag is called.
   * @param options Where it is kept.
   * @throws {TypeError} When an option or the name is of the wrong kind.
   * @throws {RangeError} When a number is outside of its range.
   */
  constructor(
    nats: NatsConnection | NatsOptions,
    name: string,
    options: NatsBucketOptions = {},
  ) {
    this.#key = keyOfName(name, "an event");
    this.name = name;
    const settings = { what: `event "${name}"`, bucket: DEFAULT_BUCKET, swaps: false };
    this.#bucket = new NatsBucket(nats, settings, options);
  }

  /**
   * Whether the flag is set.
   *
   * @returns `true` after `set`, `false` after `clear` and in the beginning.
   * @throws {EngineUnavailableError} When the engine does not answer.
   * @throws {ConnectionClosedError} When the event was closed here.
   */
  async isSet(): Promise<boolean> {
    return (await this.#bucket.read(this.#key)).data !== undefined;
  }

  /**
   * Sets the flag and wakes all who wait for it.
   *
   * @returns When it is set.
   * @throws {EngineUnavailableError} When the engine does not answer; it may be set or not.
   * @throws {ConnectionClosedError} When the event was closed here.
   */
  async set(): Promise<void> {
    await this.#bucket.write(this.#key, toBytes(true));
  }

  /**
   * Takes the flag back: who waits from now on waits for the next `set`.
   *
   * @returns When it is taken back.
   * @throws {EngineUnavailableError} When the engine does not answer; it may be set or not.
   * @throws {ConnectionClosedError} When the event was closed here.
   */
  async clear(): Promise<void> {
    await this.#bucket.write(this.#key, undefined);
  }

  /**
   * Waits until the flag is set.
   *
   * @param options How long to wait, and what stops the wait.
   * @returns `true`, or `false` when it was not set for `timeoutMs`.
   * @throws {EngineUnavailableError} When the engine does not answer when the time is over.
   * @throws {AuthenticationError} When the account may not watch it.
   * @throws {ConnectionClosedError} When the event was closed here.
   */
  async wait(options: WaitOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    const timeoutMs = checkTimeout(options.timeoutMs);
    if (timeoutMs === 0) return await this.isSet();
    const stop = new AbortController();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    let isWatched = false;
    const watcher = {
      changed: ({ isGone }: BucketChange) => {
        if (!isGone) resolve(true);
      },
      ready: () => void (isWatched = true),
      lost: () => void (isWatched = false),
    };
    this.#waits.add(stop);
    const watching = watchBucket(this.#bucket, this.#key, watcher, stop);
    // It ends by itself: who has given up does not wait for an engine that is silent.
    watching.catch(() => {});
    try {
      return await waitWithin(Promise.race([promise, watching]), options, () => {
        if (isWatched) return false;
        throw new EngineUnavailableError(
          `Cannot wait for event "${this.name}": the engine did not answer for ${timeoutMs} ms`,
        );
      });
    } finally {
      this.#waits.delete(stop);
      stop.abort();
    }
  }

  /**
   * Gives this program's share up; the flag stays. Who waits here gets a {@linkcode ConnectionClosedError}. A second
   * call does no harm.
   *
   * @returns When the connection is closed, if it was the event's alone.
   */
  async close(): Promise<void> {
    const text = `Cannot wait for event "${this.name}": it is closed`;
    for (const stop of this.#waits) stop.abort(new ConnectionClosedError(text));
    await this.#bucket.close();
  }

  /** Closes the event, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

import { JetStreamApiCodes, JetStreamApiError, type StoredMsg } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { headers, type MsgHdrs, nuid } from "@nats-io/nats-core";
import { checkCount } from "../../coroutine/_call_settings.ts";
import { InvalidStateError } from "../../coroutine/errors.ts";
import { ConnectionClosedError } from "../../ipc/errors.ts";
import type { NatsClient } from "./_nats_client.ts";
import { insist, type InsistOptions } from "./_nats_insist.ts";
import { NatsSource } from "./_nats_owner.ts";
import type { NatsBucketOptions } from "./nats_bucket_options.ts";

const DEFAULT_PATIENCE_MS = 15_000;

/** The header that tells what became of a key, and what it says of one that was taken away. */
const OPERATION = "KV-Operation";
const DELETED = "DEL";
const GONE: ReadonlySet<string | undefined> = new Set([DELETED, "PURGE"]);

/** Told by servers that take keys away when their time is over. */
const MARKER = "Nats-Marker-Reason";

/** A key that nobody has, and that never has a value. */
const PROBE = "=p";

/**
 * Since when compare-and-swap can be relied on in a cluster: before 2.9.21 several writers of one key were let through
 * (nats-server issue 4320), before 2.10.19 several who make a key (5794), and before 2.10.23 whole streams were lost
 * (6888).
 */
const FIRST_SAFE_CLUSTER = [2, 10, 23] as const;

/** Another program has made the same bucket with other settings, a moment ago. */
const STREAM_EXISTS = 10058;

/** The same at this very moment, or another stream has the keys of the bucket. */
const STREAMS_OVERLAP = 10065;

/** What a key has. */
export interface BucketEntry {
  /** Its value; nothing when there is none. */
  readonly data: Uint8Array | undefined;
  /** The number of its last change; grows with each change of the bucket. `0` when there is no trace of the key. */
  readonly revision: number;
}

/** What a {@linkcode NatsBucket} is. */
export interface BucketSettings {
  /** What it is for, for the texts of errors: "the dictionary". */
  readonly what: string;
  /** Its name, unless the user has chosen one. */
  readonly bucket: string;
  /** How long keys live that are not written again; for ever when it is left out. */
  readonly ttlMs?: number | undefined;
  /** Whether keys are written on the condition that nobody else has changed them. */
  readonly swaps: boolean;
}

/**
 * Keys and values on the engine. All reads go to the leader of the bucket, so that who has written sees what he has
 * written; all writes carry an id, so that one whose answer was lost can be repeated without a second effect.
 */
export class NatsBucket {
  /** Its name. */
  readonly name: string;
  /** For how long a call is tried. */
  readonly patienceMs: number;
  readonly #source: NatsSource;
  readonly #what: string;
  readonly #ttlMs: number | undefined;
  readonly #swaps: boolean;
  readonly #replicas: number;
  #making: Promise<void> | undefined;
  #isMade = false;
  #isClosed = false;

  /**
   * @param source A connection, or options of one.
   * @throws {TypeError | RangeError} When an option cannot be right.
   */
  constructor(source: object, settings: BucketSettings, options: NatsBucketOptions) {
    const { what, ttlMs, swaps } = settings;
    const { bucket = settings.bucket, replicas = 1, patienceMs = DEFAULT_PATIENCE_MS } = options;
    const action = `create ${what}`;
    if (typeof bucket !== "string" || !/^[-\w]+$/.test(bucket)) {
      throw new TypeError(
        `Cannot ${action}: the name of a bucket has letters, digits, "-" and "_" only, got ${
          JSON.stringify(bucket)
        }`,
      );
    }
    if (replicas !== 1 && replicas !== 3 && replicas !== 5) {
      throw new RangeError(`Cannot ${action}: "replicas" must be 1, 3 or 5, got ${replicas}`);
    }
    checkCount(action, "patienceMs", patienceMs, 0);
    this.name = bucket;
    this.#what = what;
    this.#ttlMs = ttlMs;
    this.#swaps = swaps;
    this.#replicas = replicas;
    this.patienceMs = patienceMs;
    this.#source = new NatsSource(source);
  }

  /** The stream in which the keys are. */
  get stream(): string {
    return `KV_${this.name}`;
  }

  /** The subject of an encoded key. */
  subject(key: string): string {
    return `$KV.${this.name}.${key}`;
  }

  /** Reads what a key has. */
  async read(key: string, options: InsistWithin = {}): Promise<BucketEntry> {
    const message = await this.ask(
      "read",
      (client) =>
        client.manager.streams.getMessage(this.stream, { last_by_subj: this.subject(key) }),
      options,
    );
    return message === null ? { data: undefined, revision: 0 } : entryOf(message);
  }

  /**
   * Writes a key.
   *
   * @param data The value; nothing takes the key away.
   * @param options The revision that the key must have, if it must have one.
   * @returns The new revision; nothing when the key had another one than it had to have.
   * @throws {RangeError} When the value is larger than what the engine takes.
   */
  async write(
    key: string,
    data: Uint8Array | undefined,
    options: InsistWithin & { expected?: number | undefined } = {},
  ): Promise<number | undefined> {
    const { expected } = options;
    const expect = expected === undefined ? {} : { lastSubjectSequence: expected };
    const msgID = nuid.next();
    let tries = 0;
    return await this.ask("write to", async (client) => {
      const limit = client.nc.info?.max_payload ?? Infinity;
      if (data !== undefined && data.length > limit) {
        throw new RangeError(
          `Cannot write to ${this.#what}: the value takes ${data.length} bytes, the engine accepts ${limit}`,
        );
      }
      tries++;
      try {
        const options = { msgID, headers: headersFor(data), expect };
        return (await client.js.publish(this.subject(key), data, options)).seq;
      } catch (error) {
        if (!isWrongRevision(error)) throw error;
        return tries === 1 ? undefined : await this.#findWritten(client, msgID);
      }
    }, options);
  }

  /** Takes all keys away, in one step. */
  async purge(): Promise<void> {
    await this.ask("clear", (client) => client.manager.streams.purge(this.stream));
  }

  /** How long keys live that are not written again, in milliseconds; `0` is for ever. */
  async ttlMs(within: InsistWithin = {}): Promise<number> {
    const ask = (client: NatsClient) => client.manager.streams.info(this.stream);
    const info = await this.ask("open", ask, within);
    return info.config.max_age / 1e6;
  }

  /**
   * Asks the engine, for as long as the user has patience; before the first time it makes the bucket.
   *
   * @param verb What is tried, for the texts of errors.
   */
  async ask<T>(
    verb: string,
    attempt: (client: NatsClient) => Promise<T>,
    options: InsistWithin = {},
  ): Promise<T> {
    const action = `Cannot ${verb} ${this.#what}`;
    this.#check(action);
    const { signal, deadline = performance.now() + this.patienceMs } = options;
    const insisting: InsistOptions = { action, deadline, signal };
    const client = await this.#source.open(`${verb} ${this.#what}`, insisting);
    this.#check(action);
    if (!this.#isMade) await insist(client, () => this.#tryMake(client), insisting);
    this.#check(action);
    return await insist(client, () => attempt(client), insisting);
  }

  /** Gives the share of the connection up; what is kept stays. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#source.close();
  }

  /**
   * Finds out whether a write has had its effect whose answer was lost. The engine knows the ids of the last minutes,
   * for any key; but in a cluster it looks at the expected revision first, and that is another one then.
   */
  async #findWritten(client: NatsClient, msgID: string): Promise<number | undefined> {
    const options = { msgID, headers: headersFor(undefined) };
    const { duplicate, seq } = await client.js.publish(this.subject(PROBE), undefined, options);
    return duplicate ? seq : undefined;
  }

  #check(action: string): void {
    if (!this.#isClosed) return;
    throw new ConnectionClosedError(`${action}: it is closed`);
  }

  /** Tries once. All calls share the tries, and each goes on for as long as it has patience itself. */
  async #tryMake(client: NatsClient): Promise<void> {
    const making = this.#making ??= this.#make(client).finally(() => this.#making = undefined);
    await making;
    this.#isMade = true;
  }

  async #make(client: NatsClient): Promise<void> {
    const settings = {
      history: 1,
      replicas: this.#replicas,
      // A replica may be behind, and then who has just written would not see it.
      allow_direct: false,
      ...this.#ttlMs === undefined ? {} : { ttl: this.#ttlMs },
    };
    if (this.#swaps && this.#replicas > 1) this.#checkVersion(client);
    try {
      await new Kvm(client.js).create(this.name, settings);
    } catch (error) {
      if (!(error instanceof JetStreamApiError)) throw error;
      if (error.code === STREAMS_OVERLAP) {
        await client.manager.streams.info(this.stream).catch(() => Promise.reject(error));
      } else if (error.code !== STREAM_EXISTS) throw error;
    }
    if (!this.#swaps) return;
    // It may have been made by somebody else, in another way.
    const { config } = await client.manager.streams.info(this.stream);
    if (config.num_replicas > 1) this.#checkVersion(client);
  }

  #checkVersion(client: NatsClient): void {
    const version = client.nc.info?.version ?? "";
    const numbers = version.split(/[.-]/).map(Number);
    for (const [at, least] of FIRST_SAFE_CLUSTER.entries()) {
      const number = numbers[at] ?? 0;
      if (number > least) return;
      if (number === least) continue;
      throw new InvalidStateError(
        `Cannot open ${this.#what}: nats-server ${version} lets two change a replicated key at once; ` +
          `it takes ${FIRST_SAFE_CLUSTER.join(".")} or later, or one replica`,
      );
    }
  }
}

function headersFor(data: Uint8Array | undefined): MsgHdrs {
  const result = headers();
  if (data === undefined) result.set(OPERATION, DELETED);
  return result;
}

/** What a call may set of how long it is tried. */
export type InsistWithin = Partial<Pick<InsistOptions, "deadline" | "signal">>;

/** Whether a message tells that the key was taken away, by its headers. */
export function isGone(header: { get(name: string): string } | undefined): boolean {
  if (header === undefined) return false;
  return GONE.has(header.get(OPERATION)) || header.get(MARKER) !== "";
}

function entryOf(message: StoredMsg): BucketEntry {
  const data = isGone(message.header) ? undefined : message.data;
  return { data, revision: message.seq };
}

function isWrongRevision(error: unknown): boolean {
  return error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
      error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown);
}

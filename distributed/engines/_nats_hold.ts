import { nuid } from "@nats-io/nats-core";
import type { NatsBucket } from "./_nats_bucket.ts";
import { fromBytes, toBytes } from "./_nats_encoding.ts";
import { NatsLockLostError } from "./nats_lock_lost_error.ts";

/** A held lock is written again after this part of the time for which it stays. */
const RENEW_AFTER = 1 / 3;

/** It counts as lost a little before the engine lets others have it. */
const SAFE_PART = 0.9;

/** What the key of a lock has. */
interface Holder {
  readonly holder: string;
}

/** A lock that this program holds, or held. */
export class NatsHold {
  /** The number under which it was taken: each later one is larger. */
  readonly token: number;
  readonly #bucket: NatsBucket;
  readonly #key: string;
  readonly #id: string;
  readonly #ttlMs: number;
  readonly #what: string;
  readonly #lost = new AbortController();
  readonly #onLost: (hold: NatsHold) => void;
  #revision: number;
  #renewal: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #expiry: ReturnType<typeof setTimeout> | undefined;
  #isReleased = false;

  constructor(
    place: HoldPlace,
    taken: { id: string; revision: number; since: number },
    onLost: (hold: NatsHold) => void,
  ) {
    this.#bucket = place.bucket;
    this.#key = place.key;
    this.#ttlMs = place.ttlMs;
    this.#what = place.what;
    this.#id = taken.id;
    this.#revision = this.token = taken.revision;
    this.#onLost = onLost;
    this.#renewed(taken.since);
  }

  /**
   * Takes a lock if nobody has it.
   *
   * @returns The hold, if it was free.
   */
  static async take(
    place: HoldPlace,
    options: { deadline: number; signal: AbortSignal; onLost: (hold: NatsHold) => void },
  ): Promise<NatsHold | undefined> {
    const { bucket, key } = place;
    const { deadline, signal, onLost } = options;
    const { data, revision } = await bucket.read(key, { deadline, signal });
    if (data !== undefined) return undefined;
    const id = nuid.next();
    const since = performance.now();
    // Not stopped any more: what may be written has to be known, so that it can be given back.
    const taken = await bucket.write(key, holderBytes(id), { expected: revision, deadline });
    return taken === undefined
      ? undefined
      : new NatsHold(place, { id, revision: taken, since }, onLost);
  }

  /** Aborts when the lock is lost: another one may have it then. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Lets others have it.
   *
   * @returns Whether it was still held.
   */
  async release(): Promise<boolean> {
    if (this.#isReleased || this.signal.aborted) return false;
    this.#isReleased = true;
    this.#stop();
    await this.#renewal;
    return await this.#write(undefined, {}) !== undefined;
  }

  /** Writes if this is still the holder. */
  async #write(
    data: Uint8Array | undefined,
    within: { deadline?: number | undefined },
  ): Promise<number | undefined> {
    const options = within.deadline === undefined ? {} : { deadline: within.deadline };
    for (;;) {
      const written = await this.#bucket.write(this.#key, data, {
        expected: this.#revision,
        ...options,
      });
      if (written !== undefined) return written;
      // A write whose answer never came may have been this holder's.
      const now = await this.#bucket.read(this.#key, options);
      if (now.data === undefined || now.revision === this.#revision) return undefined;
      if ((fromBytes(now.data) as Partial<Holder> | null)?.holder !== this.#id) return undefined;
      this.#revision = now.revision;
    }
  }

  async #renew(deadline: number): Promise<void> {
    const since = performance.now();
    try {
      const revision = await this.#write(holderBytes(this.#id), { deadline });
      if (this.signal.aborted) return;
      if (revision === undefined) {
        return this.#lose("its time was over before it was renewed");
      }
      this.#revision = revision;
      if (!this.#isReleased) this.#renewed(since);
    } catch (error) {
      this.#lose("it could not be renewed", error);
    }
  }

  /** The engine keeps it for its holder, at least from a moment on. */
  #renewed(since: number): void {
    this.#stop();
    const deadline = since + this.#ttlMs * SAFE_PART;
    const leftMs = deadline - performance.now();
    this.#expiry = setTimeout(() => {
      this.#lose("it was not renewed in time");
    }, Math.max(0, leftMs));
    const waitMs = since + this.#ttlMs * RENEW_AFTER - performance.now();
    this.#timer = setTimeout(() => {
      this.#renewal = this.#renew(deadline);
    }, Math.max(0, waitMs));
  }

  #lose(why: string, cause?: unknown): void {
    if (this.signal.aborted || this.#isReleased) return;
    this.#stop();
    const { token } = this;
    const options = cause === undefined ? { token } : { token, cause };
    this.#lost.abort(new NatsLockLostError(`Lost ${this.#what}: ${why}`, options));
    this.#onLost(this);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#expiry);
  }
}

/** Which lock. */
export interface HoldPlace {
  readonly bucket: NatsBucket;
  readonly key: string;
  readonly ttlMs: number;
  /** What it is called, for the texts of errors. */
  readonly what: string;
}

function holderBytes(id: string): Uint8Array {
  const holder: Holder = { holder: id };
  return toBytes(holder);
}

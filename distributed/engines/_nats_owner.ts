import { sleep } from "../../coroutine/sleep.ts";
import { ConnectionClosedError } from "../../ipc/errors.ts";
import { EngineUnavailableError } from "../task_errors.ts";
import { type NatsClient, openClient } from "./_nats_client.ts";
import { readNatsOptions } from "./_nats_settings.ts";
import type { NatsOptions } from "./nats_options.ts";

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** For how long {@linkcode NatsSource.open} tries, and what ends its pauses. */
export interface OpenWithin {
  readonly deadline?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Finds the client of a connection, or throws when it was closed. */
type Finder = (connection: object, action: string) => NatsClient;

let ConnectionClass: (abstract new (...args: never) => object) | undefined;
let find: Finder | undefined;

/** Called by the class of connections. */
export function setClient<T extends object>(
  connectionClass: abstract new (...args: never) => T,
  finder: (connection: T, action: string) => NatsClient,
): void {
  ConnectionClass = connectionClass;
  find = finder as Finder;
}

/**
 * How an object comes to its connection: it was given one, which stays its user's, or options, and then it takes part
 * in a connection from its first call until it is closed.
 */
export class NatsSource {
  readonly #settings: ReturnType<typeof readNatsOptions> | undefined;
  readonly #connection: object | undefined;
  #opening: Promise<NatsClient> | undefined;
  #isClosed = false;

  /**
   * @param source What the user has given.
   * @throws {TypeError | RangeError} When the options cannot be right.
   */
  constructor(source: object) {
    if (ConnectionClass !== undefined && source instanceof ConnectionClass) {
      this.#connection = source;
    } else {
      this.#settings = readNatsOptions(source as NatsOptions);
    }
  }

  /**
   * The client; connects at the first call, and again after a try that has failed.
   *
   * @param action What is tried, for the text of the error.
   * @param within Until when to try to connect, as `performance.now()` counts; once when it is left out.
   */
  async open(action: string, within: OpenWithin = {}): Promise<NatsClient> {
    if (this.#connection !== undefined) return find!(this.#connection, action);
    const { deadline = 0, signal } = within;
    for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        return await this.#connect(action);
      } catch (error) {
        const isLast = performance.now() + pauseMs >= deadline;
        if (isLast || this.#isClosed || !(error instanceof EngineUnavailableError)) throw error;
      }
      await sleep(pauseMs, { signal });
    }
  }

  async #connect(action: string): Promise<NatsClient> {
    // It may have been closed in a pause: nobody would give up what is opened now.
    if (this.#isClosed && this.#opening === undefined) {
      throw new ConnectionClosedError(`Cannot ${action}: it is closed`);
    }
    const opening = this.#opening ??= openClient(this.#settings!);
    try {
      const client = await opening;
      // Given up for good, as after a refused login: the next call tries anew.
      if (client.nc.isClosed() && !this.#isClosed) {
        if (this.#opening === opening) this.#opening = undefined;
        return await this.#connect(action);
      }
      return client;
    } catch (error) {
      if (this.#opening === opening) this.#opening = undefined;
      throw error;
    }
  }

  /** Gives its share up. A second call does no harm. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const client = await this.#opening?.catch(() => undefined);
    await client?.release();
  }
}

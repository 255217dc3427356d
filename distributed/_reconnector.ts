import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { ConnectionClosedError, ConnectionLostError } from "../ipc/errors.ts";
import { RetriesExhausted, retry, type RetrySettings } from "./_retry.ts";

/** A connection that may be lost. */
export interface Losable {
  /** Whether it is known to have ended. */
  readonly isClosed: boolean;
  close(): Promise<void>;
}

/** Options for {@linkcode Reconnector}. */
export interface ReconnectorOptions<C> {
  /** Who is on the other side, for the texts of errors. */
  readonly peer: string;
  readonly settings: RetrySettings;
  /** Connects once. */
  open(options: WaitOptions): Promise<C>;
}

/** Tries until there is a connection, or none can be had. */
interface Round<C> {
  readonly promise: Promise<C>;
  readonly stop: AbortController;
  waiting: number;
}

/**
 * Connects, and connects anew when the connection is lost.
 *
 * It does so when somebody needs the connection, and tries for as long as somebody waits for it: without anybody who
 * does, it does nothing.
 */
export class Reconnector<C extends Losable> {
  readonly #options: ReconnectorOptions<C>;
  readonly #closing = new AbortController();
  #connection: C | undefined;
  /** Another side that is of no use any more, and why. */
  #failed: { readonly error: unknown } | undefined;
  /** Tries to connect, for those who wait. */
  #round: Round<C> | undefined;

  constructor(options: ReconnectorOptions<C>) {
    this.#options = options;
  }

  /** Whether there is no connection now. */
  get isClosed(): boolean {
    return this.#connection === undefined || this.#connection.isClosed;
  }

  /**
   * Looks whether it was closed.
   *
   * @throws {ConnectionClosedError} When it was.
   */
  checkOpen(): void {
    this.#closing.signal.throwIfAborted();
  }

  /** The connection, when it is there. */
  present(): C | undefined {
    return this.#connection?.isClosed === false && !this.#closing.signal.aborted
      ? this.#connection
      : undefined;
  }

  /**
   * Waits until there is a connection.
   *
   * @throws {ConnectionClosedError} When it was or is closed.
   * @throws {ConnectionLostError} When there is no try left.
   * @throws {TimeoutError} When the time is over.
   */
  async ready(options: WaitOptions): Promise<C> {
    options.signal?.throwIfAborted();
    this.checkOpen();
    if (this.#failed !== undefined) throw this.#failed.error;
    const connection = this.present();
    if (connection !== undefined) return connection;
    const round = this.#round ??= this.#begin();
    round.waiting++;
    try {
      return await waitWithin(round.promise, options, (timeoutMs) => {
        throw new TimeoutError(
          `Cannot connect to ${this.#options.peer}: it could not be reached within ${timeoutMs} ms`,
        );
      });
    } finally {
      // Without anybody who waits there is nothing to try for.
      if (--round.waiting === 0 && this.#round === round) {
        this.#round = undefined;
        round.stop.abort();
      }
    }
  }

  /** Has a connection be lost that does not know it by itself. */
  drop(connection: C): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    // What is still open of it is of no use.
    void connection.close().catch(() => {});
  }

  /** Closes the connection, and fails those who wait for one. */
  async close(): Promise<void> {
    this.#closing.abort(
      new ConnectionClosedError(
        `Cannot call ${this.#options.peer}: the connection was closed here`,
      ),
    );
    this.#round?.stop.abort(this.#closing.signal.reason);
    await this.#connection?.close();
  }

  #begin(): Round<C> {
    const stop = new AbortController();
    // It is not of the task that happens to begin it.
    const promise = runOutsideTasks(() => this.#connect(stop.signal));
    const round = { promise, stop, waiting: 0 };
    // Who comes now, before all who waited have gone on, is not to get what has failed, or was lost since.
    const over = () => {
      if (this.#round === round) this.#round = undefined;
    };
    promise.then(over, over);
    return round;
  }

  async #connect(signal: AbortSignal): Promise<C> {
    const { peer, settings, open } = this.#options;
    try {
      const connection = await retry(() => open({ signal }), settings, { signal });
      if (signal.aborted) {
        await connection.close();
        throw signal.reason;
      }
      this.#connection = connection;
      return connection;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const failure = error instanceof RetriesExhausted
        ? new ConnectionLostError(
          `Cannot connect to ${peer}: it could not be reached in ${error.attempts} tries`,
          { cause: error.cause },
        )
        : error;
      // One who refuses this client goes on refusing it.
      if (!(error instanceof RetriesExhausted)) this.#failed = { error };
      throw failure;
    }
  }
}

import { Semaphore } from "../coroutine/semaphore.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { formatAddress } from "../ipc/address.ts";
import { ConnectionLostError } from "../ipc/errors.ts";
import { PythonConnection, type PythonConnectOptions } from "./_python_connection.ts";

/** So many connections are kept although nothing goes on. */
const MOST_IDLE = 16;

/** So many connections are opened at a time: of more than 16, Python 3.12 and older leave some without an answer. */
const MOST_OPENING = 8;

/** The connections of a client of a Python manager: those in use, and those that can be used again. */
export class PythonConnections {
  readonly #options: PythonConnectOptions;
  readonly #greet: (connection: PythonConnection) => Promise<void>;
  readonly #idle: PythonConnection[] = [];
  readonly #open = new Set<PythonConnection>();
  readonly #door = new Semaphore(MOST_OPENING);
  #isClosed = false;

  /** @param greet Tells the server that calls will come over a connection. */
  constructor(
    options: PythonConnectOptions,
    greet: (connection: PythonConnection) => Promise<void>,
  ) {
    this.#options = options;
    this.#greet = greet;
  }

  /** Takes a connection for calls: one that nobody uses, or a new one. */
  async take(): Promise<PythonConnection> {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (!idle.isClosed) return idle;
      this.#open.delete(idle);
    }
    const connection = await this.open();
    try {
      await this.#greet(connection);
    } catch (error) {
      this.drop(connection);
      throw error;
    }
    return connection;
  }

  /** A connection for calls is not used any more. */
  giveBack(connection: PythonConnection): void {
    if (connection.isClosed || this.#idle.length >= MOST_IDLE) this.drop(connection);
    else this.#idle.push(connection);
  }

  /** Opens a connection for one request. Its user drops it. */
  async open(
    { isFirst = false, ...options }: WaitOptions & { isFirst?: boolean } = {},
  ): Promise<PythonConnection> {
    let connection: PythonConnection;
    await this.#door.acquire({ signal: options.signal });
    try {
      connection = await PythonConnection.open(this.#options, options);
    } catch (error) {
      if (isFirst || !(error instanceof Deno.errors.ConnectionRefused)) throw error;
      const peer = formatAddress(this.#options.address);
      throw new ConnectionLostError(`Lost the connection to ${peer}: nobody listens there`, {
        cause: error,
      });
    } finally {
      this.#door.release();
    }
    this.#open.add(connection);
    if (this.#isClosed) connection.close();
    return connection;
  }

  /** Closes a connection. */
  drop(connection: PythonConnection): void {
    this.#open.delete(connection);
    connection.close();
  }

  /** Closes all, also those that are being opened. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#open) connection.close();
  }
}

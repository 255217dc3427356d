/**
 * The errors of this room: what two sides that talk can do to each other.
 *
 * @module
 */

/**
 * The two sides do not have the same key, or one of them could not prove that it has it
 * (Python's `multiprocessing.AuthenticationError`).
 *
 * @example Catching it
 * ```ts
 * import { AuthenticationError } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new AuthenticationError("digest sent was rejected");
 * assertEquals(error.name, "AuthenticationError");
 * ```
 */
export class AuthenticationError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was wrong.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AuthenticationError";
  }
}

/**
 * This side closed the connection, proxy or queue, and used it afterwards or while a call was in
 * flight.
 *
 * @example Use after close
 * ```ts
 * import { ConnectionClosedError, Queue } from "@manyhands/concurrency/ipc";
 * import { assertRejects } from "@std/assert";
 *
 * const queue = new Queue<number>();
 * queue.close();
 * await assertRejects(() => queue.put(1), ConnectionClosedError);
 * ```
 */
export class ConnectionClosedError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was tried, on what.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConnectionClosedError";
  }
}

/**
 * The other side is gone: it ended, was killed, closed the connection, or the network broke
 * (Python's `EOFError` and `ConnectionResetError`). Whether a call that was in flight has had its effect
 * is not known.
 *
 * @example Catching it
 * ```ts
 * import { ConnectionLostError } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new ConnectionLostError("Lost the connection to 127.0.0.1:5000");
 * assertEquals(error.name, "ConnectionLostError");
 * ```
 */
export class ConnectionLostError extends Error {
  /**
   * Creates the error.
   *
   * @param message Whose connection it was.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConnectionLostError";
  }
}

/**
 * The other side sent something that this protocol does not have: it is another kind of program, or
 * broken, or hostile. The connection is closed.
 *
 * @example Catching it
 * ```ts
 * import { ProtocolError } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new ProtocolError("frame of 4 GB").name, "ProtocolError");
 * ```
 */
export class ProtocolError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was received, and what would have been accepted.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProtocolError";
  }
}

/**
 * An error of a class that this side does not know was thrown on the other side. It has the `name`, the
 * `message`, the `cause`, the own fields and the stack of the original. A class that is known here
 * arrives as itself: see `registerErrorClass`.
 *
 * @example Telling remote errors apart by their name
 * ```ts
 * import { RemoteError } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new RemoteError("no such user", { name: "UserError" });
 * assertEquals(error.name, "UserError");
 * ```
 */
export class RemoteError extends Error {
  /**
   * Creates the error.
   *
   * @param message The message of the original.
   * @param options Its name and its cause.
   */
  constructor(message: string, options: RemoteErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = options.name ?? "RemoteError";
  }
}

/** Options for {@linkcode RemoteError}. */
export interface RemoteErrorOptions extends ErrorOptions {
  /**
   * The `name` of the original error.
   *
   * @default {"RemoteError"}
   */
  name?: string | undefined;
}

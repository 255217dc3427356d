/**
 * The errors that only connections have.
 *
 * @module
 */

import { setErrorClass } from "./_error_classes.ts";
import { ConnectionLostError } from "./errors.ts";

/**
 * Nothing more comes over a connection: the other side has closed it, and all that it had sent was
 * received (Python's `EOFError`).
 *
 * @example The end of a pipe
 * ```ts
 * import { EofError, pipe } from "@manyhands/concurrency/ipc";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const [here, there] = pipe<string>();
 * await there.send("the last one");
 * await there.close();
 * assertEquals(await here.recv(), "the last one");
 * await assertRejects(() => here.recv(), EofError);
 * ```
 */
export class EofError extends ConnectionLostError {
  /**
   * Creates the error.
   *
   * @param message Which connection has ended.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "EofError";
  }
}

/**
 * A message did not fit into the buffer that was given for it (Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.BufferTooShort | multiprocessing.BufferTooShort}).
 * The message is not lost: the error has it.
 *
 * @example A buffer of four bytes
 * ```ts
 * import { BufferTooShortError, pipe } from "@manyhands/concurrency/ipc";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const [here, there] = pipe();
 * await there.sendBytes(new Uint8Array([1, 2, 3, 4, 5]));
 * const error = await assertRejects(
 *   () => here.recvBytesInto(new Uint8Array(4)),
 *   BufferTooShortError,
 * );
 * assertEquals(error.bytes, new Uint8Array([1, 2, 3, 4, 5]));
 * ```
 */
export class BufferTooShortError extends Error {
  /** The whole message. */
  readonly bytes: Uint8Array;

  /**
   * Creates the error.
   *
   * @param message How long the message is, and how much room there was.
   * @param bytes The whole message.
   * @param options The cause, if there is one.
   */
  constructor(message: string, bytes: Uint8Array, options?: ErrorOptions) {
    super(message, options);
    this.name = "BufferTooShortError";
    this.bytes = bytes;
  }
}

for (const errorClass of [EofError, BufferTooShortError]) {
  setErrorClass(errorClass.name, errorClass);
}

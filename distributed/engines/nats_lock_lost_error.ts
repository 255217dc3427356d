/**
 * What tells the holder of a lock on NATS that others may have it.
 *
 * @module
 */

import { registerErrorClass } from "../../ipc/register_error_class.ts";

/**
 * A lock on NATS was lost by its holder: it could not be renewed in time, because the engine or this program was away
 * for too long. Others may hold it now. It is the reason with which the `signal` of the hold aborts.
 *
 * @example What it carries
 * ```ts
 * import { NatsLockLostError } from "@manyhands/concurrency/distributed/nats";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new NatsLockLostError('Lost lock "report"', { token: 7 });
 * assertEquals([error.name, error.token], ["NatsLockLostError", 7]);
 * ```
 */
export class NatsLockLostError extends Error {
  /** The number under which the lock was held. */
  readonly token: number;

  /**
   * Creates the error.
   *
   * @param message Which lock, and why.
   * @param options The number under which it was held, and the cause, if there is one.
   */
  constructor(message: string, options: NatsLockLostErrorOptions) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "NatsLockLostError";
    this.token = options.token;
  }
}

/** Options for {@linkcode NatsLockLostError}. */
export interface NatsLockLostErrorOptions extends ErrorOptions {
  /** The number under which the lock was held. */
  token: number;
}

registerErrorClass(NatsLockLostError);

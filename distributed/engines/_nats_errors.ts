import { JetStreamApiError } from "@nats-io/jetstream";
import {
  AuthorizationError,
  ClosedConnectionError,
  DrainingConnectionError,
  NoRespondersError,
  PermissionViolationError,
  RequestError,
  TimeoutError as NatsTimeoutError,
  UserAuthenticationExpiredError,
} from "@nats-io/nats-core";
import { AuthenticationError, ConnectionClosedError } from "../../ipc/errors.ts";
import { EngineUnavailableError } from "../task_errors.ts";

/** Answers of JetStream that pass: the stream is moved, or the message that is put again is being stored. */
const PASSING: ReadonlySet<number> = new Set([10118, 10158]);

/** What the server answers with when it has no leader, or not enough of its nodes, at the moment. */
const UNAVAILABLE = 503;

/**
 * Says in this package's errors what went wrong in a request to NATS.
 *
 * - The account may not do it: an `AuthenticationError`.
 * - There was no answer, or nobody is there to answer: an `EngineUnavailableError`. In a cluster that chooses a new
 *   leader this passes.
 * - The connection was closed on this side: a `ConnectionClosedError`.
 * - Anything else, such as an answer of JetStream that says no, stays what it is.
 *
 * @param error What was thrown.
 * @param action What was tried, as "Cannot put a task".
 */
export function explainNats(error: unknown, action: string): unknown {
  const cause = error instanceof RequestError && error.cause !== undefined ? error.cause : error;
  const options = { cause: error };
  if (cause instanceof PermissionViolationError) {
    const deed = cause.operation === "publish" ? "publish" : "subscribe";
    return new AuthenticationError(
      `${action}: this account may not ${deed} to "${cause.subject}"`,
      options,
    );
  }
  if (isRefusedLogin(cause)) {
    return new AuthenticationError(`${action}: the engine refused the login`, options);
  }
  if (cause instanceof ClosedConnectionError || cause instanceof DrainingConnectionError) {
    return new ConnectionClosedError(`${action}: the connection to the engine is closed`, options);
  }
  if (cause instanceof NatsTimeoutError) {
    return new EngineUnavailableError(`${action}: the engine did not answer in time`, options);
  }
  if (isWithoutResponder(cause) || isPassing(cause)) {
    return new EngineUnavailableError(`${action}: the engine is not there at the moment`, options);
  }
  if (cause instanceof RequestError) {
    // What was in flight when the connection was lost.
    return new EngineUnavailableError(`${action}: ${cause.message}`, options);
  }
  return error;
}

/** Whether the login was refused, or has expired. */
export function isRefusedLogin(error: unknown): boolean {
  return error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError;
}

/** Whether nobody answers to a subject: JetStream is not enabled, or is without a leader at the moment. */
function isWithoutResponder(error: unknown): boolean {
  return error instanceof NoRespondersError ||
    (error instanceof Error && error.name === "JetStreamNotEnabled");
}

function isPassing(error: unknown): boolean {
  return error instanceof JetStreamApiError &&
    (error.status === UNAVAILABLE || PASSING.has(error.code));
}

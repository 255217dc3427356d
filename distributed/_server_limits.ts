import { checkCount } from "../coroutine/_call_settings.ts";
import { checkTimeout } from "../coroutine/_check_timeout.ts";
import type { ServerLimits } from "./server.ts";

/**
 * Checks the numbers among the limits of a server.
 *
 * @param action What is being done, for the text of the error: "create a manager".
 * @throws {TypeError} When one is no number.
 * @throws {RangeError} When one is outside of its range.
 */
export function checkLimits(action: string, limits: ServerLimits): void {
  const { maxMessageBytes, maxConnections, handshakeTimeoutMs } = limits;
  for (const [name, count] of Object.entries({ maxMessageBytes, maxConnections })) {
    if (count !== undefined && count !== Infinity) checkCount(action, name, count, 1);
  }
  // A timer takes what is longer, and NaN, for no time at all, and every client would be refused.
  if (handshakeTimeoutMs === undefined) return;
  if (
    checkTimeout(handshakeTimeoutMs, "handshakeTimeoutMs") !== Infinity && handshakeTimeoutMs > 0
  ) return;
  throw new RangeError(
    `Cannot ${action}: "handshakeTimeoutMs" must be more than 0 and less than 25 days, got ${handshakeTimeoutMs}`,
  );
}

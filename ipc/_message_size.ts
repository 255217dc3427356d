import { DEFAULT_MAX_MESSAGE_BYTES } from "./_limits.ts";

/** What a message has beside the value. */
const HEAD_BYTES = 1024;

/** The largest value, so that a message does not exceed what the other side accepts unless told otherwise. */
export const MAX_VALUE_BYTES = DEFAULT_MAX_MESSAGE_BYTES - HEAD_BYTES;

const encoder = new TextEncoder();

/**
 * Checks that the other side will take a value: with a larger message it would end the connection, and whatever else
 * is under way on it.
 *
 * @param payload The value, encoded.
 * @param accepted The largest message that this side accepts: where it was told to take more, so was the other one.
 * @throws {RangeError} When it is too large.
 */
export function checkSize(payload: Uint8Array | string, accepted = 0): void {
  // A UTF-16 unit needs three bytes of UTF-8 at most.
  if (payload.length * 3 <= MAX_VALUE_BYTES) return;
  const { length } = typeof payload === "string" ? encoder.encode(payload) : payload;
  const limit = Math.max(MAX_VALUE_BYTES, accepted - HEAD_BYTES);
  if (length <= limit) return;
  throw new RangeError(
    `Cannot carry a value to another process: it takes ${length} bytes, the limit is ${limit}`,
  );
}

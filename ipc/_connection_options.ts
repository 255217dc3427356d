import { DEFAULT_MAX_MESSAGE_BYTES } from "./_limits.ts";

/** Checks a `maxMessageBytes` option. */
export function checkMessageLimit(action: string, maxMessageBytes: number | undefined): number {
  const limit = maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new RangeError(
      `${action}: "maxMessageBytes" must be a whole number of 1 or more, got ${limit}`,
    );
  }
  return limit;
}

/** Checks a `codec` option. */
export function checkCodec<C extends object>(action: string, codec: C | undefined): C | undefined {
  if (codec === undefined) return undefined;
  const { encode, decode } = codec as { encode?: unknown; decode?: unknown };
  if (typeof encode !== "function" || typeof decode !== "function") {
    throw new TypeError(`${action}: "codec" must have the methods encode() and decode()`);
  }
  return codec;
}

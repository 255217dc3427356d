import { decode, encode, Encoding } from "./_encoding.ts";
import type { Codec } from "./codec.ts";
import { ProtocolError } from "./errors.ts";

/** A message on its way out: a head of few bytes, and the rest. */
export interface Outgoing {
  readonly head: Uint8Array;
  readonly body: Uint8Array | string;
  /** Whether nobody else uses the bytes, so that they need not be copied to be kept. */
  readonly isOwned?: boolean | undefined;
}

const NO_HEAD = new Uint8Array(0);
/** The heads of objects: one byte, their encoding. */
const HEADS = Object.values(Encoding).map((encoding) => new Uint8Array([encoding]));
const PICKLE_START = 0x80;

/** Encodes an object; without a codec of the user's as `[encoding][value]`. */
export function encodeObject(value: unknown, codec: Codec | undefined): Outgoing {
  if (codec !== undefined) return { head: NO_HEAD, body: codec.encode(value) };
  const { encoding, payload } = encode(value);
  return { head: HEADS[encoding]!, body: payload };
}

/** Decodes it. */
export function decodeObject(bytes: Uint8Array<ArrayBuffer>, codec: Codec | undefined): unknown {
  if (codec !== undefined) return codec.decode(bytes);
  const encoding = bytes[0];
  try {
    return decode(encoding ?? -1, bytes.subarray(1));
  } catch (cause) {
    const what = encoding === PICKLE_START
      ? "it is a pickle; give both sides the same codec"
      : "send() of this package did not write it; use recvBytes(), or the codec of the other side";
    throw new ProtocolError(
      `Cannot receive an object: of a message of ${bytes.length} bytes, ${what}`,
      { cause },
    );
  }
}

/** Bytes that are sent as they are. */
export function rawBytes(body: Uint8Array): Outgoing {
  return { head: NO_HEAD, body };
}

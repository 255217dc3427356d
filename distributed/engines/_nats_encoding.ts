import { decode, encode, type Encoded, Encoding } from "../../ipc/_encoding.ts";
import { ProtocolError } from "../../ipc/errors.ts";

/**
 * How values are written on the engine, so that programs in other languages can read and write them:
 *
 * - JSON text in UTF-8, when JSON gives back the same value;
 * - otherwise a header and a payload. The header is a zero byte, the name of the encoding in ASCII, and a zero
 *   byte; no JSON text begins with a zero byte. The names are `bytes` (the payload is the bytes of a `Uint8Array`),
 *   `nothing` (`undefined`, without payload), and `v8` (what V8 writes for a structured clone: for programs on V8).
 *
 * What crosses as a reference, as a lock or a queue of this process, is refused: a reference would outlive it.
 */

const NAMES: ReadonlyMap<number, string> = new Map([
  [Encoding.NOTHING, "nothing"],
  [Encoding.BYTES, "bytes"],
  [Encoding.V8, "v8"],
]);

const CODES: ReadonlyMap<string, number> = new Map([...NAMES].map(([code, name]) => [name, code]));

/** No name is longer. */
const LONGEST_HEADER = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Writes a value.
 *
 * @throws {TypeError} When it holds something that cannot be carried.
 */
export function toBytes(value: unknown): Uint8Array {
  const { encoding, payload }: Encoded = encode(value);
  if (encoding === Encoding.JSON) return encoder.encode(payload as string);
  const name = NAMES.get(encoding);
  if (name === undefined) {
    throw new TypeError(
      "Cannot keep an object that lives in a process on the engine: it would be there for longer",
    );
  }
  const header = encoder.encode(`\0${name}\0`);
  const body = typeof payload === "string" ? encoder.encode(payload) : payload;
  const bytes = new Uint8Array(header.length + body.length);
  bytes.set(header);
  bytes.set(body, header.length);
  return bytes;
}

/**
 * Reads a value.
 *
 * @throws {ProtocolError} When it is neither JSON nor has a known header.
 */
export function fromBytes(bytes: Uint8Array): unknown {
  try {
    if (bytes[0] !== 0) return JSON.parse(decoder.decode(bytes));
    const end = bytes.subarray(0, LONGEST_HEADER).indexOf(0, 1);
    const name = decoder.decode(bytes.subarray(1, Math.max(end, 1)));
    const code = CODES.get(name);
    if (code === undefined) throw new TypeError(`There is no encoding "${name}"`);
    return decode(code, bytes.slice(end + 1));
  } catch (error) {
    throw new ProtocolError(
      "Cannot read a value from the engine: it is neither JSON nor in an encoding that is known",
      { cause: error },
    );
  }
}

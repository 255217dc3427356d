/**
 * One value in a shareable list, as CPython's `struct` formats write it: little-endian, and padded with
 * zero bytes.
 */

/** What a shareable list holds. */
export type ShareableItem = number | bigint | boolean | string | Uint8Array | null;

/** A value on its way into a list. */
export interface PackedItem {
  /** How `struct` calls it; for text and bytes it depends on the room that there is. */
  readonly format: string;
  /** Which kind the bytes are of, where the format does not tell. */
  readonly code: number;
  readonly bytes: Uint8Array;
  /** The room that it takes in a new list. */
  readonly room: number;
}

/** Every place is a multiple of so many bytes. */
export const ALIGNMENT = 8;

/** A format is written in so many bytes, so a place can have no more digits. */
const MOST_ROOM = 9_999_992;

const [INT, FLOAT, BOOL, NONE] = ["q", "d", "xxxxxxx?", "xxxxxx?x"];
const [BOOL_AT, NONE_CODE, TEXT_CODE, BYTES_CODE, NUMBER_CODE] = [7, 3, 1, 2, 0];
const [LEAST_INT, MOST_INT] = [-(2n ** 63n), 2n ** 63n - 1n];

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Makes bytes of a value.
 *
 * @param action What is tried, for the errors.
 * @throws {TypeError} When a list cannot hold such a value.
 * @throws {RangeError} When it is outside of what a list can hold.
 */
export function packItem(value: ShareableItem, action: string): PackedItem {
  if (typeof value === "number" && !isInt(value)) {
    return numberItem(FLOAT!, (view) => view.setFloat64(0, value, true));
  }
  if (typeof value === "number" || typeof value === "bigint") {
    const int = BigInt(value);
    if (int < LEAST_INT || int > MOST_INT) {
      throw new RangeError(`Cannot ${action}: ${value} does not fit into 64 bits`);
    }
    return numberItem(INT!, (view) => view.setBigInt64(0, int, true));
  }
  if (typeof value === "boolean") {
    return numberItem(BOOL!, (view) => view.setUint8(BOOL_AT!, value ? 1 : 0));
  }
  if (value === null) return { ...numberItem(NONE!, () => {}), code: NONE_CODE! };
  const isText = typeof value === "string";
  if (!isText && !(value instanceof Uint8Array)) {
    throw new TypeError(
      `Cannot ${action}: a list holds numbers, bigints, booleans, strings, Uint8Arrays and null, ` +
        `got ${typeof value}`,
    );
  }
  if (isText && !value.isWellFormed()) {
    throw new RangeError(`Cannot ${action}: the text holds half of a character`);
  }
  const bytes = isText ? encoder.encode(value) : value;
  if (bytes.at(-1) === 0) {
    throw new RangeError(
      `Cannot ${action}: it ends with a zero byte, which a list does not tell from empty room`,
    );
  }
  const room = Math.max(roomFor(isText ? countCharacters(value) : bytes.length), padded(bytes));
  if (room > MOST_ROOM) {
    throw new RangeError(
      `Cannot ${action}: it takes ${bytes.length} bytes, and ${MOST_ROOM - 1} is the most`,
    );
  }
  return { format: `${room}s`, code: isText ? TEXT_CODE! : BYTES_CODE!, bytes, room };
}

/**
 * Makes a value of the bytes of its place.
 *
 * @param place The bytes from its place on, to the end of the next one.
 * @throws {TypeError} When no list of Python's writes such a place.
 */
export function unpackItem(format: string, code: number, place: Uint8Array): ShareableItem {
  const view = new DataView(place.buffer, place.byteOffset, place.byteLength);
  if (code === NONE_CODE) return null;
  if (code === NUMBER_CODE && format === INT) {
    const int = view.getBigInt64(0, true);
    const number = Number(int);
    return Number.isSafeInteger(number) ? number : int;
  }
  if (code === NUMBER_CODE && format === FLOAT) return view.getFloat64(0, true);
  if (code === NUMBER_CODE && format === BOOL) return view.getUint8(BOOL_AT!) !== 0;
  const room = /^\d+s$/.test(format) ? Number(format.slice(0, -1)) : NaN;
  if ((code === TEXT_CODE || code === BYTES_CODE) && room <= place.length) {
    let end = room;
    while (end > 0 && place[end - 1] === 0) end--;
    const bytes = place.slice(0, end);
    return code === TEXT_CODE ? decoder.decode(bytes) : bytes;
  }
  throw new TypeError(
    `Cannot read from the list: an item of format "${format}" and code ${code} is none of Python's`,
  );
}

/** Whether two values are the same one; there are no equal values of different kinds but numbers. */
export function isSameItem(one: unknown, other: unknown): boolean {
  if (one instanceof Uint8Array && other instanceof Uint8Array) {
    return one.length === other.length && one.every((byte, i) => byte === other[i]);
  }
  // deno-lint-ignore eqeqeq -- a bigint and a number may be the same number
  if (isNumber(one) && isNumber(other)) return one == other;
  return one === other;
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** Whether Python would have an `int` of it: a whole number that is exact, and not minus zero. */
function isInt(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}

function numberItem(format: string, write: (view: DataView) => void): PackedItem {
  const bytes = new Uint8Array(ALIGNMENT);
  write(new DataView(bytes.buffer));
  return { format, code: NUMBER_CODE!, bytes, room: ALIGNMENT };
}

/** The room that Python gives to so many characters or bytes: always more. */
function roomFor(length: number): number {
  return ALIGNMENT * (Math.floor(length / ALIGNMENT) + 1);
}

/** The least room. Python counts characters instead, and cuts text that takes more bytes. */
function padded(bytes: Uint8Array): number {
  return ALIGNMENT * Math.ceil(bytes.length / ALIGNMENT);
}

function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

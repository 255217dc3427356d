/**
 * A list in shared memory.
 *
 * @module
 */

import { setPortable } from "./_portable.ts";
import {
  ALIGNMENT,
  isSameItem,
  type PackedItem,
  packItem,
  type ShareableItem,
  unpackItem,
} from "./_shm_item.ts";
import { checkName } from "./_shm_segment.ts";
import { SharedMemory, type SharedMemoryOptions } from "./shared_memory.ts";

export type { ShareableItem };

const WIRE_TYPE = "ipc.ShareableList";
const WORD = 8;

/** What the constructor is to stand for: set by the static methods alone. */
let opened: { memory: SharedMemory; layout: Layout } | undefined;

/**
 * Where things are in the memory: the number of items; the offsets of their places, and where the last one
 * ends; the places; a format for each item, and a code.
 */
interface Layout {
  readonly length: number;
  /** Where the place of each item begins, and one more: where the last one ends. */
  readonly offsets: readonly number[];
  readonly formatsAt: number;
  readonly codesAt: number;
}

/**
 * A list of values in shared memory, which processes read and write in place.
 *
 * - Its length does not change, and each item keeps the place that it got at creation: 8 bytes for numbers,
 *   booleans and `null`; for text and bytes a multiple of 8 above what they took. Any value may go where it
 *   fits.
 * - It is a name for what all processes see: a list that is passed to a child is the same list there.
 * - An item is written in several steps, which nobody guards: hold a `Lock` when several processes write.
 * - `shm` is the segment; close and unlink that one. `using` closes it.
 *
 * Needs what {@linkcode SharedMemory} needs. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.shared_memory.html#multiprocessing.shared_memory.ShareableList | shared_memory.ShareableList},
 * byte for byte as CPython 3.9 and later have it, so that each side reads and writes the lists of the other.
 * What differs:
 *
 * - A whole number becomes Python's `int` (also `5.0`), another one `float`. An `int` beyond
 *   `Number.MAX_SAFE_INTEGER` is read as a bigint.
 * - Text whose UTF-8 does not fit into the place that Python would make for it gets a larger one; Python cuts it.
 * - Text or bytes that end with a zero byte are refused; Python loses these bytes.
 * - `true` is not found as `1`.
 *
 * @example A list that two sides change
 * ```ts
 * import { ShareableList } from "@manyhands/concurrency/ipc";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * if (Deno.build.os !== "windows") {
 *   using list = ShareableList.create(["howdy", -273.15, 100, null, true]);
 *   using other = ShareableList.attach(list.shm.name); // in another process, as a rule
 *   list.shm.unlink();
 *   other.set(-1, "short");
 *   assertEquals([...list], ["howdy", -273.15, 100, null, "short"]);
 *   assertThrows(() => list.set(0, "far too long"), RangeError);
 * }
 * ```
 */
export class ShareableList implements Disposable, Iterable<ShareableItem> {
  static {
    setPortable(
      ShareableList,
      WIRE_TYPE,
      (list) => {
        list.shm.buf; // throws when it is closed
        return { name: list.shm.name };
      },
      (data) => ShareableList.attach(checkName((data as { name?: unknown })?.name, "receive")),
    );
  }

  readonly #memory: SharedMemory;
  readonly #layout: Layout;

  /**
   * Not for use: a list is created or attached to.
   *
   * @throws {TypeError} When it is called.
   */
  constructor() {
    if (opened === undefined) {
      throw new TypeError(
        "Cannot construct a list: use ShareableList.create() or ShareableList.attach()",
      );
    }
    this.#memory = opened.memory;
    this.#layout = opened.layout;
    opened = undefined;
  }

  /**
   * Creates a list in a new segment.
   *
   * @param values What it holds; another list is copied.
   * @param options The segment's name.
   * @returns The list.
   * @throws {TypeError} When a list cannot hold one of the values, or the name is no text.
   * @throws {RangeError} When one of the values is too large, or no segment can have the name.
   * @throws {Deno.errors.AlreadyExists} When there is a segment of this name.
   * @throws {SharedMemoryError} When there is no room for it.
   * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
   * @throws {Deno.errors.NotSupported} On Windows.
   */
  static create(
    values: Iterable<ShareableItem> = [],
    options: SharedMemoryOptions = {},
  ): ShareableList {
    const items = Array.from(values, (value, i) => packItem(value, `put item ${i} into the list`));
    const offsets = [0];
    for (const { room } of items) offsets.push(offsets.at(-1)! + room);
    const layout = layOut(items.length, offsets);
    const memory = SharedMemory.create(layout.codesAt + items.length, options);
    const view = new DataView(memory.buf.buffer);
    [items.length, ...offsets].forEach((n, i) => view.setBigInt64(i * WORD, BigInt(n), true));
    const list = wrap(memory, layout);
    items.forEach((item, i) => list.#write(i, item, item.format));
    return list;
  }

  /**
   * Opens a list that exists.
   *
   * @param name The segment's name.
   * @returns The list.
   * @throws {TypeError} When the segment holds no list, or the name is no text.
   * @throws {RangeError} When no segment can have the name.
   * @throws {Deno.errors.NotFound} When there is no segment of this name.
   * @throws {Deno.errors.PermissionDenied} When it belongs to another user.
   * @throws {SharedMemoryError} When it cannot be mapped.
   * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
   * @throws {Deno.errors.NotSupported} On Windows.
   */
  static attach(name: string): ShareableList {
    const memory = SharedMemory.attach(name);
    try {
      return wrap(memory, readLayout(memory));
    } catch (error) {
      memory.close();
      throw error;
    }
  }

  /** The segment that holds the list. */
  get shm(): SharedMemory {
    return this.#memory;
  }

  /** How many items it has. */
  get length(): number {
    return this.#layout.length;
  }

  /**
   * How Python's `struct` calls the items, one after another.
   *
   * @throws {Deno.errors.BadResource} When the segment was closed here.
   */
  get format(): string {
    let formats = "";
    for (let i = 0; i < this.length; i++) formats += this.#formatOf(i);
    return formats;
  }

  /**
   * Reads an item.
   *
   * @param index Which one; from the end when negative.
   * @returns What is there; bytes are a copy.
   * @throws {RangeError} When there is no such item.
   * @throws {TypeError} When what is there is no item of a list.
   * @throws {Deno.errors.BadResource} When the segment was closed here.
   */
  get(index: number): ShareableItem {
    const i = this.#at(index, "read");
    const code = this.#memory.buf[this.#layout.codesAt + i]!;
    return unpackItem(this.#formatOf(i), code, this.#place(i));
  }

  /**
   * Writes an item.
   *
   * @param index Which one; from the end when negative.
   * @param value What to write; it may be of another kind than what is there.
   * @throws {RangeError} When there is no such item, or its place is too small for the value.
   * @throws {TypeError} When a list cannot hold such a value.
   * @throws {Deno.errors.BadResource} When the segment was closed here.
   */
  set(index: number, value: ShareableItem): void {
    const i = this.#at(index, "write");
    const item = packItem(value, `write item ${index} of the list`);
    const room = this.#place(i).length;
    if (item.bytes.length > room) {
      throw new RangeError(
        `Cannot write item ${index} of the list: it takes ${item.bytes.length} bytes, which ` +
          `exceeds available storage of ${room}`,
      );
    }
    // Text and bytes fill the place.
    this.#write(i, item, item.format.endsWith("s") ? `${room}s` : item.format);
  }

  /**
   * How often a value is in the list.
   *
   * @param value What to look for; a number is equal to a bigint, bytes to the same bytes.
   * @returns The number of items that are equal to it.
   * @throws {Deno.errors.BadResource} When the segment was closed here.
   */
  count(value: ShareableItem): number {
    let count = 0;
    for (const item of this) if (isSameItem(item, value)) count++;
    return count;
  }

  /**
   * Where a value is for the first time.
   *
   * @param value What to look for; a number is equal to a bigint, bytes to the same bytes.
   * @returns Its index.
   * @throws {RangeError} When it is not in the list.
   * @throws {Deno.errors.BadResource} When the segment was closed here.
   */
  index(value: ShareableItem): number {
    for (let i = 0; i < this.length; i++) if (isSameItem(this.get(i), value)) return i;
    throw new RangeError(`Cannot find ${show(value)}: it is not in the list`);
  }

  /**
   * The items, read one by one.
   *
   * @returns What is in the list when it is asked for.
   */
  *[Symbol.iterator](): Generator<ShareableItem, void> {
    for (let i = 0; i < this.length; i++) yield this.get(i);
  }

  /** Closes the segment here. Its name stays. */
  [Symbol.dispose](): void {
    this.#memory.close();
  }

  /**
   * Its items and the segment's name, as text.
   *
   * @returns Such as `ShareableList([1, "a"], name="psm_0a1b")`.
   */
  toString(): string {
    const items = [...this].map(show).join(", ");
    return `ShareableList([${items}], name=${JSON.stringify(this.shm.name)})`;
  }

  #at(index: number, action: string): number {
    const i = index < 0 ? index + this.length : index;
    if (Number.isInteger(i) && i >= 0 && i < this.length) return i;
    throw new RangeError(
      `Cannot ${action} item ${index} of the list: index out of range, it has ${this.length} items`,
    );
  }

  /** The bytes of an item. */
  #place(i: number): Uint8Array<ArrayBuffer> {
    const { length, offsets } = this.#layout;
    const start = placesAt(length);
    return this.#memory.buf.subarray(start + offsets[i]!, start + offsets[i + 1]!);
  }

  #formatOf(i: number): string {
    const at = this.#layout.formatsAt + i * WORD;
    const bytes = this.#memory.buf.slice(at, at + WORD);
    return String.fromCharCode(...bytes).replace(/\0+$/, "");
  }

  #write(i: number, item: PackedItem, format: string): void {
    const { formatsAt, codesAt } = this.#layout;
    const { buf } = this.#memory;
    const formatAt = formatsAt + i * WORD;
    buf.fill(0, formatAt, formatAt + WORD);
    buf.set(new TextEncoder().encode(format), formatAt);
    buf[codesAt + i] = item.code;
    const place = this.#place(i);
    place.set(item.bytes);
    if (format.endsWith("s")) place.fill(0, item.bytes.length, Number(format.slice(0, -1)));
  }
}

function wrap(memory: SharedMemory, layout: Layout): ShareableList {
  opened = { memory, layout };
  return new ShareableList();
}

/** Where the places begin: behind the length and the offsets. */
function placesAt(length: number): number {
  return (length + 2) * WORD;
}

function layOut(length: number, offsets: readonly number[]): Layout {
  const formatsAt = placesAt(length) + offsets[length]!;
  return { length, offsets, formatsAt, codesAt: formatsAt + length * WORD };
}

/** Reads where things are, and believes nothing that does not fit into the segment. */
function readLayout({ buf, size, name }: SharedMemory): Layout {
  const view = new DataView(buf.buffer);
  const word = (i: number) => Number(view.getBigInt64(i * WORD, true));
  const length = size < placesAt(0) ? NaN : word(0);
  if (length >= 0 && placesAt(length) <= size) {
    const offsets = Array.from({ length: length + 1 }, (_, i) => word(i + 1));
    const isRising = offsets.every((offset, i) =>
      i === 0 ? offset === 0 : offset - offsets[i - 1]! >= ALIGNMENT
    );
    const layout = layOut(length, offsets);
    if (isRising && layout.codesAt + length <= size) return layout;
  }
  throw new TypeError(`Cannot attach to shared memory "${name}": it holds no shareable list`);
}

function show(item: ShareableItem): string {
  if (item instanceof Uint8Array) return `Uint8Array [${item.join(", ")}]`;
  return typeof item === "string" ? JSON.stringify(item) : String(item);
}

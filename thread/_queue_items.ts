import type { EncodedItem } from "./_queue_codec.ts";
import { NUMBER } from "./_queue_codec.ts";

/** The words of an item before its bytes, from its state on. An item is named by the place of its state. */
const SLOT = 1;
const TAG = 2;
const BYTES = 3;
const HEAD = 4;

/** The states of an item. */
/** Its put waits for room. */
export const PENDING = 0;
/** Can be taken. */
export const AVAILABLE = 1;
/** Belongs to one who waited for it, and has not taken it yet. */
export const RESERVED = 2;
/** Taken, or given up. */
export const DEAD = 3;

const BYTES_PER_WORD = 4;
const SMALLEST_BYTES = 8192;
/** Each is twice as long as the one before: one GiB in all. */
const MOST_REGIONS = 17;
const MOST_BYTES = SMALLEST_BYTES * (2 ** MOST_REGIONS - 1);
/** Where the items of a region begin. Its first word says where they end. */
export const FIRST_ITEM = 2;

interface Region {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly numbers: Float64Array<SharedArrayBuffer>;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
}

/**
 * The items of a queue, one behind the other in shared memory, in the order in which they were put. Those that are
 * dead are left behind when there is no room at the end: the others are copied into another region, and the one
 * word that names the region changes. So a thread can be killed at any instruction of that.
 *
 * Nothing here is guarded: whoever calls has the guard of the queue.
 */
export class QueueItems {
  readonly buffer: SharedArrayBuffer;
  /** The word that names the region in use. */
  readonly #head: Int32Array<SharedArrayBuffer>;
  readonly #regionWord: number;
  readonly #regions: Region[] = [];

  constructor(
    head: Int32Array<SharedArrayBuffer>,
    regionWord: number,
    received: SharedArrayBuffer | undefined,
  ) {
    this.#head = head;
    this.#regionWord = regionWord;
    this.buffer = received ??
      new SharedArrayBuffer(SMALLEST_BYTES, { maxByteLength: MOST_BYTES });
    if (received === undefined) this.#region(0).words[0] = FIRST_ITEM;
  }

  /** Where the next item goes. */
  get end(): number {
    return this.#current.words[0]!;
  }

  set end(end: number) {
    Atomics.store(this.#current.words, 0, end);
  }

  /** Whether there is room for the bytes behind the last item. */
  hasRoomFor(bytes: number): boolean {
    return this.end + wordsOf(bytes) <= this.#current.words.length;
  }

  /** Writes an item behind the last one. It is none until the end is moved behind it. */
  write(item: EncodedItem, state: number, slot: number): number {
    const { words, numbers, bytes } = this.#current;
    const at = words[0]!;
    const count = item.bytes.length;
    words[at] = state;
    words[at + SLOT] = slot;
    words[at + TAG] = item.tag;
    words[at + BYTES] = count;
    const body = at + HEAD;
    if (item.tag === NUMBER) numbers[body / 2] = item.number;
    else if (count > 0) bytes.set(item.bytes, body * BYTES_PER_WORD);
    return at;
  }

  /** Copies an item out of the shared memory. */
  read(item: number): EncodedItem {
    const { words, numbers, bytes } = this.#current;
    const tag = words[item + TAG]!;
    const body = item + HEAD;
    if (tag === NUMBER) return { tag, number: numbers[body / 2]!, bytes: NO_BYTES };
    const count = words[item + BYTES]!;
    if (count === 0) return { tag, number: 0, bytes: NO_BYTES };
    const from = body * BYTES_PER_WORD;
    return { tag, number: 0, bytes: bytes.slice(from, from + count) };
  }

  /** The item behind that one, or the end. */
  next(item: number): number {
    return item + wordsOf(this.#current.words[item + BYTES]!);
  }

  stateOf(item: number): number {
    return this.#current.words[item]!;
  }

  setState(item: number, state: number): void {
    Atomics.store(this.#current.words, item, state);
  }

  /** The one who waits for it, or waits to put it. */
  slotOf(item: number): number {
    return this.#current.words[item + SLOT]!;
  }

  setSlot(item: number, slot: number): void {
    this.#current.words[item + SLOT] = slot;
  }

  /**
   * Leaves the dead behind, and makes room for more. All items have new names then.
   *
   * @throws {RangeError} When the memory does not suffice; nothing has changed then.
   */
  makeRoom(bytes: number): void {
    const from = this.#current;
    let live = 0;
    for (let item = FIRST_ITEM; item < this.end; item = this.next(item)) {
      if (this.stateOf(item) !== DEAD) live += this.next(item) - item;
    }
    const needed = FIRST_ITEM + live + wordsOf(bytes);
    // Twice as much as is needed: else it would be copied at every put.
    const chosen = this.#chooseRegion(needed + live);
    const region = this.#region(chosen);
    let to = FIRST_ITEM;
    for (let item = FIRST_ITEM; item < this.end;) {
      const start = item;
      while (item < this.end && this.stateOf(item) !== DEAD) item = this.next(item);
      region.words.set(from.words.subarray(start, item), to);
      to += item - start;
      while (item < this.end && this.stateOf(item) === DEAD) item = this.next(item);
    }
    region.words[0] = to;
    Atomics.store(this.#head, this.#regionWord, chosen);
  }

  #chooseRegion(words: number): number {
    const current = this.#head[this.#regionWord]!;
    for (let index = 0; index < MOST_REGIONS; index++) {
      if (index !== current && lengthOf(index) >= words) return index;
    }
    throw new RangeError(
      `Cannot put into queue: ${words * BYTES_PER_WORD} bytes do not fit into its memory`,
    );
  }

  get #current(): Region {
    return this.#region(this.#head[this.#regionWord]!);
  }

  #region(index: number): Region {
    return this.#regions[index] ??= this.#openRegion(index);
  }

  #openRegion(index: number): Region {
    const { buffer } = this;
    const start = SMALLEST_BYTES * (2 ** index - 1);
    const words = lengthOf(index);
    const end = start + words * BYTES_PER_WORD;
    if (buffer.byteLength < end) buffer.grow(end);
    // Of fixed length: access to what can grow takes twice the time.
    return {
      words: new Int32Array(buffer, start, words),
      numbers: new Float64Array(buffer, start, words / 2),
      bytes: new Uint8Array(buffer, start, words * BYTES_PER_WORD),
    };
  }
}

const NO_BYTES = new Uint8Array(0);

function lengthOf(region: number): number {
  return SMALLEST_BYTES / BYTES_PER_WORD * 2 ** region;
}

/** How many words an item takes. The next one begins where a number of eight bytes may stand. */
function wordsOf(bytes: number): number {
  return HEAD + Math.ceil(bytes / 8) * 2;
}

/**
 * Messages on shared memory, from one thread to one other: a ring of words. A message is a record
 *
 * `[words][sequence][kind, form, flags][job][index][number][count][-][values …]`
 *
 * that never wraps; one that does not fit before the end of the ring begins at its start. Only values that
 * are cheaper to write out than to clone get in: numbers, and little plain data as text.
 */

import { plainText } from "./_pool_text.ts";

/** A message, of whichever way. */
export interface PoolMessage {
  readonly kind: number;
  readonly flags: number;
  readonly job: number;
  readonly index: number;
  readonly number: number;
  readonly values: unknown[];
}

/** How the values of a record are written. */
const Form = {
  /** Nothing but `undefined`, as often as the count says. */
  UNDEFINED: 0,
  INT32: 1,
  FLOAT64: 2,
  /** The whole list as JSON; the count is its length. */
  TEXT: 3,
} as const;

// Words of the memory, on cache lines of their own.
/** Up to where it is read. */
const HEAD = 0;
/** Up to where it is written. */
const TAIL = 16;
/** What the reader does: one of the states below. */
const SLEEP = 32;
/** How often something was sent by the port, beside the ring. */
const POSTED = 33;
const FIRST = 48;

// States of the reader.
const AWAKE = 0;
/** It waits, and its event loop goes on. */
const ASLEEP = 1;
/** Its thread stands still. */
const STANDING = 2;

const HEADER_WORDS = 8;
const RING_WORDS = 32_768;
const MASK = RING_WORDS - 1;

/** A longer list is cloned. */
const MOST_VALUE_WORDS = 8_192;

/** Tells the reader to go on at the start of the ring. */
const SKIP = -1;

/** Memory for messages in one direction. */
export function createRingMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer((FIRST + RING_WORDS) * 4);
}

/** The end at which messages are written. */
export class RingWriter {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #floats: Float64Array<SharedArrayBuffer>;
  readonly #chars: Uint16Array<SharedArrayBuffer>;
  /** Up to where it was read, as far as known here. */
  #head = 0;
  #tail = 0;
  /** Whether something was written since the reader was last looked after. */
  #isNew = false;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#floats = new Float64Array(memory);
    this.#chars = new Uint16Array(memory);
  }

  /**
   * Writes a message, which the reader sees from then on, unless it sleeps.
   *
   * @returns `false` when the values are not for the ring, or it is full.
   */
  write(
    sequence: number,
    kind: number,
    flags: number,
    job: number,
    index: number,
    number: number,
    values: readonly unknown[],
  ): boolean {
    let count = values.length;
    const form: number = formOf(values);
    let size = form === Form.INT32 ? count : form === Form.FLOAT64 ? count * 2 : 0;
    let text = "";
    if (form === Form.TEXT) {
      const plain = plainText(values);
      if (plain === undefined) return false;
      text = plain;
      count = text.length;
      size = (count + 1) >> 1;
    }
    if (size > MOST_VALUE_WORDS) return false;
    const at = this.#reserve(HEADER_WORDS + size);
    if (at < 0) return false;
    const words = this.#words;
    words[at + 1] = sequence;
    words[at + 2] = kind | form << 8 | flags << 16;
    words[at + 3] = job;
    words[at + 4] = index;
    words[at + 5] = number;
    words[at + 6] = count;
    const to = at + HEADER_WORDS;
    if (form === Form.INT32) {
      for (let n = 0; n < count; n++) words[to + n] = values[n] as number;
    } else if (form === Form.FLOAT64) {
      for (let n = 0; n < count; n++) this.#floats[(to >> 1) + n] = values[n] as number;
    } else if (form === Form.TEXT) {
      for (let n = 0; n < count; n++) this.#chars[to * 2 + n] = text.charCodeAt(n);
    }
    Atomics.store(words, TAIL, this.#tail);
    this.#isNew = true;
    return true;
  }

  /**
   * Wakes the reader, if it sleeps and something was written. That takes as long as ten messages, so it is not
   * done for each.
   */
  wake(): void {
    if (!this.#isNew) return;
    this.#isNew = false;
    if (Atomics.load(this.#words, SLEEP) !== AWAKE) rouse(this.#words);
  }

  /** Has the reader see what was sent by the port: that wakes its event loop, but no thread that stands still. */
  wakeForPost(): void {
    if (Atomics.load(this.#words, SLEEP) === STANDING) rouse(this.#words);
  }

  /** Counts what is about to be sent beside the ring; -1 takes it back. */
  countPosted(count: 1 | -1): void {
    Atomics.add(this.#words, POSTED, count);
  }

  /** Room for a record of so many words. @returns Where it begins; -1 when there is none. */
  #reserve(size: number): number {
    const wanted = (size + 1) & ~1;
    let at = this.#tail & MASK;
    const skipped = at + wanted > RING_WORDS ? RING_WORDS - at : 0;
    if (this.#free < wanted + skipped) {
      this.#head = Atomics.load(this.#words, HEAD);
      if (this.#free < wanted + skipped) return -1;
    }
    if (skipped > 0) {
      this.#words[FIRST + at] = SKIP;
      at = 0;
    }
    this.#words[FIRST + at] = wanted;
    this.#tail = (this.#tail + skipped + wanted) | 0;
    return FIRST + at;
  }

  get #free(): number {
    return RING_WORDS - ((this.#tail - this.#head) | 0);
  }
}

/** The end at which messages are read. */
export class RingReader {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #floats: Float64Array<SharedArrayBuffer>;
  readonly #chars: Uint16Array<SharedArrayBuffer>;
  #head = 0;
  /** Up to where it is written, as far as known here. */
  #tail = 0;
  /** How often something has come beside the ring. */
  #arrived = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#floats = new Float64Array(memory);
    this.#chars = new Uint16Array(memory);
  }

  /** Counts what has come beside the ring. */
  countArrived(): void {
    this.#arrived++;
  }

  /** Whether something was sent beside the ring that has not come yet: a turn of the event loop brings it. */
  get isPostDue(): boolean {
    return Atomics.load(this.#words, POSTED) !== this.#arrived;
  }

  /** Whether nothing is there to be read. */
  get isEmpty(): boolean {
    if (this.#head !== this.#tail) return false;
    this.#tail = Atomics.load(this.#words, TAIL);
    return this.#head === this.#tail;
  }

  /**
   * Looks for a message so often, which takes some nanoseconds each.
   *
   * @returns Whether there is one, or one is on its way by the port.
   */
  lookOut(times: number): boolean {
    while (this.isEmpty && !this.isPostDue) if (--times <= 0) return false;
    return true;
  }

  /** Reads the next message, if it is the one of that sequence number. */
  read(sequence: number): PoolMessage | undefined {
    if (this.isEmpty) return undefined;
    const words = this.#words;
    let at = FIRST + (this.#head & MASK);
    if (words[at] === SKIP) {
      this.#head = (this.#head + FIRST + RING_WORDS - at) | 0;
      at = FIRST;
    }
    if (words[at + 1] !== sequence) return undefined;
    const what = words[at + 2]!;
    const message = {
      kind: what & 0xff,
      flags: what >>> 16,
      job: words[at + 3]!,
      index: words[at + 4]!,
      number: words[at + 5]!,
      values: this.#readValues(what >>> 8 & 0xff, words[at + 6]!, at + HEADER_WORDS),
    };
    this.#head = (this.#head + words[at]!) | 0;
    Atomics.store(words, HEAD, this.#head);
    return message;
  }

  /** Stands still until something is sent, or so long. */
  standStill(ms: number): void {
    if (this.#lieDown(STANDING)) Atomics.wait(this.#words, SLEEP, STANDING, ms);
    this.getUp();
  }

  /** Sleeps until something is written; what comes by the port has a turn of its own. `undefined` when there is something. */
  sleep(): Promise<unknown> | undefined {
    if (!this.#lieDown(ASLEEP)) return undefined;
    const { async, value } = Atomics.waitAsync(this.#words, SLEEP, ASLEEP);
    return async ? value : undefined;
  }

  /** Sleeps no more. */
  getUp(): void {
    rouse(this.#words);
  }

  /** Is about to sleep. @returns `false` when there is something to read, or it is on its way by the port. */
  #lieDown(how: number): boolean {
    Atomics.store(this.#words, SLEEP, how);
    if (this.isEmpty && !this.isPostDue) return true;
    this.getUp();
    return false;
  }

  #readValues(form: number, count: number, at: number): unknown[] {
    switch (form) {
      case Form.INT32: {
        const values = new Array<number>(count);
        for (let n = 0; n < count; n++) values[n] = this.#words[at + n]!;
        return values;
      }
      case Form.FLOAT64: {
        const values = new Array<number>(count);
        for (let n = 0; n < count; n++) values[n] = this.#floats[(at >> 1) + n]!;
        return values;
      }
      case Form.TEXT: {
        const chars = this.#chars.subarray(at * 2, at * 2 + count);
        return JSON.parse(String.fromCharCode.apply(null, chars as unknown as number[]));
      }
      default:
        return new Array(count).fill(undefined);
    }
  }
}

function rouse(words: Int32Array<SharedArrayBuffer>): void {
  if (Atomics.exchange(words, SLEEP, AWAKE) !== AWAKE) Atomics.notify(words, SLEEP);
}

function formOf(values: readonly unknown[]): number {
  const { length } = values;
  let at = 0;
  for (; at < length; at++) {
    const value = values[at];
    // -0 is no integer.
    if (typeof value !== "number" || (value | 0) !== value || (value === 0 && 1 / value < 0)) break;
  }
  if (at === length && at > 0) return Form.INT32;
  for (; at < length; at++) if (typeof values[at] !== "number") break;
  if (at === length && at > 0) return Form.FLOAT64;
  for (at = 0; at < length; at++) if (values[at] !== undefined || !(at in values)) return Form.TEXT;
  return Form.UNDEFINED;
}

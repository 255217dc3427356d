/** The key under which the queues of this room hand their store to {@linkcode Queue}. */
export const STORE: unique symbol = Symbol("store");

/** What a queue keeps its items in. The three queues of this room differ in nothing else. */
export interface Store<T> {
  readonly size: number;
  /** Adds an item as `put` does. */
  add(item: T): void;
  /** Takes the item that is next. There is one. */
  take(): T;
  /** Makes an item that was taken the next one again. */
  giveBack(item: T): void;
  clear(): void;
  /** The items that are next, in their order, without taking them. There are as many. */
  peek(count: number): T[];
}

const SMALLEST_RING = 16;

/** First in, first out: a ring that doubles, so that every operation takes constant (amortised) time. */
export class FifoStore<T> implements Store<T> {
  #ring: (T | undefined)[] = new Array(SMALLEST_RING);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(item: T): void {
    if (this.#size === this.#ring.length) this.#resize(this.#ring.length * 2);
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item;
    this.#size++;
  }

  take(): T {
    const item = this.#ring[this.#head] as T;
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size--;
    // A queue that was long once does not keep the memory: it shrinks when a quarter is in use.
    if (this.#ring.length > SMALLEST_RING && this.#size <= this.#ring.length >> 2) {
      this.#resize(this.#ring.length >> 1);
    }
    return item;
  }

  giveBack(item: T): void {
    if (this.#size === this.#ring.length) this.#resize(this.#ring.length * 2);
    this.#head = (this.#head - 1 + this.#ring.length) & (this.#ring.length - 1);
    this.#ring[this.#head] = item;
    this.#size++;
  }

  clear(): void {
    this.#ring = new Array(SMALLEST_RING);
    this.#head = 0;
    this.#size = 0;
  }

  peek(count: number): T[] {
    const mask = this.#ring.length - 1;
    return Array.from({ length: count }, (_, i) => this.#ring[(this.#head + i) & mask] as T);
  }

  #resize(length: number): void {
    const ring: (T | undefined)[] = new Array(length);
    for (let i = 0; i < this.#size; i++) {
      ring[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
    }
    this.#ring = ring;
    this.#head = 0;
  }
}

/** Last in, first out. */
export class LifoStore<T> implements Store<T> {
  #stack: T[] = [];

  get size(): number {
    return this.#stack.length;
  }

  add(item: T): void {
    this.#stack.push(item);
  }

  take(): T {
    return this.#stack.pop() as T;
  }

  giveBack(item: T): void {
    this.#stack.push(item);
  }

  clear(): void {
    this.#stack = [];
  }

  peek(count: number): T[] {
    return this.#stack.slice(this.#stack.length - count).reverse();
  }
}

interface Entry<T> {
  item: T;
  turn: number;
}

/** Smallest first: a binary heap. Equal items leave in the order in which they came. */
export class PriorityStore<T> implements Store<T> {
  readonly #compare: (a: T, b: T) => number;
  #heap: Entry<T>[] = [];
  /** Items that came back and have no order among those that were put meanwhile: they leave first. */
  #unordered: T[] = [];
  #nextTurn = 0;
  #turnGivenBack = 0;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#heap.length + this.#unordered.length;
  }

  add(item: T): void {
    this.#insert({ item, turn: this.#nextTurn++ });
  }

  take(): T {
    if (this.#unordered.length > 0) return this.#unordered.pop() as T;
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap[heap.length - 1]!;
    const path = this.#pathDown(last);
    // As in #insert, all comparisons are done: from here on nothing throws.
    heap.pop();
    let hole = 0;
    for (const child of path) {
      heap[hole] = heap[child]!;
      hole = child;
    }
    if (heap.length > 0) heap[hole] = last;
    return first.item;
  }

  giveBack(item: T): void {
    try {
      this.#insert({ item, turn: --this.#turnGivenBack });
    } catch {
      // Who gives back cannot do anything about it, and the item must not be lost.
      this.#unordered.push(item);
    }
  }

  clear(): void {
    this.#heap = [];
    this.#unordered = [];
  }

  peek(count: number): T[] {
    const copy = new PriorityStore<T>(this.#compare);
    copy.#heap = [...this.#heap];
    copy.#unordered = [...this.#unordered];
    const items: T[] = [];
    try {
      while (items.length < count) items.push(copy.take());
    } catch {
      // Whoever only looks is not told that two items have no order.
    }
    return items;
  }

  #before(a: Entry<T>, b: Entry<T>): boolean {
    const order = this.#compare(a.item, b.item);
    return order === 0 ? a.turn < b.turn : order < 0;
  }

  #insert(entry: Entry<T>): void {
    const heap = this.#heap;
    const path: number[] = [];
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(entry, heap[parent]!)) break;
      path.push(parent);
      at = parent;
    }
    // All comparisons are done: from here on nothing throws.
    let hole = heap.length;
    for (const parent of path) {
      heap[hole] = heap[parent]!;
      hole = parent;
    }
    heap[hole] = entry;
  }

  /** The places from which the hole at the top is filled, downwards, until `entry` fits in. */
  #pathDown(entry: Entry<T>): number[] {
    const heap = this.#heap;
    const end = heap.length - 1;
    const path: number[] = [];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= end) return path;
      if (child + 1 < end && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, entry)) return path;
      path.push(child);
      at = child;
    }
  }
}

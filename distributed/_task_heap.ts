/** Where an entry is in its heap; -1 when it is in none. */
export interface HeapEntry {
  at: number;
}

/** A binary heap from which any entry can be taken out, each in a time that grows with the logarithm of their number. */
export class TaskHeap<T extends HeapEntry> {
  readonly #entries: T[] = [];
  readonly #isBefore: (a: T, b: T) => boolean;

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** The one that is next. */
  get first(): T | undefined {
    return this.#entries[0];
  }

  add(entry: T): void {
    entry.at = this.#entries.length;
    this.#entries.push(entry);
    this.#rise(entry);
  }

  take(): T | undefined {
    const first = this.#entries[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Takes an entry out; nothing happens when it is not in a heap. */
  remove(entry: T): void {
    const { at } = entry;
    if (at < 0) return;
    entry.at = -1;
    const last = this.#entries.pop()!;
    if (last === entry) return;
    last.at = at;
    this.#entries[at] = last;
    this.moved(last);
  }

  /** The place of an entry has changed. */
  moved(entry: T): void {
    this.#rise(entry);
    this.#sink(entry);
  }

  #rise(entry: T): void {
    const entries = this.#entries;
    while (entry.at > 0) {
      const above = entries[(entry.at - 1) >> 1]!;
      if (!this.#isBefore(entry, above)) return;
      this.#swap(entry, above);
    }
  }

  #sink(entry: T): void {
    const entries = this.#entries;
    for (;;) {
      const left = entries[2 * entry.at + 1];
      const right = entries[2 * entry.at + 2];
      const next = right !== undefined && this.#isBefore(right, left!) ? right : left;
      if (next === undefined || !this.#isBefore(next, entry)) return;
      this.#swap(next, entry);
    }
  }

  #swap(a: T, b: T): void {
    const { at } = a;
    a.at = b.at;
    b.at = at;
    this.#entries[a.at] = a;
    this.#entries[b.at] = b;
  }
}

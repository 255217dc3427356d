/** What a {@linkcode BatchQueue} links: an object is in one queue at most. */
export interface Queued {
  readonly priority: number;
  queue: Line<this> | undefined;
  before: this | undefined;
  after: this | undefined;
}

/** Those of one priority. */
interface Line<B> {
  readonly priority: number;
  first: B | undefined;
  last: B | undefined;
}

/**
 * Batches that have items to hand out: higher priority first, then first come, first served.
 *
 * Joining and leaving take constant time, from anywhere, for a given number of different priorities.
 */
export class BatchQueue<B extends Queued> {
  /** Highest priority first; lines that are empty stay, because most programs have one or two. */
  readonly #lines: Line<B>[] = [];
  readonly #byPriority = new Map<number, Line<B>>();

  /** The one that is next. */
  first(): B | undefined {
    for (const line of this.#lines) {
      if (line.first !== undefined) return line.first;
    }
    return undefined;
  }

  /** Joins behind its equals; nothing happens when it is in the queue. */
  add(batch: B): void {
    if (batch.queue !== undefined) return;
    const line = this.#lineOf(batch.priority);
    batch.queue = line as never;
    batch.before = line.last;
    if (line.last === undefined) line.first = batch;
    else line.last.after = batch;
    line.last = batch;
  }

  /** Joins before its equals, also when it is in the queue. */
  addFirst(batch: B): void {
    this.remove(batch);
    const line = this.#lineOf(batch.priority);
    batch.queue = line as never;
    batch.after = line.first;
    if (line.first === undefined) line.last = batch;
    else line.first.before = batch;
    line.first = batch;
  }

  /** Leaves; nothing happens when it is not in the queue. */
  remove(batch: B): void {
    const line = batch.queue as Line<B> | undefined;
    if (line === undefined) return;
    if (batch.before === undefined) line.first = batch.after;
    else batch.before.after = batch.after;
    if (batch.after === undefined) line.last = batch.before;
    else batch.after.before = batch.before;
    batch.queue = batch.before = batch.after = undefined;
    if (line.first === undefined && this.#lines.length > 16) this.#drop(line);
  }

  /** From the next one to the last one. The queue must not change meanwhile. */
  *[Symbol.iterator](): Generator<B, void, undefined> {
    for (const line of this.#lines) {
      for (let batch = line.first; batch !== undefined; batch = batch.after) yield batch;
    }
  }

  #lineOf(priority: number): Line<B> {
    let line = this.#byPriority.get(priority);
    if (line === undefined) {
      line = { priority, first: undefined, last: undefined };
      this.#byPriority.set(priority, line);
      this.#lines.splice(this.#placeOf(priority), 0, line);
    }
    return line;
  }

  #drop(line: Line<B>): void {
    this.#byPriority.delete(line.priority);
    this.#lines.splice(this.#placeOf(line.priority), 1);
  }

  /** Where a line of this priority is, or belongs. */
  #placeOf(priority: number): number {
    let low = 0;
    let high = this.#lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#lines[middle]!.priority > priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

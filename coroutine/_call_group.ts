import { Batch, type BatchOwner, type BatchSettings, type ItemRange } from "./_batch.ts";
import { Chunks } from "./_chunks.ts";
import type { Values } from "./_frame.ts";

/** Who waits for a call of a group. */
export interface CallReceiver {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Calls are waited for one by one: a chunk of them is shorter than one of a `map`. */
const CHUNK_MS = 1;
/** The most calls that a runner gets at a time that can tell of each before it starts the next one. */
export const MOST_CALLS = 64;

/** What calls have in common that may be handed out together. */
export interface CallKey {
  readonly target: unknown;
  /** Whether the item of each is its only argument, or the array of its arguments. */
  readonly form: "unary" | "spread";
  /** How many may be handed out together. */
  readonly most: number;
}

/**
 * Calls of one function without options that were made in one turn, as if they were the items of a `map`, so
 * that small ones do not cost an object and a message for each step of each. Each one is settled, cancelled
 * and counted for itself.
 */
export class CallGroup extends Batch {
  readonly #key: CallKey;
  readonly #items: unknown[] = [];
  readonly #receivers: (CallReceiver | undefined)[] = [];
  #next = 0;
  #left = 0;
  /** Those that were cancelled before they were handed out. */
  #cancelled: Set<number> | undefined;

  /** @param chunks What is known of earlier calls of the same function. */
  constructor(
    owner: BatchOwner,
    settings: BatchSettings,
    key: CallKey,
    chunks: Chunks | undefined,
  ) {
    super(owner, settings, chunks ?? createChunks(settings, key));
    this.#key = key;
  }

  override get fresh(): number {
    return this.#items.length - this.#next - (this.#cancelled?.size ?? 0);
  }

  /** Whether a call may join. */
  accepts(target: unknown, form: "unary" | "spread", values: Values): boolean {
    const key = this.#key;
    return key.target === target && key.form === form &&
      this.stopped === undefined && this.#left > 0 &&
      values.map === this.values.map;
  }

  /** How many calls it was given. */
  get size(): number {
    return this.#items.length;
  }

  /** Takes a call in; its index is the size before. */
  add(item: unknown, receiver: CallReceiver): void {
    this.owner.figures.queued++;
    this.#left++;
    this.#receivers.push(receiver);
    this.#items.push(item);
  }

  /** Stops one call, which has not ended; one that is not held ends at once. */
  cancel(index: number, error: unknown): void {
    const isFresh = index >= this.#next;
    if (isFresh) (this.#cancelled ??= new Set()).add(index);
    if (isFresh || this.dropReturned(index)) {
      const { figures } = this.owner;
      figures.queued--;
      figures.cancelled++;
      if (!this.isAvailable) this.owner.dequeue(this);
      this.failed(index, error);
      return;
    }
    for (const job of this.owner.jobsOf(this)) job.stop(index, error);
  }

  /** Whether a call runs. */
  isRunning(index: number): boolean {
    if (this.#receivers[index] === undefined || this.held === 0) return false;
    return this.owner.jobsOf(this).some((job) => job.hasStarted(index));
  }

  override stopHeld(error: unknown): void {
    for (const job of this.owner.jobsOf(this)) job.stopWaiting(error);
  }

  /** A call is no item of anything. */
  override itemOf(): number {
    return 0;
  }

  override get tellsEach(): boolean {
    return true;
  }

  override isDone(): boolean {
    return this.#left === 0;
  }

  override succeeded(index: number, value: unknown): void {
    const receiver = this.#settle(index);
    receiver.resolve(value);
  }

  override failed(index: number, error: unknown): void {
    const receiver = this.#settle(index);
    receiver.reject(error);
  }

  protected override takeFresh(count: number): ItemRange {
    const cancelled = this.#cancelled;
    if (cancelled !== undefined) {
      while (cancelled.delete(this.#next)) this.#next++;
    }
    const first = this.#next;
    let end = Math.min(this.#items.length, first + count);
    if (cancelled !== undefined) {
      for (let at = first; at < end; at++) if (cancelled.has(at)) end = at;
      if (cancelled.size === 0) this.#cancelled = undefined;
    }
    this.#next = end;
    return { first, items: this.#items.slice(first, end), attempt: 0 };
  }

  #settle(index: number): CallReceiver {
    const receiver = this.#receivers[index]!;
    this.#receivers[index] = undefined;
    // What is kept of the group does not keep its items.
    this.#items[index] = undefined;
    if (--this.#left === 0) this.owner.finished(this);
    return receiver;
  }
}

function createChunks({ timeoutMs }: BatchSettings, { most }: CallKey): Chunks {
  if (timeoutMs !== Infinity || most === 1) return new Chunks(1);
  return new Chunks(undefined, { most, ms: CHUNK_MS });
}

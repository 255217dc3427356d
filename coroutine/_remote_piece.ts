import type { Values } from "./_frame.ts";
import type { Job, ValueSink } from "./_runner.ts";

/** After so long the items of a job are interrupted, to tell the results and to look for messages. */
const LONGEST_STRETCH_MS = 10;

/** The most items after which the clock is looked at; they take a millisecond together, as far as one knows. */
const MOST_UNWATCHED = 64;

type AnyFunction = (...args: unknown[]) => unknown;

/** The way from a worker to its pool. A job is named by its number on the way, an item by its index. */
export interface PieceReports {
  values(wire: number, index: number, values: readonly unknown[]): void;
  error(wire: number, index: number, error: unknown): void;
  skipped(wire: number, index: number): void;
  progress(wire: number, index: number, value: unknown): void;
  /** Answers when the next value may be made, if that is not at once. */
  streamed(wire: number, value: unknown): void | Promise<void>;
}

/** The worker, as the pieces of its jobs see it. */
export interface PieceOwner {
  readonly reports: PieceReports;
  /** Starts no further item of the piece that runs. */
  pause(): void;
  /** The items that were given back, to be run later or to be given back to the pool. */
  left(rest: Piece): void;
  /** Every item of the piece has ended. */
  ended(piece: Piece, how: "at its end" | "interrupted"): void;
}

/** What all pieces of a job share. */
export interface PieceSettings {
  readonly wire: number;
  readonly target: AnyFunction;
  readonly spread: boolean;
  readonly wantsProgress: boolean;
  readonly isTimed: boolean;
  /** Whether each result is told before the next item starts. */
  readonly tellsEach?: boolean | undefined;
  readonly sink: RemoteSink | undefined;
  /** The context variables that each item begins with. */
  readonly values: Values;
}

/**
 * Items of a job in the hands of a worker, and the reports on them. When it is interrupted, what has not
 * started becomes a piece of its own.
 */
export class Piece implements Job<AnyFunction> {
  items: readonly unknown[];
  /** Where in the job of the pool the first item is. */
  readonly first: number;
  /** Whether it is the rest of a piece that was interrupted. */
  readonly isRest: boolean;
  readonly #owner: PieceOwner;
  readonly #settings: PieceSettings;
  /** The item that is next to be reported on, as an index of the job; so are all below. */
  #next: number;
  #end: number;
  #results: unknown[] = [];
  #skipped: Set<number> | undefined;
  #startedAt = 0;
  /** After how many more items the clock is looked at. */
  #untilLook = 1;
  #wasInterrupted = false;

  constructor(
    owner: PieceOwner,
    settings: PieceSettings,
    items: readonly unknown[],
    first: number,
    rest?: { skipped: Set<number> | undefined },
  ) {
    this.#owner = owner;
    this.#settings = settings;
    this.items = items;
    this.first = first;
    this.isRest = rest !== undefined;
    this.#skipped = rest?.skipped;
    this.#next = first;
    this.#end = first + items.length;
  }

  get id(): number {
    return this.#settings.wire;
  }

  itemOf(index: number): number {
    return this.first + index;
  }

  get target(): AnyFunction {
    return this.#settings.target;
  }

  get spread(): boolean {
    return this.#settings.spread;
  }

  get wantsProgress(): boolean {
    return this.#settings.wantsProgress;
  }

  get isTimed(): boolean {
    return this.#settings.isTimed;
  }

  get values(): Values {
    return this.#settings.values;
  }

  get sink(): RemoteSink | undefined {
    return this.#settings.sink;
  }

  /** Whether it has an item of the job. */
  has(index: number): boolean {
    return index >= this.#next && index < this.#end;
  }

  /** An item that has not started is not wanted any more. */
  skip(index: number): void {
    (this.#skipped ??= new Set()).add(index);
  }

  /**
   * Is about to run. What is not wanted any more is taken out.
   *
   * @returns `false` when there is nothing left to run.
   */
  begin(): boolean {
    if (this.items.length > 1) this.#startedAt = performance.now();
    if (this.#skipped === undefined) return true;
    this.#passSkipped();
    const isEmpty = this.#next > this.first || this.#next === this.#end;
    // The runner begins at the first item, and leaves none out.
    if (isEmpty && this.#next < this.#end) this.giveBack(0);
    for (const index of this.#skipped) if (this.has(index)) this.giveBack(index - this.first);
    this.#wasInterrupted = false;
    this.items = this.items.slice(0, this.#end - this.first);
    if (isEmpty) this.#owner.ended(this, "at its end");
    return !isEmpty;
  }

  started(): void {}

  progress(index: number, value: unknown): void {
    this.#owner.reports.progress(this.#settings.wire, this.first + index, value);
  }

  succeed(_index: number, value: unknown): void {
    this.#results.push(value);
    if (this.#settings.tellsEach === true) this.#tellResults();
    this.#settled();
  }

  succeedAll(): void {
    // Its runner tells of each item.
  }

  fail(index: number, error: unknown): void {
    const at = this.first + index;
    if (at > this.#next + this.#results.length) return void this.skip(at);
    this.#tellResults();
    this.#owner.reports.error(this.#settings.wire, at, error);
    this.#next++;
    this.#settled();
  }

  giveBack(from: number): void {
    // What was not wanted any more is told already, where the runner has not come to it yet.
    const at = Math.max(this.first + from, this.#next + this.#results.length);
    const items = this.items.slice(at - this.first, this.#end - this.first);
    this.#end = at;
    this.#wasInterrupted = true;
    const rest = { skipped: this.#skipped };
    this.#owner.left(new Piece(this.#owner, this.#settings, items, at, rest));
  }

  #settled(): void {
    if (this.#skipped !== undefined) this.#passSkipped();
    const at = this.#next + this.#results.length;
    if (at < this.#end) {
      if (!this.#settings.isTimed && !this.#isLong(at - this.first)) return;
      this.#owner.pause();
    }
    this.#tellResults();
    this.#owner.ended(this, this.#wasInterrupted ? "interrupted" : "at its end");
  }

  /** Whether the items take long, of which so many have ended. To ask the clock takes longer than short ones do. */
  #isLong(count: number): boolean {
    if (--this.#untilLook > 0) return false;
    const ms = performance.now() - this.#startedAt;
    this.#untilLook = Math.max(1, Math.min(MOST_UNWATCHED, Math.floor(count / (ms + 0.001))));
    return ms >= LONGEST_STRETCH_MS;
  }

  #passSkipped(): void {
    for (;;) {
      const at = this.#next + this.#results.length;
      if (at >= this.#end || this.#skipped?.delete(at) !== true) return;
      this.#tellResults();
      this.#owner.reports.skipped(this.#settings.wire, at);
      this.#next++;
    }
  }

  #tellResults(): void {
    const results = this.#results;
    if (results.length === 0) return;
    this.#results = [];
    const index = this.#next;
    this.#next += results.length;
    this.#owner.reports.values(this.#settings.wire, index, results);
  }
}

/** Where the values of a generator go: to the pool, as far as it wants more. */
export class RemoteSink implements ValueSink {
  readonly #reports: PieceReports;
  readonly #wire: number;
  #again: (() => void) | undefined;
  room: number;

  constructor(reports: PieceReports, wire: number, room: number) {
    this.#reports = reports;
    this.#wire = wire;
    this.room = room;
  }

  push(value: unknown): void | Promise<void> {
    this.room--;
    return this.#reports.streamed(this.#wire, value);
  }

  whenRoom(again: () => void): void {
    if (this.room > 0) again();
    else this.#again = again;
  }

  /** More are wanted. */
  add(room: number): void {
    this.room += room;
    const again = this.#again;
    this.#again = undefined;
    again?.();
  }
}

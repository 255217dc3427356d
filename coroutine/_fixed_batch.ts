import { Batch, type BatchOwner, type BatchSettings, type ItemRange } from "./_batch.ts";

/** How a batch ended. */
export type Outcome =
  | { readonly kind: "succeeded"; readonly value: readonly unknown[] }
  | { readonly kind: "failed" | "cancelled"; readonly error: unknown };

/** Items that are all there from the beginning: those of `apply` and `map`. */
export class FixedBatch extends Batch {
  readonly #items: readonly unknown[];
  readonly #results: unknown[];
  readonly #settled: (outcome: Outcome) => void;
  #next = 0;
  #left: number;
  /** The failed item that is first in the order of the items. */
  #failedIndex = Infinity;
  #error: unknown;
  #wasCutShort = false;

  constructor(
    owner: BatchOwner,
    settings: BatchSettings,
    items: readonly unknown[],
    settled: (outcome: Outcome) => void,
  ) {
    super(owner, settings);
    this.#items = items;
    this.#results = new Array(items.length);
    this.#left = items.length;
    this.#settled = settled;
    owner.figures.queued += items.length;
  }

  override get fresh(): number {
    return this.#items.length - this.#next;
  }

  override isDone(): boolean {
    return this.#left === 0;
  }

  override succeeded(index: number, value: unknown): void {
    this.#results[index] = value;
    if (--this.#left === 0) this.#finish();
  }

  override failed(index: number, error: unknown): void {
    if (index < this.#failedIndex) {
      this.#failedIndex = index;
      this.#error = error;
    }
    if (this.stopped?.error === error) this.#wasCutShort = true;
    if (--this.#left === 0) this.#finish();
  }

  protected override takeFresh(count: number): ItemRange {
    const first = this.#next;
    const end = Math.min(this.#items.length, first + count);
    this.#next = end;
    const items = first === 0 && end === this.#items.length
      ? this.#items
      : this.#items.slice(first, end);
    return { first, items, attempt: 0 };
  }

  #finish(): void {
    this.owner.finished(this);
    const { stopped } = this;
    if (stopped !== undefined && this.#wasCutShort) {
      this.#settled(stopped);
    } else if (this.#failedIndex !== Infinity) {
      this.#settled({ kind: "failed", error: this.#error });
    } else {
      this.#settled({ kind: "succeeded", value: this.#results });
    }
  }
}

import { naturalOrder } from "../coroutine/_natural_order.ts";
import { DataHome } from "./_data_home.ts";
import type { HomeSeat } from "./_home.ts";
import { isSame } from "./_same_data.ts";
import { Portion, type Sight } from "./_shared_data.ts";

/** A piece of an iteration: its items, and where the next one begins; without a number it is the last one. */
export interface ListPiece {
  readonly entries: readonly unknown[];
  readonly id: number | undefined;
}

/** Where the items of a list are. */
export class ListHome extends DataHome {
  readonly list: unknown[] = [];

  constructor() {
    super("the list");
  }

  override seat(): HomeSeat {
    const { list } = this;
    const methods = this.open({
      at: (index: number) => list.at(index),
      set: (item: unknown, index: number) => {
        list[this.#place(index, "write")] = item;
      },
      push: (items: unknown[]) => {
        // Not spread: a call takes only so many arguments.
        for (const item of items) list.push(item);
        return list.length;
      },
      insert: (item: unknown, index: number) => void list.splice(index, 0, item),
      pop: (index: number) => this.#pop(index),
      remove: (item: unknown) => this.#remove(item),
      length: () => list.length,
      slice: (start?: number, end?: number) => list.slice(start, end),
      indexOf: (item: unknown, start: number) => this.#indexOf(item, start),
      count: (item: unknown) => list.filter((other) => isSame(other, item)).length,
      reverse: () => void list.reverse(),
      sort: (isReversed: boolean) => this.#sort(isReversed),
      clear: () => void list.splice(0),
      look: (index: number) => this.sightOf(list[this.#place(index, "change")]),
      exchange: ([item]: unknown[], seen: Sight, index: number) => {
        const at = this.#place(index, "change");
        return this.ifStill(seen, this.sightOf(list[at]), () => {
          list[at] = item;
        });
      },
      statistics: () => ({ length: list.length }),
      first: () => this.#piece(0),
      next: (start: number) => this.#piece(start),
      end: () => {},
    });
    return { methods, leave() {} };
  }

  protected override wakeAll(): void {
    this.list.splice(0);
  }

  #pop(index: number): unknown {
    const { list } = this;
    if (list.length === 0) throw new RangeError("Cannot pop an item: the list is empty");
    const at = this.#place(index, "pop");
    return at === list.length - 1 ? list.pop() : list.splice(at, 1)[0];
  }

  #remove(item: unknown): void {
    const at = this.#indexOf(item, 0);
    if (at === -1) throw new RangeError("Cannot remove the item: the list does not have it");
    this.list.splice(at, 1);
  }

  #indexOf(item: unknown, start: number): number {
    const { list } = this;
    const from = Math.max(0, start < 0 ? start + list.length : start);
    for (let at = from; at < list.length; at++) if (isSame(list[at], item)) return at;
    return -1;
  }

  /** Sorts it, or leaves it as it is when two items have no order. */
  #sort(isReversed: boolean): void {
    const sign = isReversed ? -1 : 1;
    // A single item is not compared with anything.
    const sorted = this.list.toSorted((a, b) => sign * naturalOrder(a, b, noOrder));
    for (let at = 0; at < sorted.length; at++) this.list[at] = sorted[at];
  }

  #piece(start: number): ListPiece {
    const entries: unknown[] = [];
    const portion = new Portion();
    let at = start;
    for (; at < this.list.length && portion.hasRoom(); at++) {
      portion.add(this.list[at]);
      entries.push(this.list[at]);
    }
    return { entries, id: at < this.list.length ? at : undefined };
  }

  #place(index: number, action: string): number {
    const { length } = this.list;
    const at = index < 0 ? index + length : index;
    if (Number.isInteger(index) && at >= 0 && at < length) return at;
    throw new RangeError(`Cannot ${action} index ${index}: the list holds ${length} items`);
  }
}

function noOrder(one: string, other: string): TypeError {
  return new TypeError(`Cannot sort the list: ${one} and ${other} have no order`);
}

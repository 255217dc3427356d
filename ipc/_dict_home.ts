import { InvalidStateError } from "../coroutine/errors.ts";
import { DataHome } from "./_data_home.ts";
import type { HomeSeat } from "./_home.ts";
import { Portion, type Sight } from "./_shared_data.ts";

/** A piece of an iteration: its entries, and how to go on; without a number it is the last one. */
export interface DictPiece {
  readonly entries: readonly (readonly [key: unknown, value: unknown])[];
  readonly id: number | undefined;
}

/** A map that knows whether keys came or went. */
class ShapedMap extends Map<unknown, unknown> {
  /** Another number after each change of the keys. */
  shape = 0;

  override set(key: unknown, value: unknown): this {
    const { size } = this;
    super.set(key, value);
    if (this.size !== size) this.shape++;
    return this;
  }

  override delete(key: unknown): boolean {
    const isDeleted = super.delete(key);
    if (isDeleted) this.shape++;
    return isDeleted;
  }

  override clear(): void {
    if (this.size > 0) this.shape++;
    super.clear();
  }
}

interface Cursor {
  readonly entries: Iterator<[unknown, unknown]>;
  readonly shape: number;
}

/** Where the entries of a dictionary or a namespace are. */
export class DictHome extends DataHome {
  readonly map = new ShapedMap();
  /** What a key is called in texts of errors. */
  readonly #keyName: "key" | "name";
  /** The keys as they were when an entry was last popped, without it: a map is read from its beginning only. */
  #order: { shape: number; keys: unknown[] } | undefined;
  #iterating = 0;

  constructor(what: string, keyName: "key" | "name" = "key") {
    super(what);
    this.#keyName = keyName;
  }

  override seat(): HomeSeat {
    const { map } = this;
    const cursors = new Map<number, Cursor>();
    let lastCursor = 0;
    const methods = this.open({
      get: (key: unknown) => map.get(key),
      getOwn: (key: unknown) => {
        if (map.has(key)) return map.get(key);
        throw new ReferenceError(`Cannot get ${show(key)}: ${this.#lacks()}`);
      },
      has: (key: unknown) => map.has(key),
      size: () => map.size,
      set: (value: unknown, key: unknown) => void map.set(this.#checked(key), value),
      delete: (key: unknown) => map.delete(key),
      clear: () => map.clear(),
      keys: () => [...map.keys()],
      values: () => [...map.values()],
      entries: () => [...map],
      pop: (key: unknown, hasOther: boolean) => this.#pop(key, hasOther),
      popItem: () => this.#popItem(),
      setDefault: (value: unknown, key: unknown) => {
        if (!map.has(key)) map.set(this.#checked(key), value);
        return map.get(key);
      },
      update: (entries: [unknown, unknown][]) => {
        for (const [key] of entries) this.#checked(key);
        for (const [key, value] of entries) map.set(key, value);
      },
      add: (key: unknown, amount: number) => this.#add(key, amount),
      look: (key: unknown) => this.#look(key),
      exchange: (values: unknown[], seen: Sight, key: unknown) => this.#exchange(values, seen, key),
      statistics: () => ({ size: map.size, iterating: this.#iterating }),
      first: () => {
        const cursor = { entries: map.entries(), shape: map.shape };
        const piece = this.#piece(cursor, ++lastCursor);
        if (piece.id === undefined) return piece;
        cursors.set(lastCursor, cursor);
        this.#iterating++;
        return piece;
      },
      next: (id: number) => {
        const cursor = cursors.get(id);
        if (cursor === undefined) throw new ReferenceError("Cannot go on iterating: it has ended");
        const piece = this.#piece(cursor, id);
        if (piece.id === undefined && cursors.delete(id)) this.#iterating--;
        return piece;
      },
      end: (id: number) => {
        if (cursors.delete(id)) this.#iterating--;
      },
    });
    return {
      methods,
      leave: () => {
        this.#iterating -= cursors.size;
        cursors.clear();
      },
    };
  }

  protected override wakeAll(): void {
    this.#order = undefined;
    this.map.clear();
  }

  /** The value, if there is one; without one it must be known that there may be none. */
  #pop(key: unknown, hasOther: boolean): unknown[] {
    const { map } = this;
    if (map.has(key)) {
      const value = map.get(key);
      map.delete(key);
      return [value];
    }
    if (hasOther) return [];
    throw new RangeError(`Cannot pop ${show(key)}: ${this.#lacks()}`);
  }

  #popItem(): [unknown, unknown] {
    const { map } = this;
    if (map.size === 0) throw new RangeError(`Cannot pop an item: ${this.what} is empty`);
    const order = this.#order?.shape === map.shape
      ? this.#order
      : { shape: 0, keys: [...map.keys()] };
    const key = order.keys.pop();
    const value = map.get(key);
    map.delete(key);
    order.shape = map.shape;
    this.#order = map.size === 0 ? undefined : order;
    return [key, value];
  }

  #add(key: unknown, amount: number): number {
    const before = this.map.has(key) ? this.map.get(key) : 0;
    if (typeof amount !== "number") {
      throw new TypeError(`Cannot add to ${show(key)}: the amount must be a number`);
    }
    if (typeof before !== "number") {
      const type = before === null ? "null" : typeof before;
      throw new TypeError(`Cannot add to ${show(key)}: it is no number but of type ${type}`);
    }
    this.map.set(this.#checked(key), before + amount);
    return before + amount;
  }

  #look(key: unknown): Sight {
    return this.map.has(key) ? this.sightOf(this.map.get(key)) : this.sightOf();
  }

  #exchange(values: readonly unknown[], seen: Sight, key: unknown): Sight | undefined {
    return this.ifStill(seen, this.#look(key), () => {
      if (values.length > 0) this.map.set(this.#checked(key), values[0]);
      else this.map.delete(key);
    });
  }

  #piece(cursor: Cursor, id: number): DictPiece {
    if (cursor.shape !== this.map.shape) {
      throw new InvalidStateError(
        `Cannot go on iterating ${this.what}: ${this.#keyName}s were added or removed meanwhile, iterate a copy`,
      );
    }
    const entries: [unknown, unknown][] = [];
    const portion = new Portion();
    while (portion.hasRoom()) {
      const { done, value: entry } = cursor.entries.next();
      if (done === true) return { entries, id: undefined };
      portion.add(entry[0]);
      portion.add(entry[1]);
      entries.push(entry);
    }
    return { entries, id };
  }

  #checked(key: unknown): unknown {
    return checkKey(key, this.what);
  }

  #lacks(): string {
    return `${this.what} has no such ${this.#keyName}`;
  }
}

/** Fails unless a key can be told apart from others in every process. */
export function checkKey<K>(key: K, what: string): K {
  switch (typeof key) {
    case "string":
    case "number":
    case "boolean":
    case "bigint":
      return key;
  }
  if (key === null) return key;
  throw new TypeError(
    `Cannot use a key of ${what}: it must be a string, a number, a boolean, a bigint or null, got ${
      typeof key === "object" ? "an object" : typeof key
    }`,
  );
}

function show(key: unknown): string {
  return typeof key === "string" ? JSON.stringify(key) : String(key);
}

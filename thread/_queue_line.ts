import type { QueueShutdownOptions } from "../coroutine/queue.ts";
import { dropItem, type EncodedItem } from "./_queue_codec.ts";
import { AVAILABLE, DEAD, FIRST_ITEM, PENDING, QueueItems, RESERVED } from "./_queue_items.ts";
import { onMemory } from "./_shared.ts";
import { GRANTED, MUST_WAIT, SharedLine, WAITING, YES } from "./_shared_line.ts";

/** The words of the queue. */
const REGION = 0;
/** Items that can be taken, and the first of them. */
const COUNT = 1;
const OUT = 2;
const MAX_SIZE = 3;
/** `0`, `1` after a shutdown, `2` when what is held is thrown away, too. */
const SHUT_DOWN_WORD = 4;
const UNFINISHED = 5;
/** A change of an item that goes along with one of the count of the unfinished; `0` when none is under way. */
const CHANGE = 6;
const CHANGED_UNFINISHED = 7;

const STATE_BITS = 2;
const DISCARDING = 2;

/** What the line is told about those who wait. Both kinds never wait at the same time. */
export const GET = 0;
export const PUT = 1;

/** The answer to those who waited when the queue was shut down. */
export const SHUT_DOWN = -3;

/** The memory of a queue. */
export interface QueueMemory extends Readonly<Record<string, unknown>> {
  readonly line: SharedArrayBuffer;
  readonly items: SharedArrayBuffer;
  readonly joiners: SharedArrayBuffer;
}

/**
 * What a queue is between threads.
 *
 * Whoever waits to put has its item in the line of items already, as one that cannot be taken yet; whoever waits to get
 * is handed one. So nobody has to wait for a thread that was woken and has no time.
 *
 * A thread can be killed anywhere. The states of the items and of the slots are the truth, and everything else is made
 * anew from them; what is changed along with a state is written down before.
 */
export class QueueLine extends SharedLine {
  readonly joiners: JoinLine;
  readonly #items: QueueItems;
  /** The item that is being put by this thread. */
  #offered: EncodedItem | undefined;
  /** What this thread was given, by the answers of the line. */
  readonly #taken = new Map<number, EncodedItem>();
  #lastKey = 0;

  constructor(maxSize: number, memory: QueueMemory | undefined) {
    super();
    const { head } = this;
    this.#items = new QueueItems(head, REGION, memory?.items);
    const join = () => new JoinLine(head);
    this.joiners = memory === undefined ? join() : onMemory(memory.joiners, join);
    if (this.isNew) head[MAX_SIZE] = maxSize;
  }

  get memory(): QueueMemory {
    return { line: this.buffer, items: this.#items.buffer, joiners: this.joiners.buffer };
  }

  get maxSize(): number {
    return Atomics.load(this.head, MAX_SIZE);
  }

  set maxSize(maxSize: number) {
    this.#guarded(() => {
      Atomics.store(this.head, MAX_SIZE, maxSize);
      this.#serve();
    });
  }

  get isShutDown(): boolean {
    return Atomics.load(this.head, SHUT_DOWN_WORD) !== 0;
  }

  /** How many items can be taken. */
  get count(): number {
    this.sweep();
    return Atomics.load(this.head, COUNT);
  }

  get unfinished(): number {
    return Atomics.load(this.head, UNFINISHED);
  }

  /** How many wait to get, and how many to put. */
  countBoth(): { getting: number; putting: number } {
    return this.#guarded(() => {
      this.sweepGuarded();
      const slot = this.first();
      const { size } = this;
      if (slot === 0) return { getting: 0, putting: 0 };
      return this.dataOf(slot) === GET
        ? { getting: size, putting: 0 }
        : { getting: 0, putting: size };
    });
  }

  /** Notes what is put next: by {@linkcode tryPut}, or by a wait that begins at once. */
  offer(item: EncodedItem): void {
    this.#offered = item;
  }

  /** Gives up what was offered, unless it is in the line of items. */
  withdraw(): void {
    const offered = this.#offered;
    if (offered === undefined) return;
    this.#offered = undefined;
    dropItem(offered);
  }

  /** Puts what was offered; `MUST_WAIT` when the queue is full. */
  tryPut(): number {
    this.lock();
    try {
      return this.#put();
    } finally {
      this.unlock();
    }
  }

  /** The key of the next item, or why there is none. */
  tryGet(): number {
    this.lock();
    try {
      return this.#get();
    } finally {
      this.unlock();
    }
  }

  /** The item of a key. */
  receive(key: number): EncodedItem {
    const item = this.#taken.get(key)!;
    this.#taken.delete(key);
    return item;
  }

  enter(data: number): number {
    return data === GET ? this.#get() : this.#put();
  }

  /** One who waits to put leaves the item here. */
  override join(data: number, ident?: number): number {
    const slot = super.join(data, ident);
    this.setItem(slot, 0);
    if (data === GET) return slot;
    try {
      const item = this.#write(PENDING, slot);
      this.#items.end = this.#items.next(item);
      this.setItem(slot, item);
      return slot;
    } catch (error) {
      this.remove(slot);
      this.free(slot);
      throw error;
    }
  }

  /** Takes the answer, and with it the item, which is nobody else's since it was granted. */
  override take(slot: number): number {
    if (this.dataOf(slot) === PUT) return super.take(slot);
    return this.#guarded(() => {
      const item = this.itemOf(slot);
      if (item === 0) return super.take(slot);
      const key = this.#takeOut(item);
      this.setItem(slot, 0);
      super.take(slot);
      return key;
    });
  }

  /** Marks one item as dealt with; says whether there was one. */
  taskDone(): boolean {
    return this.#guarded(() => {
      const { head } = this;
      const unfinished = head[UNFINISHED]!;
      if (unfinished === 0) return false;
      Atomics.store(head, UNFINISHED, unfinished - 1);
      this.#wakeJoiners();
      return true;
    });
  }

  shutDown({ immediate }: QueueShutdownOptions): void {
    this.#guarded(() => {
      const { head } = this;
      const word = immediate === true ? DISCARDING : Math.max(1, head[SHUT_DOWN_WORD]!);
      Atomics.store(head, SHUT_DOWN_WORD, word);
      this.#finishShutDown();
    });
  }

  #guarded<T>(act: () => T): T {
    this.lock();
    try {
      return act();
    } finally {
      this.unlock();
    }
  }

  get #isFull(): boolean {
    const maxSize = this.head[MAX_SIZE]!;
    return maxSize > 0 && this.head[COUNT]! >= maxSize;
  }

  #put(): number {
    const { head } = this;
    if (head[SHUT_DOWN_WORD] !== 0) return SHUT_DOWN;
    const slot = this.first();
    const isWaitedFor = slot !== 0 && this.dataOf(slot) === GET;
    if (!isWaitedFor && this.#isFull) return MUST_WAIT;
    const item = this.#write(isWaitedFor ? RESERVED : AVAILABLE, slot);
    this.#change(item, isWaitedFor ? RESERVED : AVAILABLE, 1);
    if (isWaitedFor) {
      this.setItem(slot, item);
      this.grant(slot, YES);
    } else {
      if (head[COUNT] === 0) head[OUT] = item;
      Atomics.store(head, COUNT, head[COUNT]! + 1);
    }
    return YES;
  }

  #write(state: number, slot: number): number {
    const items = this.#items;
    const offered = this.#offered!;
    if (!items.hasRoomFor(offered.bytes.length)) {
      items.makeRoom(offered.bytes.length);
      this.#review();
    }
    this.#offered = undefined;
    return items.write(offered, state, slot);
  }

  #get(): number {
    const { head } = this;
    // What one was handed who has died comes before all others.
    this.sweepGuarded();
    if (head[COUNT] === 0) return head[SHUT_DOWN_WORD] === 0 ? MUST_WAIT : SHUT_DOWN;
    const key = this.#takeOut(head[OUT]!);
    this.#leaveOut();
    this.#serve();
    return key;
  }

  /** Takes an item, and notes it under a key. */
  #takeOut(item: number): number {
    const key = ++this.#lastKey;
    this.#taken.set(key, this.#items.read(item));
    this.#items.setState(item, DEAD);
    return key;
  }

  /** The first item is not to be taken any more: finds the next one. */
  #leaveOut(): void {
    const { head } = this;
    const items = this.#items;
    const count = head[COUNT]! - 1;
    Atomics.store(head, COUNT, count);
    if (count === 0) return;
    let item = items.next(head[OUT]!);
    while (items.stateOf(item) !== AVAILABLE) item = items.next(item);
    head[OUT] = item;
  }

  /** Brings together items and those who wait for them, and room and those who wait for it. */
  #serve(): void {
    const { head } = this;
    for (;;) {
      const slot = this.first();
      if (slot === 0) return;
      if (this.dataOf(slot) === GET) {
        if (head[COUNT] === 0) return;
        const item = head[OUT]!;
        this.#items.setSlot(item, slot);
        this.#items.setState(item, RESERVED);
        this.setItem(slot, item);
        this.#leaveOut();
      } else {
        if (this.#isFull) return;
        const item = this.itemOf(slot);
        this.#change(item, AVAILABLE, 1);
        if (head[COUNT] === 0) head[OUT] = item;
        Atomics.store(head, COUNT, head[COUNT]! + 1);
      }
      this.grant(slot, YES);
    }
  }

  /** Changes the state of an item and the count of the unfinished as one: `mend` ends what was begun. */
  #change(item: number, state: number, more: number): void {
    const { head } = this;
    head[CHANGED_UNFINISHED] = head[UNFINISHED]! + more;
    Atomics.store(head, CHANGE, item << STATE_BITS | state);
    this.#endChange();
  }

  #endChange(): void {
    const { head } = this;
    const change = head[CHANGE]!;
    if (change === 0) return;
    const items = this.#items;
    const item = change >>> STATE_BITS;
    if (item === items.end) items.end = items.next(item);
    items.setState(item, change & (1 << STATE_BITS) - 1);
    Atomics.store(head, UNFINISHED, head[CHANGED_UNFINISHED]!);
    Atomics.store(head, CHANGE, 0);
  }

  #finishShutDown(): void {
    const { head } = this;
    for (let slot = this.first(); slot !== 0; slot = this.first()) {
      const item = this.dataOf(slot) === PUT ? this.itemOf(slot) : 0;
      this.setItem(slot, 0);
      this.grant(slot, SHUT_DOWN);
      if (item !== 0) this.#drop(item);
    }
    if (head[SHUT_DOWN_WORD] === DISCARDING) {
      while (head[COUNT]! > 0) this.#discard(head[OUT]!);
    }
    this.#wakeJoiners();
  }

  /** Throws the first item away, as if it were done. */
  #discard(item: number): void {
    const content = this.#items.read(item);
    this.#change(item, DEAD, -1);
    dropItem(content);
    this.#leaveOut();
  }

  #drop(item: number): void {
    const content = this.#items.read(item);
    this.#items.setState(item, DEAD);
    dropItem(content);
  }

  #wakeJoiners(): void {
    if (this.head[UNFINISHED] === 0) this.joiners.wake();
  }

  /** One who waited to put leaves: so does its item. */
  protected override abandoned(slot: number): void {
    const item = this.itemOf(slot);
    if (this.dataOf(slot) === PUT && item !== 0) this.#drop(item);
  }

  /** One has died to whom an item was handed: it is the next one again. */
  protected override lost(_answer: number, slot: number): void {
    const items = this.#items;
    const item = this.itemOf(slot);
    if (this.dataOf(slot) !== GET || item === 0 || items.stateOf(item) !== RESERVED) return;
    items.setState(item, AVAILABLE);
    const { head } = this;
    if (head[COUNT] === 0 || item < head[OUT]!) head[OUT] = item;
    Atomics.store(head, COUNT, head[COUNT]! + 1);
    if (head[SHUT_DOWN_WORD] === DISCARDING) this.#finishShutDown();
    else this.#serve();
  }

  override mend(): void {
    this.#endChange();
    const withItem = this.#review();
    for (const slot of this.takenSlots()) {
      if (withItem.has(slot)) continue;
      this.setItem(slot, 0);
      // Its item was let in; it has not been told.
      if (this.dataOf(slot) === PUT && this.stateOf(slot) === WAITING) this.grant(slot, YES);
    }
    if (this.isShutDown) this.#finishShutDown();
    else this.#serve();
    this.#wakeJoiners();
  }

  /** Looks at all items anew, and says who in the line has one. */
  #review(): Set<number> {
    const { head, slots } = this;
    const items = this.#items;
    const withItem = new Set<number>();
    let count = 0;
    for (let item = FIRST_ITEM; item < items.end; item = items.next(item)) {
      const state = items.stateOf(item);
      if (state === DEAD) continue;
      const slot = items.slotOf(item);
      if (state === PENDING) {
        if (slots[slot] === WAITING && this.dataOf(slot) === PUT) {
          this.setItem(slot, item);
          withItem.add(slot);
        } else this.#drop(item);
        continue;
      }
      if (state === RESERVED) {
        if (slots[slot] === GRANTED && this.dataOf(slot) === GET) {
          this.setItem(slot, item);
          withItem.add(slot);
          continue;
        }
        items.setState(item, AVAILABLE);
      }
      if (count++ === 0) head[OUT] = item;
    }
    Atomics.store(head, COUNT, count);
    return withItem;
  }
}

/** Those who wait until nothing is unfinished. */
class JoinLine extends SharedLine {
  readonly #queue: Int32Array<SharedArrayBuffer>;

  constructor(queue: Int32Array<SharedArrayBuffer>) {
    super();
    this.#queue = queue;
  }

  enter(): number {
    return Atomics.load(this.#queue, UNFINISHED) === 0 ? YES : MUST_WAIT;
  }

  wake(): void {
    this.lock();
    try {
      this.grantAll(YES);
    } finally {
      this.unlock();
    }
  }

  /** Who was to wake them may have died. */
  protected override swept(): void {
    if (this.enter() === YES) this.grantAll(YES);
  }

  override mend(): void {
    this.swept();
  }
}

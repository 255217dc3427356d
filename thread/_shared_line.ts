import { currentIdent, endedCount, endOverdue, isEnded } from "./_ident.ts";
import { LONGEST_NAP_MS } from "./_control.ts";
import { receivedMemory } from "./_shared.ts";

/** The words of the head: first those of the primitive itself, then these. */
const GUARD = 8;
const SIZE = 9;
const FIRST = 10;
const LAST = 11;
const NEXT_TICKET = 12;
const CURSOR = 13;
const SWEPT = 14;
const UNDER_WAY = 15;
const HEAD = 16;

/** The words of a slot, from its state on. A slot is named by the place of its state. */
const IDENT = 1;
const TICKET = 2;
const PREVIOUS = 3;
const NEXT = 4;
const DATA = 5;
const ANSWER = 6;
const ITEM = 7;
const SLOT = 8;

/** The states of a slot. */
export const FREE = 0;
/** In the line. */
export const WAITING = 1;
/** Answered; the one who waited has not seen it yet. */
export const GRANTED = 2;
/** Out of the line, and sure to be answered: it can leave no more. */
export const HELD = 3;

const BYTES_PER_WORD = 4;
const FIRST_SLOTS = 14;
/** How many can wait for one thing at the same time. */
const MOST_SLOTS = 2 ** 15;

/** Beside a number of a thread: somebody may wait, so that a change needs the guard, or a wake-up. */
export const CONTENDED = 1 << 31;
/** The number of a thread without {@linkcode CONTENDED}. */
export const IDENT_BITS = 0x7fff_ffff;

/** How often a taken guard is tried before the thread sleeps: it is held for less than a microsecond. */
const SPINS = 200;

/**
 * A line of those who wait, in shared memory: threads that are parked and tasks that await stand in the same
 * line, first come, first served.
 *
 * Everything in it is changed under a guard, a small lock that is held for some instructions and never while
 * somebody waits. What is granted is handed over to the one who waits; one that left before cannot be granted,
 * and one that was granted before it could leave has it. So nothing that is handed over is lost.
 *
 * A thread can be killed anywhere. One that dies in the line is skipped, or what it was granted is `lost()` to it
 * and handed on. One that dies with the guard leaves the line half changed: the states of the slots are
 * the truth, and the links are made anew from them.
 */
export abstract class SharedLine {
  readonly buffer: SharedArrayBuffer;
  /** The first words. Of fixed length: access to what can grow takes twice the time. */
  readonly head: Int32Array<SharedArrayBuffer>;
  /** The same words and all slots. It grows with the memory. */
  readonly slots: Int32Array<SharedArrayBuffer>;
  /** Whether the memory is new, and nobody else has it. */
  protected readonly isNew: boolean;
  /** Who of this thread awaits an answer, by the place: told at once, without a turn of the event loop. */
  readonly awaiting: Map<number, () => void> = new Map();

  constructor() {
    const received = receivedMemory();
    this.isNew = received === undefined;
    this.buffer = received ?? new SharedArrayBuffer(
      (HEAD + FIRST_SLOTS * SLOT) * BYTES_PER_WORD,
      { maxByteLength: (HEAD + MOST_SLOTS * SLOT) * BYTES_PER_WORD },
    );
    this.head = new Int32Array(this.buffer, 0, HEAD);
    this.slots = new Int32Array(this.buffer);
  }

  /**
   * Tries to be answered at once; called under the guard.
   *
   * @param data What the one who waits brought along.
   * @returns The answer, or {@linkcode MUST_WAIT}.
   */
  abstract enter(data: number): number;

  /** Threads have ended, and are out of the line; called under the guard. */
  protected swept(): void {}

  /** A receiver has died before it took its answer: what was granted goes to somebody else. Under the guard. */
  protected lost(_answer: number, _slot: number): void {}

  /** One is about to leave the line without an answer: it has died, or given up. Under the guard. */
  protected abandoned(_slot: number): void {}

  /** Makes the own words fit the line, after it was changed in an unusual way; called under the guard. */
  mend(): void {}

  /** One whose time is over has left the line; called under the guard. */
  leftLate(): void {}

  /** How many wait; under the guard. */
  get size(): number {
    return Atomics.load(this.head, SIZE);
  }

  /** How many wait, without those who have died. */
  countWaiting(): number {
    this.sweep();
    return this.size;
  }

  /** Takes the guard. */
  lock(): void {
    const me = currentIdent();
    if (Atomics.compareExchange(this.head, GUARD, 0, me) !== 0) this.#lockTaken(me);
  }

  /** Gives the guard back. */
  unlock(): void {
    if (Atomics.exchange(this.head, GUARD, 0) < 0) Atomics.notify(this.head, GUARD, 1);
  }

  #lockTaken(me: number): void {
    const { head } = this;
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.compareExchange(head, GUARD, 0, me) === 0) return;
    }
    for (;;) {
      const seen = Atomics.load(head, GUARD);
      if (seen === 0) {
        // Others may sleep too: the one who gives it back has to wake them.
        if (Atomics.compareExchange(head, GUARD, 0, me | CONTENDED) === 0) return;
        continue;
      }
      const marked = seen | CONTENDED;
      if (Atomics.compareExchange(head, GUARD, seen, marked) !== seen) continue;
      Atomics.wait(head, GUARD, marked, LONGEST_NAP_MS);
      endOverdue();
      if (!isEnded(marked & IDENT_BITS)) continue;
      if (Atomics.compareExchange(head, GUARD, marked, me | CONTENDED) === marked) {
        this.#repair();
        return;
      }
    }
  }

  /** Joins the end of the line; under the guard. */
  join(data: number, ident: number = currentIdent()): number {
    const { head } = this;
    const slot = this.#findFree();
    const { slots } = this;
    const last = head[LAST]!;
    slots[slot + IDENT] = ident;
    slots[slot + TICKET] = head[NEXT_TICKET]!;
    slots[slot + PREVIOUS] = last;
    slots[slot + NEXT] = 0;
    slots[slot + DATA] = data;
    slots[slot + ITEM] = 0;
    Atomics.store(slots, slot, WAITING);
    head[NEXT_TICKET] = head[NEXT_TICKET]! + 1;
    if (last === 0) head[FIRST] = slot;
    else slots[last + NEXT] = slot;
    head[LAST] = slot;
    Atomics.add(head, SIZE, 1);
    return slot;
  }

  /** The one who has waited longest, or `0`; those who have died are taken out. Under the guard. */
  first(): number {
    for (;;) {
      const slot = this.head[FIRST]!;
      if (slot === 0 || !isEnded(this.slots[slot + IDENT]!)) return slot;
      this.#abandon(slot);
    }
  }

  /** All places that somebody has, in no order; under the guard. */
  protected takenSlots(): number[] {
    const { slots } = this;
    const taken: number[] = [];
    for (let slot = HEAD; slot < slots.length; slot += SLOT) {
      if (slots[slot] !== FREE) taken.push(slot);
    }
    return taken;
  }

  /** The one behind that one, or `0`; under the guard. */
  next(slot: number): number {
    return this.slots[slot + NEXT]!;
  }

  /** The turn of a place: no other one of the line has the same. */
  ticketOf(slot: number): number {
    return this.slots[slot + TICKET]!;
  }

  /** The thread that waits there. */
  identOf(slot: number): number {
    return this.slots[slot + IDENT]!;
  }

  /** Gives a place to another thread; under the guard. */
  setIdent(slot: number, ident: number): void {
    Atomics.store(this.slots, slot + IDENT, ident);
  }

  /** What the one who waits there brought along. */
  dataOf(slot: number): number {
    return this.slots[slot + DATA]!;
  }

  /** What goes along with that place, for the primitive to say. */
  itemOf(slot: number): number {
    return this.slots[slot + ITEM]!;
  }

  /** Says what goes along with a place; under the guard. */
  setItem(slot: number, item: number): void {
    Atomics.store(this.slots, slot + ITEM, item);
  }

  /** Says what goes along besides with a place that waits; under the guard. */
  setSecondItem(slot: number, item: number): void {
    this.slots[slot + ANSWER] = item;
  }

  /** What goes along besides with a place that waits. */
  secondItemOf(slot: number): number {
    return this.slots[slot + ANSWER]!;
  }

  /** Whether the one there waits, has its answer, or is sure to get one. */
  stateOf(slot: number): number {
    return Atomics.load(this.slots, slot);
  }

  /**
   * Says which grant is under way, when words of the primitive change with it; under the guard. When the thread
   * dies there, {@linkcode isGiven} tells whether the words have changed.
   */
  beginGrant(slot: number, answer: number): void {
    this.slots[slot + ANSWER] = answer;
    Atomics.store(this.head, UNDER_WAY, slot);
  }

  /** Whether the words have changed for a grant that was under way; the slot is granted then, or else waits on. */
  protected isGiven(_slot: number): boolean {
    return false;
  }

  /** Ends a grant whose words have changed; under the guard. */
  protected endGrant(slot: number, answer: number): void {
    this.grant(slot, answer);
  }

  /** Takes one out of the line, and wakes it with an answer; under the guard. It ends what was begun. */
  grant(slot: number, answer: number): void {
    this.grantBeside(slot, answer);
    this.head[UNDER_WAY] = 0;
  }

  /** The same, while the grant of another one is under way. */
  protected grantBeside(slot: number, answer: number): void {
    if (this.slots[slot] === WAITING) this.remove(slot);
    this.slots[slot + ANSWER] = answer;
    Atomics.store(this.slots, slot, GRANTED);
    Atomics.notify(this.slots, slot);
    if (this.awaiting.size > 0) this.awaiting.get(slot)?.();
  }

  /** Takes one out of the line that will be answered later; under the guard. */
  hold(slot: number, answer: number): void {
    this.remove(slot);
    this.slots[slot + ANSWER] = answer;
    Atomics.store(this.slots, slot, HELD);
  }

  /** Answers those who were held, each with what was said then, or all with something else; under the guard. */
  grantHeld(answer?: number): void {
    const { slots } = this;
    for (let slot = HEAD; slot < slots.length; slot += SLOT) {
      if (slots[slot] === HELD) this.grant(slot, answer ?? slots[slot + ANSWER]!);
    }
  }

  /** Answers all who wait; under the guard. */
  grantAll(answer: number): void {
    for (let slot = this.first(); slot !== 0; slot = this.first()) this.grant(slot, answer);
  }

  /** Takes the answer of one that was granted. */
  take(slot: number): number {
    const answer = this.slots[slot + ANSWER]!;
    Atomics.store(this.slots, slot, FREE);
    return answer;
  }

  /** Leaves the line, unless the answer is there or sure to come. */
  leave(slot: number, why: "late" | "cancelled"): boolean {
    this.lock();
    try {
      if (this.slots[slot] !== WAITING) return false;
      this.#abandon(slot);
      if (why === "late") this.leftLate();
      return true;
    } finally {
      this.unlock();
    }
  }

  /** Looks for what threads have left that have ended since somebody looked. */
  sweep(): void {
    if (Atomics.load(this.head, SWEPT) === endedCount()) return;
    this.lock();
    try {
      this.#sweep();
    } finally {
      this.unlock();
    }
  }

  /** The same under the guard. */
  protected sweepGuarded(): void {
    if (Atomics.load(this.head, SWEPT) !== endedCount()) this.#sweep();
  }

  #sweep(): void {
    const { slots } = this;
    const ended = endedCount();
    for (let slot = HEAD; slot < slots.length; slot += SLOT) {
      const state = slots[slot];
      if (state === FREE || !isEnded(slots[slot + IDENT]!)) continue;
      if (state === WAITING) {
        this.#abandon(slot);
        continue;
      }
      const answer = slots[slot + ANSWER]!;
      this.free(slot);
      if (state === GRANTED) this.lost(answer, slot);
    }
    this.swept();
    Atomics.store(this.head, SWEPT, ended);
  }

  #abandon(slot: number): void {
    this.abandoned(slot);
    this.remove(slot);
    this.free(slot);
  }

  protected remove(slot: number): void {
    const { head, slots } = this;
    const previous = slots[slot + PREVIOUS]!;
    const next = slots[slot + NEXT]!;
    if (previous === 0) head[FIRST] = next;
    else slots[previous + NEXT] = next;
    if (next === 0) head[LAST] = previous;
    else slots[next + PREVIOUS] = previous;
    Atomics.sub(head, SIZE, 1);
  }

  protected free(slot: number): void {
    Atomics.store(this.slots, slot, FREE);
    // An await that has been given up is still registered there, and would take the next one's wake-up.
    Atomics.notify(this.slots, slot);
  }

  /** A slot that nobody uses. The search goes round, so that it takes a few steps while half of them are free. */
  #findFree(): number {
    const { head, slots } = this;
    const count = (slots.length - HEAD) / SLOT;
    if (head[SIZE]! * 2 <= count || count >= MOST_SLOTS) {
      let at = head[CURSOR]!;
      for (let left = count; left > 0; left--) {
        if (++at >= count) at = 0;
        const slot = HEAD + at * SLOT;
        if (Atomics.load(slots, slot) !== FREE) continue;
        head[CURSOR] = at;
        return slot;
      }
    }
    if (count >= MOST_SLOTS) {
      throw new RangeError(`Cannot wait: ${MOST_SLOTS} wait already, and no more can`);
    }
    const grown = Math.min(MOST_SLOTS, count * 2);
    this.buffer.grow((HEAD + grown * SLOT) * BYTES_PER_WORD);
    head[CURSOR] = count;
    return HEAD + count * SLOT;
  }

  /** After a thread has died with the guard. */
  #repair(): void {
    const { head } = this;
    const { slots } = this;
    const waiting: number[] = [];
    const underWay = head[UNDER_WAY]!;
    const given = underWay !== 0 && slots[underWay] === WAITING && this.isGiven(underWay)
      ? underWay
      : 0;
    for (let slot = HEAD; slot < slots.length; slot += SLOT) {
      if (slots[slot] === WAITING) waiting.push(slot);
    }
    // Tickets go round after four billion: their difference is what counts.
    waiting.sort((a, b) => (slots[a + TICKET]! - slots[b + TICKET]!) | 0);
    for (const [i, slot] of waiting.entries()) {
      slots[slot + PREVIOUS] = waiting[i - 1] ?? 0;
      slots[slot + NEXT] = waiting[i + 1] ?? 0;
    }
    head[FIRST] = waiting[0] ?? 0;
    head[LAST] = waiting.at(-1) ?? 0;
    Atomics.store(head, SIZE, waiting.length);
    if (given !== 0) this.endGrant(given, slots[given + ANSWER]!);
    head[UNDER_WAY] = 0;
    this.mend();
    this.#sweep();
  }
}

/** What {@linkcode SharedLine.enter} says when there is no answer yet. */
export const MUST_WAIT = -1;
/** The answer of those that have only one. */
export const YES = 1;

/** Whether the answer of such a line is there, and not that the time is over. */
export function isYes(answer: number): boolean {
  return answer === YES;
}

import { InvalidStateError } from "../coroutine/errors.ts";
import { Handle, readReference } from "./_home.ts";
import { checkKind, type Exchanged, type NumbersHome } from "./_numbers_home.ts";
import type { LentReference, WireReference } from "./_reference.ts";
import { fromWire, toWire, type WireForm } from "./_portable.ts";
import { Lock } from "./lock.ts";
import type { NumberKind, NumberOf } from "./number_kind.ts";
import { RLock } from "./rlock.ts";

/** What crosses in place of numbers. */
interface NumbersForm<K extends NumberKind> extends WireReference {
  readonly kind: K;
  readonly length: number;
  /** Their lock, if they have one. */
  readonly within: readonly WireForm[];
}

/** Numbers that have crossed. */
export interface ReceivedNumbers<K extends NumberKind> {
  readonly reference: LentReference;
  readonly kind: K;
  readonly length: number;
  readonly lock: Lock | RLock | undefined;
}

/** Reads numbers as they came over the wire. */
export function readNumbers(data: unknown, what: string): ReceivedNumbers<NumberKind> {
  const reference = readReference(data, what);
  const { kind, length, within } = data as Partial<NumbersForm<NumberKind>>;
  checkKind(kind, `receive ${what}`);
  if (!Number.isInteger(length) || !Array.isArray(within)) {
    throw new TypeError(`Cannot receive ${what}: its reference is not well formed`);
  }
  const [form] = within as WireForm[];
  const lock = form === undefined ? undefined : fromWire(form) as Lock | RLock;
  return { reference, kind, length: length!, lock };
}

/** What a process has of numbers that are shared, and of their lock. */
export class NumbersHandle<K extends NumberKind> extends Handle<NumbersHome<K>> {
  readonly kind: K;
  readonly length: number;
  readonly #what: string;
  readonly #lock: Lock | RLock | undefined;
  /** Whether the lock was made for them, and ends with them. */
  readonly #ownsLock: boolean;

  /**
   * @param what What they are: `the value`.
   * @param place Their home, or how they have come here.
   * @param lock What the user has given for a lock.
   */
  constructor(
    what: string,
    place: NumbersHome<K> | ReceivedNumbers<K>,
    lock?: Lock | RLock | boolean,
  ) {
    super(what, "reference" in place ? place.reference : place);
    this.#what = what;
    this.kind = place.kind;
    if ("reference" in place) {
      this.length = place.length;
      this.#lock = place.lock;
      this.#ownsLock = place.lock !== undefined;
    } else {
      this.length = place.numbers.length;
      this.#lock = makeLock(lock, what);
      this.#ownsLock = this.#lock !== lock;
    }
  }

  getLock(): Lock | RLock {
    if (this.#lock !== undefined) return this.#lock;
    throw new InvalidStateError(
      `Cannot get the lock of ${this.#what}: it has none, since it was made with "lock: false" or by a manager in ` +
        "Python; make a lock of your own and pass it on beside it",
    );
  }

  /** What crosses in place of the object that has this handle. */
  form(object: object): NumbersForm<K> {
    const { kind, length } = this;
    const within = this.#lock === undefined ? [] : [toWire(this.#lock)!];
    return { ...this.lend(object), kind, length, within };
  }

  /** Changes one: what others wrote meanwhile is not lost, the function is called again. Says the new one. */
  async update(
    index: number,
    change: (value: NumberOf<K>) => NumberOf<K> | Promise<NumberOf<K>>,
  ): Promise<NumberOf<K>> {
    let expected = await this.call<NumberOf<K>>("get", index);
    for (;;) {
      const value = await change(expected);
      const [before, after] = await this.callToEnd<Exchanged<K>>(
        "exchange",
        index,
        expected,
        value,
      );
      if (Object.is(before, expected)) return after;
      expected = before;
    }
  }

  async compareExchange(
    index: number,
    expected: NumberOf<K>,
    value: NumberOf<K>,
  ): Promise<NumberOf<K>> {
    return (await this.callToEnd<Exchanged<K>>("exchange", index, expected, value))[0];
  }

  override async close(): Promise<void> {
    await super.close();
    if (this.#ownsLock) await this.#lock?.close();
  }
}

function makeLock(lock: unknown, what: string): Lock | RLock | undefined {
  if (lock === undefined || lock === true) return new RLock();
  if (lock === false) return undefined;
  if (lock instanceof Lock || lock instanceof RLock) return lock;
  throw new TypeError(`Cannot create ${what}: "lock" must be a Lock, an RLock, true or false`);
}

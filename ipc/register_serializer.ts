/**
 * Objects of one's own classes that cross to another process or machine.
 *
 * @module
 */

import { decode, encode, referencesOf } from "./_encoding.ts";
import { setPortable, type WireForm } from "./_portable.ts";
import { currentReferenceScope } from "./_reference.ts";

/** How objects of a class cross. */
export interface Serializer<T, W> {
  /**
   * The name under which both sides know the class. It is part of what crosses: it stays the same when the class
   * is renamed.
   */
  readonly name: string;
  /**
   * Says what crosses in place of an object: whatever can cross itself, also queues, locks and objects of other
   * registered classes.
   */
  readonly toWire: (object: T) => W;
  /** Makes an object of what has crossed. It may come from another machine: check what matters. */
  readonly fromWire: (wire: W) => T;
}

/** What crosses in place of an object. */
interface Packed {
  readonly encoding: number;
  /** The payload when it is text. */
  readonly text?: string;
  /** The payload when it is bytes, in base64. */
  readonly bytes?: string;
  /** The references in it, whose ports a process must be allowed to reach. */
  readonly within: readonly WireForm[];
}

const registered = new Map<string, unknown>();

/**
 * Lets objects of a class cross to other processes and machines as objects of that class: as arguments of
 * `Process` and of the tasks of pools, as results, as items of queues, in messages of connections. Without it a copy
 * arrives that has the fields and no class, as a structured clone does.
 *
 * - Both sides register the class, under one name: best where it is defined, in a module that both load.
 * - Objects of classes that extend it cross as objects of the registered one, if they have no serializer of their
 *   own.
 * - What is met in arrays and plain objects crosses; inside a `Map`, a `Set`, a circle or an object of a class without a
 *   serializer it is refused.
 * - An object that is met twice in one message arrives as two.
 * - What `toWire` throws, the one who sends gets; what `fromWire` throws, the one whose message cannot be read: of
 *   a call and of a task the one who made it.
 *
 * It is what `__reduce__` and `copyreg` are for
 * {@link https://docs.python.org/3/library/pickle.html#object.__reduce__ | pickle}.
 *
 * @example Money in a queue
 * ```ts
 * import { Queue, registerSerializer } from "@manyhands/concurrency/ipc";
 * import { Process } from "@manyhands/concurrency/process";
 *
 * export class Money {
 *   readonly #cents: bigint;
 *   constructor(cents: bigint) {
 *     this.#cents = cents;
 *   }
 *   get cents(): bigint {
 *     return this.#cents;
 *   }
 *   plus(other: Money): Money {
 *     return new Money(this.#cents + other.cents);
 *   }
 * }
 * registerSerializer(Money, {
 *   name: "example.Money",
 *   toWire: (money) => money.cents,
 *   fromWire: (cents) => new Money(cents),
 * });
 *
 * export async function double(queue: Queue<Money>, money: Money): Promise<void> {
 *   await queue.put(money.plus(money));
 * }
 *
 * if (import.meta.main) {
 *   await using queue = new Queue<Money>();
 *   await using child = new Process({
 *     module: import.meta.url,
 *     target: double,
 *     args: [queue, new Money(250n)],
 *   });
 *   await child.start();
 *   console.log((await queue.get()).cents); // 500n
 * }
 * ```
 *
 * @param ownClass The class.
 * @param serializer Its name, and how its objects become what crosses and back.
 * @throws {TypeError} When an argument is of the wrong kind, or another class has the name.
 * @typeParam T The class.
 * @typeParam W What crosses.
 */
export function registerSerializer<T extends object, W>(
  // deno-lint-ignore no-explicit-any -- the constructor is never called
  ownClass: abstract new (...args: any[]) => T,
  serializer: Serializer<T, W>,
): void {
  const { name, toWire, fromWire } = serializer;
  if (typeof ownClass !== "function" || typeof ownClass.prototype !== "object") {
    throw new TypeError("Cannot register a serializer: the first argument must be a class");
  }
  if (typeof name !== "string" || name === "") {
    throw new TypeError('Cannot register a serializer: "name" must be a text that is not empty');
  }
  for (const [key, value] of Object.entries({ toWire, fromWire })) {
    if (typeof value === "function") continue;
    throw new TypeError(
      `Cannot register a serializer: "${key}" must be a function, got ${typeof value}`,
    );
  }
  if ((registered.get(name) ?? ownClass) !== ownClass) {
    throw new TypeError(`Cannot register a serializer: another class has the name "${name}"`);
  }
  registered.set(name, ownClass);
  setPortable(
    ownClass,
    // No class of this package has such a name.
    `user:${name}`,
    (object) => pack(toWire(object)),
    (data) => fromWire(unpack(data, name) as W),
  );
}

function pack(value: unknown): Packed {
  // What is within crosses on the same connection.
  const encoded = encode(value, currentReferenceScope());
  const { encoding, payload } = encoded;
  const within = referencesOf(encoded);
  if (typeof payload === "string") return { encoding, text: payload, within };
  return { encoding, bytes: payload.toBase64(), within };
}

function unpack(data: unknown, name: string): unknown {
  const { encoding, text, bytes } = (data ?? {}) as Partial<Packed>;
  if (typeof encoding === "number") {
    const scope = currentReferenceScope();
    if (typeof text === "string") return decode(encoding, new TextEncoder().encode(text), scope);
    if (typeof bytes === "string") return decode(encoding, Uint8Array.fromBase64(bytes), scope);
  }
  throw new TypeError(`Cannot receive an object of class "${name}": it is not well formed`);
}

import { waitWithin } from "../coroutine/_wait_within.ts";

/** How long what gives references back waits for calls that lend something, and may take their time. */
const PATIENCE_MS = 1_000;

/** The signal of what nobody gives up. */
const NEVER = new AbortController().signal;

/** What is done with references: they are taken or given back. */
export type ReferenceStep = "take" | "give";

/**
 * Keeps taking references to the objects of a Python server apart from giving them back.
 *
 * Python's `decref` forgets an object whose last reference it was in two steps, without holding its lock in between.
 * An object that is made there meanwhile can have the same name: it is the same object, asked for once more, or it has
 * the place in memory that has just become free. The second step then forgets that one, and every call of it fails with
 * a `KeyError`. So what names objects (`create`, `incref`, calls whose result is lent) never runs at the same time as
 * `decref`. Any number of one kind run together; who comes when the other kind waits comes after it.
 *
 * It is one for all clients of a server in this process. Against those in other processes nothing helps.
 */
export class PythonReferences {
  static readonly #all = new Map<string, PythonReferences>();

  readonly #peer: string;
  #users = 0;
  readonly #running = { take: 0, give: 0 };
  readonly #waiting: Record<ReferenceStep, (() => void)[]> = { take: [], give: [] };

  /** Use {@linkcode PythonReferences.of}. */
  constructor(peer: string) {
    this.#peer = peer;
  }

  /** What the clients of a server use. */
  static of(peer: string): PythonReferences {
    let found = PythonReferences.#all.get(peer);
    if (found === undefined) PythonReferences.#all.set(peer, found = new PythonReferences(peer));
    found.#users++;
    return found;
  }

  /** A client needs it no more. */
  leave(): void {
    if (--this.#users === 0) PythonReferences.#all.delete(this.#peer);
  }

  /** Does something that takes references, or that gives them back. */
  async during<T>(step: ReferenceStep, run: () => Promise<T>): Promise<T> {
    const other = otherThan(step);
    if (this.#running[other] > 0 || this.#waiting[other].length > 0) await this.#wait(step);
    else this.#running[step]++;
    try {
      return await run();
    } finally {
      if (--this.#running[step] === 0) this.#next(other);
    }
  }

  async #wait(step: ReferenceStep): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting[step];
    waiting.push(resolve);
    if (step === "take") return await promise;
    // A call that lends its result can take as long as it likes.
    await waitWithin(promise, { timeoutMs: PATIENCE_MS, signal: NEVER }, () => {
      const place = waiting.indexOf(resolve);
      if (place < 0) return;
      waiting.splice(place, 1);
      this.#running[step]++;
    });
  }

  /** Lets all go on that wait for one kind of step; when nobody does, those of the other. */
  #next(first: ReferenceStep): void {
    for (const step of [first, otherThan(first)]) {
      const waiting = this.#waiting[step].splice(0);
      this.#running[step] += waiting.length;
      for (const resolve of waiting) resolve();
      if (this.#running[step] > 0) return;
    }
  }
}

function otherThan(step: ReferenceStep): ReferenceStep {
  return step === "take" ? "give" : "take";
}

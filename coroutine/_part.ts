import { AsyncCoroutine } from "./async_coroutine.ts";
import { Coroutine } from "./coroutine.ts";
import { InvalidStateError } from "./errors.ts";

/** A coroutine of which it does not matter here what it takes: the types were checked before. */
export type LoosePart =
  | Coroutine<unknown, unknown, unknown>
  | AsyncCoroutine<unknown, unknown, unknown>;

/**
 * Refuses what cannot be a part.
 *
 * @param action What cannot be done with it.
 */
export function checkParts(parts: readonly unknown[], action: string): void {
  for (const part of parts) {
    if (!(part instanceof Coroutine || part instanceof AsyncCoroutine)) {
      throw new TypeError(
        `Cannot ${action}: coroutines are needed, got ${part === null ? "null" : typeof part}` +
          (typeof part === "function" ? `; call "${part.name}" first` : ""),
      );
    }
    if (part.state !== "created") {
      throw new InvalidStateError(
        `Cannot ${action}: coroutine "${part.name}" is ${part.state}, ` +
          "only a created one can be used, it is started here",
      );
    }
  }
  if (new Set(parts).size < parts.length) {
    throw new InvalidStateError(`Cannot ${action}: a coroutine can be used only once`);
  }
}

/** Whether it may take more. */
export function isOpen(part: LoosePart): boolean {
  return part.state !== "closed";
}

/** Ends parts after an error, and tells what else went wrong. */
export class Abandoning {
  readonly #error: unknown;
  readonly #others: unknown[] = [];
  readonly #endings: Promise<void>[] = [];

  /** @param error What went wrong first. */
  constructor(error: unknown) {
    this.#error = error;
  }

  /** What goes on; empty when everything has ended at once. */
  get endings(): readonly Promise<void>[] {
    return this.#endings;
  }

  /** What comes out in the end: the error, or all of them. */
  get error(): unknown {
    if (this.#others.length === 0) return this.#error;
    return new AggregateError(
      [this.#error, ...this.#others],
      `Coroutines threw ${this.#others.length + 1} errors`,
    );
  }

  /** Closes a part, after what it is at. */
  close(part: LoosePart): void {
    if (part instanceof AsyncCoroutine) this.do(() => part[Symbol.asyncDispose]());
    else this.do(() => part.close());
  }

  /** Throws the error into a part, which would take a closing for a good end; closes it if it goes on. */
  fail(part: LoosePart): void {
    if (part.state === "closed") return;
    if (part instanceof AsyncCoroutine) {
      if (part.state === "running") return this.close(part);
      this.do(async () => {
        try {
          await part.throw(this.#error);
        } finally {
          await part[Symbol.asyncDispose]();
        }
      });
    } else {
      this.do(() => {
        try {
          part.throw(this.#error);
        } finally {
          part.close();
        }
      });
    }
  }

  /** Does something else that belongs to the end. */
  do(action: () => unknown): void {
    try {
      const result = action();
      if (result instanceof Promise) {
        this.#endings.push(result.then(() => {}, (error) => this.#note(error)));
      }
    } catch (error) {
      this.#note(error);
    }
  }

  #note(error: unknown): void {
    if (error !== this.#error) this.#others.push(error);
  }
}

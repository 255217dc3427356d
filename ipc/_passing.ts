let current: Passing | undefined;

/**
 * What is passed to a process that may die before it takes it. It is collected while the arguments are encoded, which
 * is done more than once.
 */
export class Passing {
  readonly #recalls: (() => void)[] = [];

  /** Collects what is passed within a call. */
  collect<T>(encode: () => T): T {
    const outer = current;
    current = this;
    try {
      return encode();
    } finally {
      current = outer;
    }
  }

  /** Says what has to be done if it is never taken. */
  add(recall: () => void): void {
    this.#recalls.push(recall);
  }

  /** The process is dead: it takes nothing any more. */
  recall(): void {
    for (const recall of this.#recalls.splice(0)) recall();
  }
}

/** Says what has to be done when something that was just passed is never taken. */
export function whenNeverTaken(recall: () => void): void {
  current?.add(recall);
}

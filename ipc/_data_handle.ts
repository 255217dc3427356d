import { Handle, type Home } from "./_home.ts";
import { computeData, copyData, type Sight } from "./_shared_data.ts";

/** A piece of an iteration: without a number it is the last one. */
interface Piece<T> {
  readonly entries: readonly T[];
  readonly id: number | undefined;
}

/** What a process has of a dictionary, a list or a namespace: what goes in and comes out are copies. */
export class DataHandle<H extends Home> extends Handle<H> {
  /** Calls a method that changes nothing; the call ends with the task that makes it. */
  async read<R>(method: string, ...args: unknown[]): Promise<R> {
    return this.#out(await this.call<R>(method, ...args));
  }

  /** Calls a method that changes something, or gives something away. */
  async write<R>(method: string, ...args: unknown[]): Promise<R> {
    // Also for another process: what is changed before the message leaves must not be sent.
    return this.#out(await this.callToEnd<R>(method, ...args.map(copyData)));
  }

  /**
   * Changes what is somewhere, in one step.
   *
   * @param place Says to `look` and `exchange` where it is.
   * @param change Makes the new values of the old ones: one, or none.
   */
  async compute<T>(
    place: readonly unknown[],
    change: (values: readonly T[]) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    return await computeData(
      () => this.read<Sight>("look", ...place),
      (values, seen) => this.write<Sight | undefined>("exchange", values, seen, ...place),
      change as (values: readonly unknown[]) => Promise<readonly unknown[]>,
    ) as readonly T[];
  }

  /** Goes through everything, with several at a time from the home. */
  async *iterate<T>(): AsyncGenerator<T, void, undefined> {
    let piece = await this.read<Piece<T>>("first");
    try {
      for (;;) {
        yield* piece.entries;
        if (piece.id === undefined) return;
        piece = await this.read<Piece<T>>("next", piece.id);
      }
    } finally {
      // When the home is gone, so is what it had for this iteration.
      if (piece.id !== undefined) await this.tell("end", piece.id).catch(() => {});
    }
  }

  #out<R>(value: R): R {
    return this.home === undefined ? value : copyData(value);
  }
}

import { Home, type HomeMethod } from "./_home.ts";
import { isStill, type Sight, Stamps } from "./_shared_data.ts";

/** The home of a dictionary, a list or a namespace. Each call is one step, since nothing else runs meanwhile. */
export abstract class DataHome extends Home {
  readonly #stamps = new Stamps();

  /** The methods of a seat, each of which fails when its owner has closed the home. */
  protected open(
    // deno-lint-ignore no-explicit-any -- what a borrower sends is checked by the method
    methods: Readonly<Record<string, (...args: any[]) => unknown>>,
  ): Record<string, HomeMethod> {
    return Object.fromEntries(
      Object.entries(methods).map(([name, method]) => [name, (_call, ...args) => {
        this.checkOpen();
        return method(...args);
      }]),
    );
  }

  /** What one sees who looks somewhere. */
  protected sightOf(...values: [] | [value: unknown]): Sight {
    return { values, stamp: values.length === 0 ? 0 : this.#stamps.of(values[0]) };
  }

  /** Does something where there is still what was seen; else it says what there is now. */
  protected ifStill(seen: Sight, now: Sight, write: () => void): Sight | undefined {
    if (!isStill(seen, now)) return now;
    write();
    return undefined;
  }
}

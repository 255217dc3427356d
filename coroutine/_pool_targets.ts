/** What stands for a function: the module that exports it, and its name there. */
export interface FunctionPlace {
  /** The URL of the module. */
  readonly module: string;
  readonly name: string;
}

/** A function that a pool has been asked to call. */
export interface PoolTarget {
  readonly number: number;
  readonly place: FunctionPlace;
}

const MOST_TARGETS = 0x1_0000;

/** The functions that a pool has been asked to call, and where workers find them. */
export class PoolTargets {
  readonly #module: string | undefined;
  // deno-lint-ignore ban-types -- any function may be a key
  readonly #byFunction = new WeakMap<Function, PoolTarget>();
  readonly #byPlace = new Map<string, PoolTarget>();

  /** @param module The module whose functions may be given as they are. */
  constructor(module: string | URL | undefined) {
    this.#module = module === undefined ? undefined : readModule("create a pool", module);
  }

  /** The module whose functions may be given as they are. */
  get module(): string | undefined {
    return this.#module;
  }

  /** Where a function is. @throws {TypeError} When it cannot be found by workers. */
  find(action: string, target: unknown): PoolTarget {
    if (typeof target !== "function") return this.#placed(readReference(action, target));
    const known = this.#byFunction.get(target);
    if (known !== undefined) return known;
    if (this.#module === undefined) {
      throw new TypeError(
        `Cannot ${action}: the pool has no "module" in which its workers could find function "${target.name}"; ` +
          "give the pool a module, or a reference { module, name } instead of the function",
      );
    }
    if (target.name === "") {
      throw new TypeError(
        `Cannot ${action}: the function has no name by which a worker could find it; ` +
          "export a named function",
      );
    }
    const found = this.#placed({ module: this.#module, name: target.name });
    this.#byFunction.set(target, found);
    return found;
  }

  #placed(place: FunctionPlace): PoolTarget {
    const key = `${place.module} ${place.name}`;
    let target = this.#byPlace.get(key);
    if (target === undefined) {
      if (this.#byPlace.size >= MOST_TARGETS) {
        throw new RangeError(
          `Cannot call "${place.name}": the pool has called ${MOST_TARGETS} functions`,
        );
      }
      target = { number: this.#byPlace.size, place };
      this.#byPlace.set(key, target);
    }
    return target;
  }
}

function readReference(action: string, target: unknown): FunctionPlace {
  const { module, name } = (target ?? {}) as Partial<FunctionPlace>;
  if (
    typeof target !== "object" || typeof name !== "string" || name === "" || module === undefined
  ) {
    throw new TypeError(
      `Cannot ${action}: the task must be a function or a reference { module, name }, got ${
        target === null ? "null" : typeof target
      }`,
    );
  }
  return { module: readModule(action, module), name };
}

function readModule(action: string, module: unknown): string {
  const text = String(module);
  if (URL.canParse(text)) return new URL(text).href;
  throw new TypeError(
    `Cannot ${action}: "module" must be an absolute URL such as import.meta.url, got ${
      JSON.stringify(text)
    }`,
  );
}

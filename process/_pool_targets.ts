import type { FunctionPlace } from "./_pool_worker.ts";
import type { TaskReference } from "./task_reference.ts";

/** A function, as workers know it. */
export interface PoolTarget {
  readonly number: number;
  readonly place: FunctionPlace;
}

const MOST_TARGETS = 0x1_0000;

/** The functions that a pool has been asked to call, and the modules that export them. */
export class PoolTargets {
  /** The URLs of the modules, by number. The workers that start from now on have all of them. */
  readonly modules: string[] = [];
  readonly #hasModule: boolean;
  // deno-lint-ignore ban-types -- any function may be a key
  readonly #byFunction = new WeakMap<Function, PoolTarget>();
  readonly #byPlace = new Map<string, PoolTarget>();

  /** @param module The module whose functions may be given as they are. */
  constructor(module: string | URL | undefined) {
    this.#hasModule = module !== undefined;
    if (module !== undefined) this.modules.push(readModule("create a pool", module));
  }

  /** Where a function is. @throws {TypeError} When it cannot be found by workers. */
  find(action: string, target: unknown): PoolTarget {
    if (typeof target === "function") {
      const known = this.#byFunction.get(target);
      if (known !== undefined) return known;
      const found = this.#placed(0, this.#nameOf(action, target));
      this.#byFunction.set(target, found);
      return found;
    }
    const { module, name } = readReference(action, target);
    let number = this.modules.indexOf(module);
    if (number < 0) number = this.modules.push(module) - 1;
    return this.#placed(number, name);
  }

  // deno-lint-ignore ban-types -- any function
  #nameOf(action: string, target: Function): string {
    if (!this.#hasModule) {
      throw new TypeError(
        `Cannot ${action}: the pool has no "module" in which its workers could find function "${target.name}"; ` +
          "give the pool a module, or a reference { module, name } instead of the function",
      );
    }
    if (target.name !== "") return target.name;
    throw new TypeError(
      `Cannot ${action}: the function has no name by which a worker could find it; ` +
        "export a named function",
    );
  }

  #placed(module: number, name: string): PoolTarget {
    const key = `${module} ${name}`;
    let target = this.#byPlace.get(key);
    if (target === undefined) {
      if (this.#byPlace.size >= MOST_TARGETS) {
        throw new RangeError(
          `Cannot call "${name}": the pool has called ${MOST_TARGETS} functions`,
        );
      }
      target = { number: this.#byPlace.size, place: [module, name] };
      this.#byPlace.set(key, target);
    }
    return target;
  }
}

function readReference(action: string, target: unknown): { module: string; name: string } {
  const { module, name } = (target ?? {}) as Partial<TaskReference>;
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

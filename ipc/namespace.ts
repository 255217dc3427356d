/**
 * Named values that processes share.
 *
 * @module
 */

import { DataHandle } from "./_data_handle.ts";
import { DictHome } from "./_dict_home.ts";
import { ownObject, readReference } from "./_home.ts";
import { setHomeFinder } from "./_own_homes.ts";
import { setPortable } from "./_portable.ts";
import { copyData } from "./_shared_data.ts";

/** The names of the fields of an object type. */
export type NamespaceName<T extends object> = Extract<keyof T, string>;

/** What {@linkcode Namespace.statistics} tells. */
export interface NamespaceStatistics {
  /** How many names there are. */
  size: number;
}

/**
 * Named values that processes share, each of its own type: what several processes have to agree on, as limits,
 * flags or a state.
 *
 * - It is passed to a process as an argument or through a queue, also to grandchildren, and is the same namespace
 *   there. It lives in the process that created it; the others reach it over loopback TCP. Where it comes back to
 *   that process, it is the very object.
 * - Each method is one step that nobody sees half done. {@linkcode compute} reads and writes in one step.
 * - Values are copied on their way in and out, as with a `SharedDict`: what is changed in a copy has to be `set`
 *   again, and objects that cross as references stay what they are.
 * - A name that has no value is a mistake, and refused; see {@linkcode has}.
 * - When the process in which the namespace lives ends, every call rejects with a {@linkcode ConnectionLostError}.
 *
 * Needs `--allow-net=127.0.0.1` where it is created, once it is passed on. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.managers.Namespace | Namespace}
 * of a manager, without a process of its own; attributes that are read over a connection have to be awaited, which is
 * why they are methods here. Python clients see attributes.
 *
 * @example Settings that everybody reads
 * ```ts
 * import { Namespace } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * interface Settings {
 *   limit: number;
 *   mode: "fast" | "careful";
 * }
 * await using settings = new Namespace<Settings>({ limit: 10 }); // perhaps passed to ten children
 * await settings.set("mode", "fast");
 * await settings.compute("limit", (limit) => limit * 2);
 * assertEquals(await settings.entries(), [["limit", 20], ["mode", "fast"]]);
 * ```
 *
 * @typeParam T The names, and what each of them is.
 */
export class Namespace<T extends object = Record<string, unknown>> implements AsyncDisposable {
  static {
    setPortable(
      Namespace,
      "ipc.Namespace",
      (namespace: Namespace<object>) => namespace.#handle.lend(namespace),
      (data) => {
        const reference = readReference(data, "a namespace");
        const own = ownObject(reference, Namespace<object>);
        if (own !== undefined) return own;
        const namespace = new Namespace<object>();
        namespace.#handle = new DataHandle<DictHome>("the namespace", reference);
        return namespace;
      },
    );
    setHomeFinder(Namespace, (namespace: Namespace<object>) => namespace.#handle.home);
  }

  #handle: DataHandle<DictHome>;

  /**
   * Creates a namespace that lives in this process.
   *
   * @param values Its first values, by their names.
   * @throws {TypeError} When a value cannot be carried to another process.
   */
  constructor(values: Partial<T> = {}) {
    const home = new DictHome("the namespace", "name");
    for (const [name, value] of Object.entries(values)) home.map.set(name, copyData(value));
    this.#handle = new DataHandle("the namespace", home);
  }

  /**
   * Reads a value.
   *
   * @param name Its name.
   * @returns A copy of the value.
   * @throws {ReferenceError} When the name has no value.
   * @throws {TypeError} When the name is no string.
   * @throws {ConnectionClosedError} When the namespace was closed here or by its owner.
   * @throws {ConnectionLostError} When the process in which it lives is gone.
   */
  async get<N extends NamespaceName<T>>(name: N): Promise<T[N]> {
    return await this.#handle.read("getOwn", check(name));
  }

  /**
   * Writes a value.
   *
   * @param name Its name.
   * @param value The new value; it is copied before this returns.
   * @returns When it is written.
   * @throws {TypeError} When the name is no string, or the value cannot be carried to another process.
   * @throws {ConnectionClosedError} When the namespace was closed here or by its owner.
   */
  async set<N extends NamespaceName<T>>(name: N, value: T[N]): Promise<void> {
    await this.#handle.write("set", value, check(name));
  }

  /**
   * Whether a name has a value.
   *
   * @param name The name.
   * @returns `true` after `set`, `false` after `delete`.
   * @throws {TypeError} When the name is no string.
   * @throws {ConnectionClosedError} When the namespace was closed here or by its owner.
   */
  async has(name: NamespaceName<T>): Promise<boolean> {
    return await this.#handle.read("has", check(name));
  }

  /**
   * Takes a value away.
   *
   * @param name Its name.
   * @returns Whether it was there.
   * @throws {TypeError} When the name is no string.
   * @throws {ConnectionClosedError} When the namespace was closed here or by its owner.
   */
  async delete(name: NamespaceName<T>): Promise<boolean> {
    return await this.#handle.write("delete", check(name));
  }

  /**
   * The names and values of this moment.
   *
   * @returns A copy, in the order in which the names came.
   * @throws {ConnectionClosedError} When the namespace was closed here or by its owner.
   */
  async entries(): Promise<[name: NamespaceName<T>, value: T[NamespaceName<T>]][]> {
    return await this.#handle.read("entries");
  }

  /**
   * Changes a value, in one step.
   *
   * @param name Its name.
   * @param change Makes the new value of a copy of the old one, in this process; it may answer a promise. It is called
   * again when another one was faster.
   * @returns What it has answered.
   * @throws {ReferenceError} When the name has no value.
   * @throws {TypeError} When the name is no string, or the value cannot be carried to another process.
   * @throws {ConnectionClosedError} When the namespace was closed here or by its owner.
   */
  async compute<N extends NamespaceName<T>>(
    name: N,
    change: (value: T[N]) => T[N] | Promise<T[N]>,
  ): Promise<T[N]> {
    const [value] = await this.#handle.compute<T[N]>([check(name)], async (values) => {
      if (values.length > 0) return [await change(values[0] as T[N])];
      throw new ReferenceError(
        `Cannot change ${JSON.stringify(name)}: the namespace has no such name`,
      );
    });
    return value as T[N];
  }

  /**
   * How many names there are.
   *
   * @returns The figures of the moment in which the namespace was asked.
   * @throws {ConnectionClosedError} When the namespace was closed here or by its owner.
   */
  async statistics(): Promise<NamespaceStatistics> {
    return { size: await this.#handle.read("size") };
  }

  /**
   * Gives this process's share up. In the process that created the namespace it ends the namespace for everybody. A
   * second call does no harm.
   *
   * @returns When everything that the namespace owned is released.
   */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Closes the namespace, as {@linkcode close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The names, as `console.log` shows them. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /**
   * The names; elsewhere than in its own process they are not known.
   *
   * @returns The text, as `Namespace { limit, mode }` or `Namespace { in another process }`.
   */
  toString(): string {
    return this.#handle.describe(this, ({ map }) => [...map.keys()].map(String));
  }
}

function check<N extends string>(name: N): N {
  if (typeof name === "string") return name;
  throw new TypeError(
    `Cannot use a name of the namespace: it must be a string, got ${typeof name}`,
  );
}

/**
 * Values that follow the running task across its awaits.
 *
 * @module
 */

import { currentFrame, currentValues, runInFrame, type Values } from "./_frame.ts";
import { InvalidStateError } from "./errors.ts";

/**
 * The values that context variables have for one task
 * (Python's {@link https://docs.python.org/3/library/contextvars.html#contextvars.Context | contextvars.Context}).
 *
 * Every task begins with a copy of the context in which it was spawned. A copy costs the same however
 * many values there are.
 *
 * @example Running something with values of its own
 * ```ts
 * import { ContextVar, copyContext } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const user = new ContextVar<string>("user", { default: "nobody" });
 * const context = copyContext();
 * context.run(() => user.set("ann"));
 * assertEquals(context.run(() => user.get()), "ann");
 * assertEquals(user.get(), "nobody");
 * ```
 */
export class Context {
  readonly #values: Values;

  /**
   * Creates a context in which no variable has a value. See {@linkcode copyContext} for a copy of the current
   * one.
   */
  constructor() {
    this.#values = { map: new Map() };
  }

  /**
   * Copies the context: what is set in one of the two is not seen in the other.
   *
   * @returns The copy.
   */
  copy(): Context {
    const copy = new Context();
    copy.#values.map = this.#values.map;
    return copy;
  }

  /**
   * Runs a function, and all that it awaits, in this context itself: what it sets stays in the context.
   *
   * @param run The function.
   * @returns What the function returns.
   * @typeParam R What the function returns.
   */
  run<R>(run: () => R): R {
    const frame = currentFrame();
    return runInFrame({ scope: frame?.scope, report: frame?.report, values: this.#values }, run);
  }

  /**
   * Whether a variable has a value here.
   *
   * @param variable The variable.
   * @returns `true` when it was set.
   */
  has(variable: ContextVar<unknown>): boolean {
    return this.#values.map.has(variable);
  }

  /**
   * The value of a variable here, without its default.
   *
   * @param variable The variable.
   * @returns The value, or `undefined` when it was not set.
   * @typeParam T The variable's values.
   */
  get<T>(variable: ContextVar<T>): T | undefined {
    return this.#values.map.get(variable) as T | undefined;
  }
}

/**
 * Copies the context of the running code.
 *
 * @returns A context with the same values.
 *
 * @example Two contexts that start alike
 * ```ts
 * import { ContextVar, copyContext } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const depth = new ContextVar("depth", { default: 0 });
 * const context = copyContext();
 * context.run(() => depth.set(depth.get() + 1));
 * assertEquals(context.get(depth), 1);
 * assertEquals(depth.get(), 0);
 * ```
 */
export function copyContext(): Context {
  const { map } = currentValues();
  const copy = new Context();
  copy.run(() => currentValues().map = map);
  return copy;
}

/** Options for {@linkcode ContextVar}. */
export interface ContextVarOptions<T> {
  /**
   * What `get()` answers where the variable was not set. `undefined` is a default too, when it is given.
   *
   * @default {none: `get()` throws}
   */
  default?: T | undefined;
}

/**
 * What {@linkcode ContextVar.set} changed, to be taken back with {@linkcode ContextVar.reset}, or by
 * disposing it.
 *
 * @example Taken back at the end of the block
 * ```ts
 * import { ContextVar } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const level = new ContextVar("level", { default: "info" });
 * {
 *   using _ = level.set("debug");
 *   assertEquals(level.get(), "debug");
 * }
 * assertEquals(level.get(), "info");
 * ```
 */
export interface ContextToken extends Disposable {
  /** The name of the variable that was set. */
  readonly name: string;
}

interface Change {
  readonly values: Values;
  readonly before: ReadonlyMap<object, unknown>;
  isUndone: boolean;
}

/**
 * A variable that has a value of its own in every task, kept across `await`
 * (Python's {@link https://docs.python.org/3/library/contextvars.html | contextvars.ContextVar}).
 *
 * - A task sees the values that were set where it was spawned; what it sets itself is seen by it, by the
 *   functions that it calls and by the tasks that it spawns afterwards, and by nobody else.
 * - Code outside every task shares one context.
 *
 * It follows tasks of one thread. What is one object in every *thread* is `local()` of the thread room.
 *
 * @example The request that a log line belongs to
 * ```ts
 * import { ContextVar, gather, sleep } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const request = new ContextVar<number>("request");
 * const seen: number[] = [];
 * async function log(): Promise<void> {
 *   await sleep(0);
 *   seen.push(request.get());
 * }
 * async function handle(id: number): Promise<void> {
 *   request.set(id);
 *   await log(); // nothing needs to be passed along
 * }
 * await gather([() => handle(1), () => handle(2)]);
 * assertEquals(seen, [1, 2]);
 * ```
 *
 * @typeParam T The variable's values.
 */
export class ContextVar<T> {
  /** Its name, for messages. */
  readonly name: string;
  readonly #default: { readonly value: T } | undefined;
  readonly #changes = new WeakMap<ContextToken, Change>();

  /**
   * Creates a variable, usually once for a whole module.
   *
   * @param name Its name, for messages.
   * @param options The value where it is not set.
   */
  constructor(name: string, options: ContextVarOptions<T> = {}) {
    this.name = String(name);
    if ("default" in options) this.#default = { value: options.default as T };
  }

  /**
   * The value in the running task.
   *
   * @returns The value that was set last, or the default.
   * @throws {InvalidStateError} When it was not set and has no default.
   */
  get(): T {
    const { map } = currentValues();
    const value = map.get(this);
    if (value !== undefined || map.has(this)) return value as T;
    if (this.#default !== undefined) return this.#default.value;
    throw new InvalidStateError(
      `Cannot read context variable "${this.name}": it was not set and has no default`,
    );
  }

  /**
   * Sets the value for the running task, and for the tasks that it spawns from now on.
   *
   * @param value The value.
   * @returns What takes the change back.
   */
  set(value: T): ContextToken {
    const values = currentValues();
    const before = values.map;
    values.map = new Map(before).set(this, value);
    const token: ContextToken = {
      name: this.name,
      [Symbol.dispose]: () => {
        if (this.#changes.get(token)?.isUndone === false) this.reset(token);
      },
    };
    this.#changes.set(token, { values, before, isUndone: false });
    return token;
  }

  /**
   * Gives the variable the value back that it had before a `set`.
   *
   * @param token What that `set` returned.
   * @throws {TypeError} When the token is not one of this variable.
   * @throws {InvalidStateError} When the token was used before, or belongs to another context.
   */
  reset(token: ContextToken): void {
    const action = `Cannot reset context variable "${this.name}"`;
    const change = this.#changes.get(token);
    if (change === undefined) {
      throw new TypeError(`${action}: the token does not come from this variable`);
    }
    if (change.isUndone) throw new InvalidStateError(`${action}: the token was used before`);
    const values = currentValues();
    if (change.values !== values) {
      throw new InvalidStateError(`${action}: the token belongs to another task`);
    }
    change.isUndone = true;
    const map = new Map(values.map);
    if (change.before.has(this)) map.set(this, change.before.get(this));
    else map.delete(this);
    values.map = map;
  }

  /**
   * Runs a function, and all that it awaits, with a value; what runs around it does not see it.
   *
   * @param value The value.
   * @param run The function.
   * @returns What the function returns.
   * @typeParam R What the function returns.
   */
  run<R>(value: T, run: () => R): R {
    const context = copyContext();
    return context.run(() => {
      this.set(value);
      return run();
    });
  }
}

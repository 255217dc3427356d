/**
 * The types of what a manager hands out.
 *
 * @module
 */

import type { WaitOptions } from "../coroutine/wait_options.ts";
import type {
  Barrier,
  Condition,
  Event,
  Lock,
  Namespace,
  Queue,
  Remote,
  RLock,
  Semaphore,
  SharedArray,
  SharedDict,
  SharedList,
  SimpleQueue,
  Value,
} from "../ipc/mod.ts";

/** A function that can be registered with a manager. */
// deno-lint-ignore no-explicit-any -- every function, whatever its arguments
export type ManagedFunction = (...args: any[]) => unknown;

/** What is registered under one name. */
export interface Registration {
  /** Makes or finds the object; missing where the manager is only a client. */
  readonly callable: ManagedFunction | undefined;
  /** The methods that may be called; all public ones when it is missing. */
  readonly exposed: readonly string[] | undefined;
  /** Methods whose result is lent in its turn, with the name under which its type is registered. */
  readonly methodToTypeid?: Readonly<Record<string, string>> | undefined;
}

/**
 * What is registered under a name, when this side has the function.
 *
 * @typeParam F The type of the function.
 */
export interface RegisterOptions<F extends ManagedFunction> {
  /**
   * Makes or finds the object that the client gets. It runs in the manager, for each request; for a name of
   * `methodToTypeid`, with the result of the method.
   */
  callable: F;
  /**
   * The methods that clients may call. Without it, all whose names do not begin with `_`.
   *
   * @default {undefined}
   */
  exposed?: readonly string[] | undefined;
  /**
   * Methods whose result is not copied: clients get a proxy of it, with what is registered under the given name.
   * `"Iterator"` is there for Python clients without being registered.
   *
   * @default {undefined}
   */
  methodToTypeid?: Readonly<Record<string, string>> | undefined;
  /**
   * Whether managers have a method of that name. Without it the name is only for `methodToTypeid`.
   *
   * @default {true}
   */
  createMethod?: boolean | undefined;
}

/**
 * What is registered under a name, when only the other side has the function.
 *
 * @typeParam T The type of the object that the client gets.
 */
export interface RegisterProxyOptions<T> {
  /** The class of the object on the other side: `Queue<number>`. Only its type is used. */
  // deno-lint-ignore no-explicit-any -- every class, whatever its constructor takes
  proxyType: abstract new (...args: any[]) => T;
  /**
   * The methods that clients may call of an object that a method answers: see `methodToTypeid`.
   *
   * @default {undefined}
   */
  exposed?: readonly string[] | undefined;
  /**
   * Methods whose result is not copied: see {@linkcode RegisterOptions.methodToTypeid}.
   *
   * @default {undefined}
   */
  methodToTypeid?: Readonly<Record<string, string>> | undefined;
  /**
   * Whether managers have a method of that name. Without it the name is only for `methodToTypeid`.
   *
   * @default {true}
   */
  createMethod?: boolean | undefined;
}

/** Options for `BaseManager.start()`. */
export interface ManagerStartOptions extends WaitOptions {
  /**
   * A function that the manager's process calls before it serves; the module of the manager exports it.
   *
   * @default {undefined}
   */
  initializer?: ManagedFunction | undefined;
  /**
   * The arguments of the initializer.
   *
   * @default {[]}
   */
  initArgs?: readonly unknown[] | undefined;
}

/** What is copied to the client, as opposed to lent. */
export type CopiedData =
  | null
  | undefined
  | string
  | number
  | bigint
  | boolean
  | Date
  | RegExp
  | Error
  | ArrayBuffer
  | ArrayBufferView
  | readonly unknown[]
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>;

/** What has a handle of its own in every process: locks, queues and the like. */
export type SharedObject =
  | Barrier
  | Condition
  | Event
  | Lock
  // deno-lint-ignore no-explicit-any -- whatever its values are
  | Namespace<any>
  // deno-lint-ignore no-explicit-any -- whatever its items are
  | Queue<any>
  | RLock
  | Semaphore
  // deno-lint-ignore no-explicit-any -- whatever its numbers are
  | SharedArray<any>
  // deno-lint-ignore no-explicit-any -- whatever its keys and values are
  | SharedDict<any, any>
  // deno-lint-ignore no-explicit-any -- whatever its items are
  | SharedList<any>
  // deno-lint-ignore no-explicit-any -- whatever its items are
  | SimpleQueue<any>
  // deno-lint-ignore no-explicit-any -- whatever its number is
  | Value<any>;

/**
 * What a client gets of something that a registered function returned: a handle of what processes can
 * share, a proxy of any other object that has methods, a copy of data.
 *
 * @typeParam T What the function returned.
 */
export type Managed<T> = T extends CopiedData | SharedObject ? T
  : T extends object ? keyof Remote<T> extends keyof AsyncDisposable ? T : Remote<T>
  : T;

/**
 * The methods that a manager has for what is registered.
 *
 * @typeParam Api The registered functions by name.
 */
export type ManagedMethods<Api> = {
  // deno-lint-ignore no-explicit-any -- every function, whatever its arguments
  [Name in keyof Api]: Api[Name] extends (...args: any[]) => unknown
    ? (...args: Parameters<Api[Name]>) => Promise<Managed<Awaited<ReturnType<Api[Name]>>>>
    : never;
};

/**
 * The types of what a manager hands out.
 *
 * @module
 */

import type { Remote } from "../ipc/mod.ts";

/** A function that can be registered with a manager. */
// deno-lint-ignore no-explicit-any -- every function, whatever its arguments
export type ManagedFunction = (...args: any[]) => unknown;

/** What is registered under one name. */
export interface Registration {
  /** Makes or finds the object; missing where the manager is only a client. */
  readonly callable: ManagedFunction | undefined;
  /** The methods that may be called; all public ones when it is missing. */
  readonly exposed: readonly string[] | undefined;
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

/**
 * What a client gets of something that a registered function returned: a proxy of an object that has
 * methods, a copy of data.
 *
 * @typeParam T What the function returned.
 */
export type Managed<T> = T extends CopiedData ? T
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

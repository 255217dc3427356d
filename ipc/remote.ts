/**
 * The type of a remote object.
 *
 * @module
 */

/**
 * A remote object as this side sees it: each method of `T` by its name, with the same arguments,
 * answering a promise. Fields are not there, nor are methods with symbols for names, such as iteration.
 *
 * A method whose last argument is an object with a `signal` can be cancelled as at home: the other side
 * gets a signal that aborts with it. Disposing a proxy gives the object back.
 *
 * @example A function that takes a remote queue
 * ```ts
 * import type { Queue } from "@manyhands/concurrency/coroutine";
 * import type { Remote } from "@manyhands/concurrency/ipc";
 *
 * export async function addTen(queue: Remote<Queue<number>>): Promise<void> {
 *   for (let n = 0; n < 10; n++) await queue.put(n);
 * }
 * ```
 *
 * @typeParam T The type of the object on the other side.
 */
export type Remote<T> =
  & {
    readonly [
      // deno-lint-ignore no-explicit-any -- every function, whatever its arguments
      Name in keyof T & string as T[Name] extends (...args: any[]) => unknown ? Name : never
    ]: T[Name] extends (...args: infer Args) => infer Result
      ? (...args: Args) => Promise<Awaited<Result>>
      : never;
  }
  & AsyncDisposable;

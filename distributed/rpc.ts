/**
 * The types of functions and classes that are called from elsewhere.
 *
 * @module
 */

import type { ResultIterator } from "../coroutine/result_iterator.ts";
import type { CopiedData } from "./managed.ts";

/**
 * What can be served: functions and classes by their names, as an object or as `import * as api` gives them.
 * What is neither is ignored.
 */
export type RpcApi = Readonly<Record<string, unknown>>;

/**
 * Served functions and classes as a client has them:
 *
 * - a function answers a promise;
 * - a generator, or what else is made one by one, arrives as an {@linkcode RpcStream};
 * - a class makes objects that stay with the server: see {@linkcode RpcClass};
 * - names that begin with `_` are not there.
 *
 * @example The types of a client
 * ```ts
 * import type { Rpc, RpcStream } from "@manyhands/concurrency/distributed";
 *
 * const api = {
 *   add: (a: number, b: number) => a + b,
 *   *count(to: number) {
 *     for (let n = 0; n < to; n++) yield n;
 *   },
 * };
 * export async function use(remote: Rpc<typeof api>): Promise<number> {
 *   const numbers: RpcStream<number> = remote.count(3);
 *   let sum = 0;
 *   for await (const n of numbers) sum = await remote.add(sum, n);
 *   return sum;
 * }
 * ```
 *
 * @typeParam Api What is served: `typeof api`.
 */
export type Rpc<Api> = {
  readonly [Name in keyof Api & string as RpcName<Name, Api[Name]>]: RpcMember<Api[Name]>;
};

/**
 * The name of a member of an api, unless it is not served.
 *
 * @typeParam Name The name.
 * @typeParam Member What has the name.
 */
export type RpcName<Name extends string, Member> = Name extends `_${string}` ? never
  // deno-lint-ignore no-explicit-any -- every function and class, whatever its arguments
  : [Member] extends [((...args: any[]) => unknown) | (abstract new (...args: any[]) => unknown)]
    ? Name
  : never;

/**
 * A function or a class as a client has it.
 *
 * @typeParam Member The type of the function or class.
 */
export type RpcMember<Member> = Member extends abstract new (...args: infer Args) => infer T
  ? RpcClass<Args, T>
  : Member extends (...args: infer Args) => infer Result
    ? (...args: RpcArguments<Args>) => RpcAnswer<Result>
  : never;

/**
 * A class of the server.
 *
 * @typeParam Args What its constructor takes.
 * @typeParam T Its objects.
 */
export interface RpcClass<Args extends readonly unknown[], T> {
  /**
   * Makes an object on the server.
   *
   * @param args What the constructor takes.
   * @returns The object, to be disposed of by `await using` or `close()`.
   */
  create(...args: RpcArguments<Args>): Promise<RpcObject<T>>;
}

/**
 * An object that lives on the server. Its methods are called there.
 *
 * It is freed when it is disposed of, and when the client is gone. On the server its own `[Symbol.asyncDispose]` or
 * `[Symbol.dispose]` is called then, if it has one.
 *
 * @typeParam T The type of the object.
 */
export type RpcObject<T> =
  & Rpc<T>
  & AsyncDisposable
  & (T extends { close: unknown } ? unknown : {
    /** Frees the object. It is there unless the object has a method of that name itself. */
    close(): Promise<void>;
  });

/**
 * Values that the server makes one by one, no faster than they are taken. It can be iterated once.
 *
 * - The server is ahead by as many values as the client's option `lookAhead` says, and no more.
 * - When the loop ends early, by `break` or by an error, the generator on the server is closed: its `finally` runs.
 * - A generator begins with the first value that is asked for, as at home.
 *
 * @typeParam T One value.
 */
export interface RpcStream<T> extends AsyncIterable<T> {
  /**
   * Begins. `for await` does it.
   *
   * @returns What takes the values; with `next({ timeoutMs })` the wait for one can be limited, and the next call
   * goes on after it.
   */
  [Symbol.asyncIterator](): ResultIterator<T>;
}

/**
 * What a call answers.
 *
 * @typeParam Result What the function returns.
 */
export type RpcAnswer<Result> = 0 extends 1 & Result ? Promise<unknown>
  : [Result] extends [PromiseLike<infer Value>] ? Promise<RpcValue<Value>>
  : RpcValue<Result> extends RpcStream<infer T> ? RpcStream<T>
  : Promise<RpcValue<Result>>;

/**
 * A value that a function gives: copied, unless it is made of values that come one by one.
 *
 * @typeParam Value The value.
 */
export type RpcValue<Value> = [Value] extends [CopiedData] ? Value
  : [Value] extends [AsyncIterable<infer T> | Iterable<infer T>] ? RpcStream<T>
  : Value;

/**
 * What a client passes for the arguments of a function: in place of what is iterated with `for await`, anything
 * that makes values one by one.
 *
 * @typeParam Args The arguments as the function has them.
 */
export type RpcArguments<Args extends readonly unknown[]> = {
  [Index in keyof Args]: RpcArgument<Args[Index]>;
};

/**
 * One argument of {@linkcode RpcArguments}.
 *
 * @typeParam Argument The argument as the function has it.
 */
export type RpcArgument<Argument> = 0 extends 1 & Argument ? Argument
  : Argument extends CopiedData ? Argument
  : Argument extends ReadableStream<infer T> ? ReadableStream<T>
  : Argument extends AsyncIterable<infer T> ? AsyncIterable<T> | Iterable<T>
  : Argument extends Iterable<infer T> ? readonly T[] | ReadonlySet<T>
  : Argument;

/**
 * What can be done with any proxy, whatever it stands for.
 *
 * @module
 */

import type { WaitOptions } from "../coroutine/wait_options.ts";
import { callTarget, targetOf } from "./_proxy.ts";

/**
 * Calls a method of a remote object by name, with a time limit and a signal of this side's: for methods
 * that take none themselves (Python's `BaseProxy._callmethod`).
 *
 * An abort stops the wait, and aborts the signal of the method on the other side if it has one; a method
 * that does not heed it goes on there, and its result is thrown away.
 *
 * @example A call that may take two seconds
 * ```ts
 * import { BaseManager } from "@manyhands/concurrency/distributed";
 * import { callMethod } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * class Adder {
 *   add(a: number, b: number): number {
 *     return a + b;
 *   }
 * }
 * const Manager = BaseManager.register("adder", { callable: () => new Adder() });
 * await using server = new Manager({ address: "127.0.0.1:0", authkey: "key" }).getServer();
 * await using manager = new Manager({ address: server.address, authkey: "key" });
 * await manager.connect();
 *
 * const adder = await manager.adder();
 * assertEquals(await callMethod(adder, "add", [2, 3], { timeoutMs: 2000 }), 5);
 * ```
 *
 * @typeParam P The proxy.
 * @typeParam Name The name of the method.
 * @param proxy The remote object.
 * @param name The name of the method.
 * @param args Its arguments.
 * @param options How long to wait, and what stops the wait.
 * @returns What the method returned.
 * @throws {TypeError} When the object is no proxy or has no such method.
 * @throws {TimeoutError} When there was no answer within `timeoutMs`.
 */
export async function callMethod<
  P extends AsyncDisposable,
  Name extends Exclude<keyof P, symbol>,
>(
  proxy: P,
  name: Name,
  args: MethodArguments<P[Name]>,
  options: WaitOptions = {},
): Promise<MethodResult<P[Name]>> {
  return await callTarget(
    targetOf(proxy),
    String(name),
    args,
    options,
  ) as MethodResult<P[Name]>;
}

/**
 * The arguments of a method of a proxy.
 *
 * @typeParam Method The type of the method.
 */
export type MethodArguments<Method> = Method extends (...args: infer Args) => unknown ? Args
  : never;

/**
 * What a method of a proxy answers.
 *
 * @typeParam Method The type of the method.
 */
// deno-lint-ignore no-explicit-any -- every function, whatever its arguments
export type MethodResult<Method> = Method extends (...args: any[]) => infer Result ? Awaited<Result>
  : never;

/**
 * The names of the methods that a remote object has.
 *
 * @example Looking what is there
 * ```ts
 * import { BaseManager } from "@manyhands/concurrency/distributed";
 * import { exposedMethods } from "@manyhands/concurrency/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * class Adder {
 *   add(a: number, b: number): number {
 *     return a + b;
 *   }
 * }
 * const Manager = BaseManager.register("adder", { callable: () => new Adder() });
 * await using server = new Manager({ address: "127.0.0.1:0", authkey: "key" }).getServer();
 * await using manager = new Manager({ address: server.address, authkey: "key" });
 * await manager.connect();
 *
 * assertEquals(exposedMethods(await manager.adder()), ["add"]);
 * ```
 *
 * @param proxy The remote object.
 * @returns The names.
 * @throws {TypeError} When the object is no proxy.
 */
export function exposedMethods(proxy: object): string[] {
  return [...targetOf(proxy).object.methods];
}

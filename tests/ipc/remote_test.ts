import type { Queue } from "../../coroutine/mod.ts";
import type { Remote } from "../../ipc/mod.ts";

/** Whether two types are the same; a wrong `true` does not compile. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

function assertType<_T extends true>(): void {}

interface Thing {
  field: number;
  readonly accessor: number;
  add(a: number, b?: string): number;
  later(): Promise<string>;
  [Symbol.iterator](): Iterator<number>;
}

Deno.test("Remote has each method, answering a promise", () => {
  assertType<Same<Remote<Thing>["add"], (a: number, b?: string) => Promise<number>>>();
  assertType<Same<Remote<Thing>["later"], () => Promise<string>>>();
  assertType<Same<Awaited<ReturnType<Remote<Queue<number>>["get"]>>, number>>();
});

Deno.test("Remote has no fields, and no methods with symbols for names but its disposal", () => {
  assertType<Same<keyof Remote<Thing>, "add" | "later" | typeof Symbol.asyncDispose>>();
  assertType<Same<Extract<keyof Remote<Queue<number>>, "maxSize">, never>>();
});

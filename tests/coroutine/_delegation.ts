import { coroutine } from "../../coroutine/mod.ts";

/** What a delegate is made of. */
export type Sub<Yielded, Returned = void> = () => Generator<Yielded, Returned, unknown>;

/** What is delegated to. */
export type Delegate<Yielded, Returned> = Iterable<Yielded, Returned, unknown>;

/** Tests the same with a bare generator and a coroutine as the delegate. */
export function testBoth(
  title: string,
  test: (
    delegate: <Yielded, Returned>(sub: Sub<Yielded, Returned>) => Delegate<Yielded, Returned>,
  ) => void,
): void {
  Deno.test(title, () => {
    test((sub) => sub());
    test((sub) => coroutine(sub)());
  });
}

/** Throws, where an expression is needed. */
export function fail(error: unknown): never {
  throw error;
}

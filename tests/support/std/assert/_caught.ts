/** What a function throws, as an error; an error of its own if it throws nothing. */
export function caught(fn: () => unknown): Error {
  try {
    fn();
  } catch (error) {
    return error as Error;
  }
  throw new Error("Nothing was thrown");
}

/** The message of what a function throws, without colors. */
export function messageOf(fn: () => unknown): string {
  // deno-lint-ignore no-control-regex
  return caught(fn).message.replace(/\x1b\[\d+m/g, "");
}

/** Throws unless two values are the same: the tests of assertions cannot rest on assertions. */
export function same(actual: unknown, expected: unknown): void {
  if (Object.is(actual, expected)) return;
  throw new Error(`Got ${Deno.inspect(actual)}, wanted ${Deno.inspect(expected)}`);
}

import { caught, same } from "./_caught.ts";
import { assert } from "./assert.ts";
import { AssertionError } from "./assertion_error.ts";

Deno.test("assert() accepts truthy values and throws at falsy ones", () => {
  for (const value of [true, 1, "0", {}]) assert(value);
  for (const value of [false, 0, "", null, undefined, NaN]) {
    const error = caught(() => assert(value, "why"));
    same(error instanceof AssertionError, true);
    same(error.message, "why");
  }
});

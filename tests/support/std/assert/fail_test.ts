import { caught, messageOf, same } from "./_caught.ts";
import { AssertionError } from "./assertion_error.ts";
import { fail } from "./fail.ts";

Deno.test("fail() throws always", () => {
  same(caught(() => fail()) instanceof AssertionError, true);
  same(messageOf(() => fail()), "Failed assertion.");
  same(messageOf(() => fail("why")), "Failed assertion: why");
});

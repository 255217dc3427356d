import { messageOf, same } from "./_caught.ts";
import { assertLess } from "./less.ts";

Deno.test("assertLess() accepts only a lesser value", () => {
  assertLess(1, 2);
  same(messageOf(() => assertLess(1, 1)), "Expect 1 < 1");
  same(messageOf(() => assertLess("b", "a", "why")), "why");
});

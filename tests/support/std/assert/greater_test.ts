import { messageOf, same } from "./_caught.ts";
import { assertGreater } from "./greater.ts";

Deno.test("assertGreater() accepts only a greater value", () => {
  assertGreater(2, 1);
  same(messageOf(() => assertGreater(1, 1)), "Expect 1 > 1");
  same(messageOf(() => assertGreater("a", "b", "why")), "why");
});

import { messageOf, same } from "./_caught.ts";
import { assertMatch } from "./match.ts";

Deno.test("assertMatch() accepts only a text with a match", () => {
  assertMatch("abc", /b/);
  same(messageOf(() => assertMatch("abc", /d/)), 'Expected actual: "abc" to match: "/d/".');
  same(
    messageOf(() => assertMatch("abc", /d/, "why")),
    'Expected actual: "abc" to match: "/d/": why',
  );
});

import { messageOf, same } from "./_caught.ts";
import { assertStringIncludes } from "./string_includes.ts";

Deno.test("assertStringIncludes() accepts only a text with the part", () => {
  assertStringIncludes("abc", "bc");
  same(
    messageOf(() => assertStringIncludes("abc", "d")),
    'Expected actual: "abc" to contain: "d".',
  );
});

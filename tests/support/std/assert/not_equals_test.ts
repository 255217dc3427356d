import { messageOf, same } from "./_caught.ts";
import { assertNotEquals } from "./not_equals.ts";

Deno.test("assertNotEquals() accepts only values that are not deeply equal", () => {
  assertNotEquals({ a: 1 }, { a: 2 });
  same(
    messageOf(() => assertNotEquals([1], [1], "why")),
    "Expected actual: [\n  1,\n] not to be: [\n  1,\n]: why",
  );
});

import { messageOf, same } from "./_caught.ts";
import { assertStrictEquals } from "./strict_equals.ts";

Deno.test("assertStrictEquals() accepts only the same value", () => {
  const object = {};
  assertStrictEquals(object, object);
  assertStrictEquals(NaN, NaN);
  same(
    messageOf(() => assertStrictEquals(0, -0)),
    "Values are not strictly equal.\n\n\n    [Diff] Actual / Expected\n\n\n-   0\n+   -0\n",
  );
});

Deno.test("assertStrictEquals() says so of equal objects that are not the same", () => {
  same(
    messageOf(() => assertStrictEquals({ a: 1 }, { a: 1 }, "why")),
    "Values have the same structure but are not reference-equal: why\n\n" +
      "    {\n      a: 1,\n    }\n",
  );
});

import { caught, messageOf, same } from "./_caught.ts";
import { AssertionError } from "./assertion_error.ts";
import { assertEquals } from "./equals.ts";

const HEAD = "\n\n\n    [Diff] Actual / Expected\n\n\n";

Deno.test("assertEquals() accepts equal values", () => {
  assertEquals({ a: [1] }, { a: [1] });
});

Deno.test("assertEquals() shows a diff of two objects", () => {
  same(caught(() => assertEquals<unknown>(1, 2)) instanceof AssertionError, true);
  same(
    messageOf(() => assertEquals<unknown>({ a: 1, b: "x" }, { b: "x", a: [2] })),
    `Values are not equal.${HEAD}` +
      `    {\n+     a: [\n+       2,\n+     ],\n-     a: 1,\n      b: "x",\n    }\n`,
  );
});

Deno.test("assertEquals() shows a diff of two texts by lines", () => {
  same(
    messageOf(() => assertEquals("one\ntwo\tz", "one\ntwo z", "told")),
    `Values are not equal: told${HEAD}    one\\n\n-   two\\tz\n+   two z\n\n`,
  );
});

Deno.test("assertEquals() marks the differing words of a line", { ignore: Deno.noColor }, () => {
  const { message } = caught(() => assertEquals("an apple", "an onion"));
  same(message.includes("\x1b[41m\x1b[37mapple\x1b[31m\x1b[49m"), true);
  same(message.includes("\x1b[42m\x1b[37monion\x1b[32m\x1b[49m"), true);
  same(message.includes("\x1b[37man"), false);
});

import { assertEquals } from "@std/assert";
import { withoutStandIns } from "./jsr_config.ts";

Deno.test("withoutStandIns() takes the workspace away, and nothing else", () => {
  const config = { name: "@a/b", imports: { "@std/async": "jsr:@std/async@^1" } };
  const text = JSON.stringify({ ...config, workspace: ["./tests/support/std/async"] });
  assertEquals(JSON.parse(withoutStandIns(text)), config);
});

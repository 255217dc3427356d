import { assertEquals } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest("examples/twisted_like.ts fires callbacks, and echoes lines over TCP", async () => {
  const { code, stdout, stderr } = await runExample("twisted_like");
  assertEquals(stderr, "");
  assertEquals(code, 0);
  assertEquals(stdout.split("\n"), [
    "errback: not a number",
    "callback: 0",
    "echo: hello",
    "echo: how are you",
    "echo: What a nice day",
    "echo: ",
    "the server has ended",
    "",
  ]);
});

import { assertEquals } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest("examples/pipe.ts asks a child, and ends it by closing the pipe", async () => {
  const { code, stdout, stderr } = await runExample("pipe");
  assertEquals(stderr, "");
  assertEquals(code, 0);
  assertEquals(stdout.trimEnd().split("\n"), [
    "Child: ready",
    "Parent: hello, Ada",
    "Parent: hello, Grace",
    "Parent: hello, Barbara",
    "Child: the other end was closed",
    "Parent: the child has ended with exit code 0",
  ]);
});

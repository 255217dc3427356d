import { assertEquals } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest("examples/shared_memory.ts squares an array that two processes share", async () => {
  const { code, stdout, stderr } = await runExample("shared_memory");
  assertEquals(stderr, "");
  assertEquals(code, 0);
  assertEquals(stdout.split("\n"), [
    "Worker 0: 500000 squared",
    "Worker 1: 500000 squared",
    "The last number: 999998000001",
    "",
  ]);
}, { ignore: Deno.build.os === "windows" });

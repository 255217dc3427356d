import { assert, assertEquals, assertMatch } from "@std/assert";
import { findUsage } from "../../examples/subprocess_parse.ts";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

const UNIX = { ignore: Deno.build.os === "windows" };

leakTest(
  "examples/subprocess_call.ts prints what the program prints, and its exit code",
  async () => {
    const { code, stdout, stderr } = await runExample("subprocess_call");
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^\$ uname -s\n\w+\nExit code: 0\n$/);
  },
  UNIX,
);

leakTest(
  "examples/subprocess_communicate.ts decodes the output, and has the exit code",
  async () => {
    const { code, stdout, stderr } = await runExample("subprocess_communicate");
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout, "$ sort -u\napple\npear\nquince\nExit code: 0\n");
  },
  UNIX,
);

leakTest("examples/subprocess_parse.ts takes a number out of the output", async () => {
  const { code, stdout, stderr } = await runExample("subprocess_parse");
  assertEquals([code, stderr], [0, ""]);
  const percent = Number(/^The disk is (\d+) % full\.\n$/.exec(stdout)?.[1]);
  assert(percent >= 0 && percent <= 100, stdout);
}, UNIX);

Deno.test("findUsage() finds the number in the table of df", () => {
  const table = "Filesystem 1024-blocks Used Available Capacity Mounted on\n" +
    "/dev/vda1 30298176 12345678 16888888 43% /\n";
  assertEquals(findUsage(table), 43);
  assertEquals(findUsage("df: no such directory\n"), undefined);
});

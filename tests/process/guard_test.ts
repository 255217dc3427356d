import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Process, ProcessStateError } from "../../process/mod.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";

const NO_GUARD = new URL("fixtures/no_guard.ts", import.meta.url);
const GUARDED = new URL("fixtures/guarded.ts", import.meta.url);

/**
 * The processes of the program: each one that imports the module prints a line, and standard output
 * ends when all of them have ended.
 */
async function runToEnd(
  url: URL,
  args: string[] = [],
): Promise<{ imports: number; results: string[]; code: number; stderr: string }> {
  await using program = await startProgram(url, { flags: ["--allow-all"], args });
  const lines = await Array.fromAsync(program.stdout);
  const { code } = await program.status;
  const imports = lines.filter((line) => line.startsWith("READY"));
  const results = lines.filter((line) => line.startsWith("result"));
  return { imports: 1 + imports.length, results, code, stderr: program.stderr };
}

leakTest("Process: a module with the guard is imported once by the child", async () => {
  const { imports, results, code } = await runToEnd(GUARDED);
  assertEquals(imports, 2);
  assertEquals(results, ["result 49"]);
  assertEquals(code, 0);
});

leakTest(
  "Process: a module without the guard ends with a clear error, and after one child [cpython: TestNoForkBomb.test_noforkbomb]",
  async () => {
    const { imports, results, code, stderr } = await runToEnd(NO_GUARD, ["await"]);
    assertEquals(imports, 2);
    assertEquals(results, []);
    assertNotEquals(code, 0);
    assertStringIncludes(stderr, "ProcessStateError: Cannot start Process-1:1");
    assertStringIncludes(stderr, "Put what starts processes under `if (import.meta.main)`");
  },
);

leakTest("Process: a module without the guard that does not await the start", async () => {
  const { imports, code, stderr } = await runToEnd(NO_GUARD);
  assertEquals(imports, 2);
  assertNotEquals(code, 0);
  assertStringIncludes(stderr, "Put what starts processes under `if (import.meta.main)`");
});

leakTest("Process: a module without the guard cannot make a pool in the child", async () => {
  await using child = new Process({
    module: new URL("fixtures/pool_at_import.ts", import.meta.url),
    target: "work",
    stderr: "null",
  });
  await assertRejects(
    () => child.start(),
    ProcessStateError,
    "Cannot create a pool: a child process is still importing this module. Put what starts",
  );
});

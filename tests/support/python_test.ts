import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { leakTest } from "./leaks.ts";
import { pythonAvailable, runPython, startPython } from "./python.ts";

const ignore = !await pythonAvailable();

leakTest("runPython() runs a program to its end", async () => {
  const result = await runPython(
    "import sys\nprint(sys.argv[1:])\nprint('oh', file=sys.stderr)\nsys.exit(2)",
    { args: ["a", "b"] },
  );
  assertEquals([result.code, result.stdout.trim()], [2, "['a', 'b']"]);
  assertStringIncludes(result.stderr, "oh");
}, { ignore });

leakTest("runPython() ends a program that takes too long", async () => {
  const code = "import sys, time\nprint('slow', file=sys.stderr, flush=True)\ntime.sleep(1000)";
  const run = (): Promise<unknown> => runPython(code, { timeoutMs: 1_000 });
  const { message, cause } = await assertRejects(run, Error);
  assertStringIncludes(message, "slow");
  assertStringIncludes(String(cause), "Waited 1000 ms for Python to end");
}, { ignore });

leakTest("startPython() talks with a program, line by line", async () => {
  const code = "import sys\nprint('READY', 5)\nfor line in sys.stdin: print(line.strip() * 2)";
  await using program = await startPython(code);
  assertEquals(program.ready, "5");
  await program.send("ab");
  assertEquals(await program.nextLine(), "abab");
  await program.closeInput();
  assertEquals((await program.status).code, 0);
}, { ignore });

import { assertEquals, assertMatch } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest("examples/process.ts prints parent, child and end, in that order", async () => {
  const { code, stdout, stderr } = await runExample("process");
  assertEquals(stderr, "");
  assertEquals(code, 0);
  const match =
    /^Parent process (\d+)\.\nChild process will start\.\nRun child process test \((\d+)\)\.\.\.\nChild process end\.\n$/
      .exec(stdout);
  assertMatch(stdout, /^Parent process/);
  assertEquals(match === null, false, stdout);
  assertEquals(match![1] === match![2], false, "parent and child have one pid");
});

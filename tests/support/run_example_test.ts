import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { basename, delimiter, dirname, join } from "node:path";
import { withDenoOnPath } from "./deno_on_path.ts";
import { parseCommand, runExample } from "./run_example.ts";

const ECHO = "tests/support/fixtures/echo";

Deno.test("parseCommand() reads flags, file and arguments from the first line only", () => {
  assertEquals(parseCommand("// deno run --allow-run=deno -R examples/a.ts --count 3\n\n"), {
    flags: ["--allow-run=deno", "-R"],
    file: "examples/a.ts",
    args: ["--count", "3"],
  });
  assertEquals(parseCommand("// deno run examples/a.ts\r\n")?.flags, []);
  assertEquals(parseCommand("\n// deno run examples/a.ts"), undefined);
  assertEquals(parseCommand("// deno run --allow-net"), undefined);
});

Deno.test("runExample() runs the example with the permissions of its first line, and no others", async () => {
  const { code, stdout, stderr } = await runExample(ECHO, {
    env: { GREETING: "hello" },
    input: "typed",
  });
  assertStringIncludes(stderr, "to standard error");
  assertEquals(JSON.parse(stdout), {
    args: ["one", "two"],
    greeting: "hello",
    input: "typed",
    child: Deno.version.deno,
    read: "prompt",
    run: "granted",
  });
  assertEquals(code, 0);
});

Deno.test("runExample() takes other arguments and answers the exit code", async () => {
  const { code, stdout } = await runExample(`${ECHO}.ts`, { args: ["fail"] });
  assertEquals([code, JSON.parse(stdout).args], [1, ["fail"]]);
});

Deno.test("runExample() does not mind input that is not read", async () => {
  const { code } = await runExample(ECHO, { input: "" });
  assertEquals(code, 0);
});

Deno.test("runExample() ends an example that takes too long, and shows what it wrote", async () => {
  const run = (): Promise<unknown> => runExample(ECHO, { args: ["wait"], timeoutMs: 1_000 });
  const { message } = await assertRejects(run, Error);
  assertStringIncludes(message, `Waited 1000 ms for ${ECHO}.ts to end`);
  assertStringIncludes(message, "waits");
});

Deno.test("runExample() refuses a file that does not state its command", async () => {
  await assertRejects(() => runExample("tests/support/gate"), Error, "its first line is not");
});

Deno.test("withDenoOnPath() puts the folder of the running deno first", () => {
  const deno = join("folder", "deno");
  assertEquals(withDenoOnPath({ PATH: "a", B: "b" }, deno), {
    PATH: `folder${delimiter}a`,
    B: "b",
  });
  assertEquals(withDenoOnPath({ A: "a" }, join("folder", "program")), { A: "a" });
  const executable = Deno.execPath();
  if (/^deno/.test(basename(executable))) {
    assert(withDenoOnPath().PATH?.startsWith(dirname(executable) + delimiter));
  }
});

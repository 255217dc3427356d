import { assertEquals } from "@std/assert";
import { findExampleProblems } from "./_examples.ts";
import { assertNoProblems } from "./_problem.ts";
import { listFiles, PROJECT_ROOT } from "./_project.ts";

const COMMAND = "// deno run --allow-run=deno --allow-net=127.0.0.1 examples/pool.ts";
const TEST = 'Deno.test("a", async () => { await runExample("pool"); });';

function messages(text: string, test: string = TEST, path = "examples/pool.ts"): string[] {
  return findExampleProblems(new Map([[path, text]]), new Map([["tests/examples/a_test.ts", test]]))
    .map(({ message }) => message);
}

Deno.test("findExampleProblems() accepts an example with its command and a test", () => {
  assertEquals(messages(`${COMMAND}\nconsole.log(1);\n`), []);
  assertEquals(messages(`${COMMAND} --count 3\r\nconsole.log(1);\r\n`), []);
  assertEquals(messages("// deno run examples/pool.ts\n"), []);
  assertEquals(messages(COMMAND, "runExample('pool.ts')"), []);
  assertEquals(messages(COMMAND, "startProgram(`${root}/examples/pool.ts`)"), []);
});

Deno.test("findExampleProblems() tells an example without its command", () => {
  const expected = ["must begin with its command: // deno run <permissions> examples/pool.ts"];
  assertEquals(messages("console.log(1);\n"), expected);
  assertEquals(messages(`\n${COMMAND}\n`), expected);
  assertEquals(messages("// deno run --allow-net\n"), expected);
  assertEquals(messages("// deno test examples/pool.ts\n"), expected);
});

Deno.test("findExampleProblems() tells a command that names another file", () => {
  assertEquals(messages("// deno run examples/queue.ts\n"), ["states the file examples/queue.ts"]);
});

Deno.test("findExampleProblems() tells a command that allows everything", () => {
  for (const flag of ["-A", "--allow-all"]) {
    assertEquals(
      messages(`// deno run ${flag} examples/pool.ts\n`),
      ["must state the permissions one by one"],
    );
  }
});

Deno.test("findExampleProblems() tells an example that no test mentions", () => {
  const expected = ["is mentioned by no test in tests/examples/"];
  assertEquals(messages(COMMAND, "// the pool is not tested"), expected);
  assertEquals(messages(COMMAND, 'runExample("pool_callback")'), expected);
  assertEquals(messages(COMMAND, 'runExample("thread_pool")'), expected);
});

Deno.test("findExampleProblems() leaves out files that are no examples", () => {
  assertEquals(messages("", "", "examples/_tax.ts"), []);
  assertEquals(messages("", "", "examples/data/users.csv"), []);
});

Deno.test("every example of the project states its permissions and has a test", async () => {
  assertNoProblems(
    findExampleProblems(await readTexts("examples"), await readTexts("tests/examples")),
  );
});

async function readTexts(folder: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const file of await listFiles(folder)) {
    if (file.endsWith(".ts")) {
      texts.set(file, await Deno.readTextFile(new URL(file, PROJECT_ROOT)));
    }
  }
  return texts;
}

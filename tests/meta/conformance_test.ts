import { assertEquals, assertGreater } from "@std/assert";
import { assess, findUnfinished, readCitations } from "../conformance/assessment.ts";
import { parseLists, readListTexts } from "../conformance/lists.ts";
import { readStrings } from "../conformance/string_literals.ts";
import { assertNoProblems } from "./_problem.ts";
import { listFiles, PROJECT_ROOT, runDeno } from "./_project.ts";

Deno.test("every title names a test of CPython that is in the list, in the agreed form", async () => {
  const { citations, problems } = await readCitations();
  assertGreater(citations.length, 50);
  assertNoProblems([...problems, ...assess(parseLists(await readListTexts()), citations).problems]);
});

Deno.test("every primitive that is finished has a test or a reason for each behaviour", async () => {
  const { citations } = await readCitations();
  assertNoProblems(findUnfinished(assess(parseLists(await readListTexts()), citations).rows));
});

Deno.test("the list has all of the tests that it was drawn from", async () => {
  const { behaviours } = parseLists(await readListTexts());
  const count = (...marks: string[]) =>
    behaviours.filter(({ mark }) => marks.includes(mark)).length;
  assertEquals([count("as-is", "adapted"), count("no")], [884, 280]);
});

Deno.test("deno task conformance needs no more than leave to read the tests", async () => {
  const table = await runDeno(["task", "--quiet", "conformance"]);
  const [head = "", ...rows] = table.trimEnd().split("\n");
  assertEquals(head.split(/ {2,}/), ["primitive", "topics", "covered", "explained", "open"]);
  assertEquals(rows.at(-1)?.startsWith("all "), true);
});

// The titles are as good as the reader of strings. Under `deno test` there is a parser to compare it with;
// the parser passes over some default values, so that the reader finds a few strings more.
Deno.test("readStrings() finds all that the runtime's own parser finds in our tests", async () => {
  for (const path of await listFiles("tests")) {
    if (!path.endsWith(".ts")) continue;
    const source = await Deno.readTextFile(new URL(path, PROJECT_ROOT));
    const mine = new Map(readStrings(source).map(({ index, before }) => [index, before]));
    const theirs = findStringsByParser(path, source);
    assertEquals(theirs.filter((index) => !mine.has(index)), [], path);
    const more = [...mine.keys()].filter((index) => !theirs.includes(index));
    assertEquals(more.filter((index) => !mine.get(index)?.endsWith("=")), [], path);
  }
});

/** Where the strings and templates of a program begin. */
function findStringsByParser(path: string, source: string): number[] {
  const found: number[] = [];
  const add = (node: Deno.lint.Node) => {
    found.push(node.range[0]);
  };
  const plugin: Deno.lint.Plugin = {
    name: "strings",
    rules: {
      find: {
        create: () => ({
          Literal(node) {
            if (typeof node.value === "string") add(node);
          },
          TemplateLiteral: add,
          TSTemplateLiteralType: add,
        }),
      },
    },
  };
  Deno.lint.runPlugin(plugin, path, source);
  return found.sort((a, b) => a - b);
}

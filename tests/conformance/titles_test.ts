import { assertEquals } from "@std/assert";
import { findCitations } from "./titles.ts";

const PATH = "tests/a_test.ts";

function names(source: string): string[] {
  const { citations, problems } = findCitations(PATH, source);
  assertEquals(problems, []);
  return citations.map(({ name }) => name);
}

function problems(source: string): string[] {
  return findCitations(PATH, source).problems.map(({ where, message }) => `${where}: ${message}`);
}

Deno.test("findCitations() finds the name at the end of a title", () => {
  assertEquals(names('Deno.test("a does b [cpython: A.test_b]", () => {});'), ["A.test_b"]);
  assertEquals(names("Deno.test('a [cpython: _A.test__b]', f);"), ["_A.test__b"]);
  assertEquals(names('leakTest("a [cpython: a.B.test_c]", f);'), ["a.B.test_c"]);
  assertEquals(names('Deno.test({ name: "a [cpython: coroutine_tests.close-twice]", fn });'), [
    "coroutine_tests.close-twice",
  ]);
});

Deno.test("findCitations() finds several names", () => {
  assertEquals(names('Deno.test("a [cpython: A.test_b, C.test_d]", f);'), ["A.test_b", "C.test_d"]);
});

Deno.test("findCitations() finds names in templates", () => {
  assertEquals(names("Deno.test(`${name}.get() waits [cpython: A.test_b]`, f);"), ["A.test_b"]);
  assertEquals(names('Deno.test(`${f("x")} waits [cpython: A.test_b]`, f);'), ["A.test_b"]);
});

Deno.test("findCitations() finds a title that is passed on", () => {
  assertEquals(names('const title = "a [cpython: A.test_b]";'), ["A.test_b"]);
  assertEquals(names('Deno.test("a " +\n  "b [cpython: A.test_b]", f);'), ["A.test_b"]);
});

Deno.test("findCitations() says where", () => {
  const source = '\n/*\n*/ Deno.test(\n  "a [cpython: A.test_b]",\n  f,\n);';
  assertEquals(findCitations(PATH, source).citations, [
    { name: "A.test_b", where: "tests/a_test.ts:4" },
  ]);
});

Deno.test("findCitations() passes over comments and tests that do not run", () => {
  assertEquals(names('// Deno.test("a [cpython: A.test_b]", f);'), []);
  assertEquals(names('Deno.test.ignore("a [cpython: A.test_b]", f);'), []);
  assertEquals(names('Deno.test.only("a [cpython: A.test_b]", f);'), ["A.test_b"]);
});

Deno.test("findCitations() tells titles that are not in the agreed form", () => {
  const bad = [
    "a [cpython A.test_b]",
    "a [CPython: A.test_b]",
    "a [cpython: A.test_b] ",
    "a [cpython: A.test_b] and so on",
    "a[cpython: A.test_b]",
    "[cpython: A.test_b]",
    "a [cpython:A.test_b]",
    "a [cpython: A.test_b,C.test_d]",
    "a [cpython: A.test_b, ]",
    "a [cpython: test_b]",
    "a [cpython: ]",
    "a [cpython: A.test_b",
    "a [cpyhton: A.test_b]",
    "a [A.test_b]",
  ];
  for (const title of bad) {
    const expected = [`${PATH}:1: "${title}" must end with " [cpython: Class.test_name]"`];
    assertEquals(problems(`Deno.test("${title}", f);`), expected);
    assertEquals(problems(`Deno.test({ name: '${title}', f });`), expected);
  }
  assertEquals(problems("Deno.test(`a [cpython: ${name}]`, f);").length, 1);
});

Deno.test("findCitations() leaves other strings alone", () => {
  assertEquals(names('Deno.test("a [b] c", f); g("test_a", "[cpython: x] y");'), []);
});

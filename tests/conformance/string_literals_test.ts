import { assertEquals } from "@std/assert";
import { readStrings } from "./string_literals.ts";

function texts(source: string): string[] {
  return readStrings(source).map(({ text }) => text);
}

Deno.test("readStrings() finds strings of all three kinds", () => {
  assertEquals(texts(`f("a", 'b', \`c\`, "", 'it "is"', \`d\ne\`)`), [
    "a",
    "b",
    "c",
    "",
    'it "is"',
    "d\ne",
  ]);
});

Deno.test("readStrings() takes a quote after a backslash as a part of the string", () => {
  assertEquals(texts(String.raw`f("a \" b", 'c \' d', "e \\", "f")`), [
    'a " b',
    "c ' d",
    "e \\",
    "f",
  ]);
  assertEquals(texts("f(`a \\` b \\${c} d`)"), ["a ` b ${c} d"]);
});

Deno.test("readStrings() finds strings in the expressions of templates", () => {
  assertEquals(texts('`a ${b ? `c ${"d"}` : { e: "f" }} g ${h} i`; "j"'), [
    "a ${} g ${} i",
    "c ${}",
    "d",
    "f",
    "j",
  ]);
});

Deno.test("readStrings() passes over comments", () => {
  assertEquals(texts('// "a"\nf("b" /* "c" */, "http://d"); /* \' */ "e"; // it\'s'), [
    "b",
    "http://d",
    "e",
  ]);
});

Deno.test("readStrings() tells a regular expression from a division", () => {
  assertEquals(texts(`f(/"/, "a"); x = /['"\`/]+/g; "b"`), ["a", "b"]);
  assertEquals(texts(`return /"/.test("a")`), ["a"]);
  assertEquals(texts(`x = y / 2; "a"; z = (1) / 2; "b"; w = v[0] / 2; "c"`), ["a", "b", "c"]);
  assertEquals(texts(`x => /'/; "a"`), ["a"]);
  assertEquals(texts(String.raw`x = /\//; "a"; y = /[\]"]/; "b"`), ["a", "b"]);
  assertEquals(texts(`x = "a" / 2; "b"`), ["a", "b"]);
  assertEquals(texts("`${a}` / 2; `b`"), ["${}", "b"]);
});

Deno.test("readStrings() says what stands before", () => {
  const before = (source: string) => readStrings(source).at(-1)?.before;
  assertEquals(before('Deno.test( "a")'), "Deno.test(");
  assertEquals(before('Deno.test(\n  /* why */\n  "a")'), "Deno.test(");
  assertEquals(before('{ name: "a" }'), "{name:");
  assertEquals(before("f(`a ${b} c`)"), "f(");
  assertEquals(before('"a" + "b"'), '"+');
  assertEquals(before('const text = "a"'), "const text =");
});

Deno.test("readStrings() reads on after what no program has", () => {
  assertEquals(texts('it\'s\n"a"'), ["s", "a"]);
  assertEquals(texts('} "a" } "b"'), ["a", "b"]);
  assertEquals(texts('`a ${ "b"'), ["a ${}", "b"]);
  assertEquals(texts('"a" /* '), ["a"]);
  assertEquals(texts('"a\\'), ["a"]);
  assertEquals(texts(""), []);
});

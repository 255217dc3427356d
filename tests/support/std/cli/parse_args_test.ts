import { assertEquals, assertThrows } from "@std/assert";
import { type Args, parseArgs, type ParseOptions } from "./parse_args.ts";

/** Compiles only where both types are the same. */
function assertSameType<A, B>(
  _same: (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false,
): void {}

Deno.test("parseArgs() reads long and short options, numbers and the rest", () => {
  assertEquals<unknown>(
    parseArgs([
      "-ab",
      "-n5",
      "-v",
      "x",
      "--foo",
      "--bar=1",
      "--baz",
      "text",
      "7",
      "-",
      "--",
      "--end",
    ]),
    { a: true, b: true, n: 5, v: "x", foo: true, bar: 1, baz: "text", _: [7, "-", "--end"] },
  );
});

Deno.test("parseArgs() takes no value for a boolean option but true and false", () => {
  const options = { boolean: ["foo", "bar"] } as const;
  assertEquals<unknown>(parseArgs(["--foo", "x"], options), { foo: true, bar: false, _: ["x"] });
  assertEquals<unknown>(parseArgs(["--foo", "false", "--bar=false"], options), {
    foo: false,
    bar: false,
    _: [],
  });
  assertEquals<unknown>(parseArgs(["--any", "x"], { boolean: true }), { any: true, _: ["x"] });
});

Deno.test("parseArgs() leaves the value of a string option a string", () => {
  assertEquals<unknown>(parseArgs(["--foo", "01", "--bar"], { string: ["foo", "bar"] }), {
    foo: "01",
    bar: "",
    _: [],
  });
  assertEquals<unknown>(parseArgs(["1"], { string: "_" })._, ["1"]);
});

Deno.test("parseArgs() collects the values of a repeated option", () => {
  const options = { collect: ["foo", "bar"], string: ["bar"] } as const;
  assertEquals<unknown>(parseArgs(["--foo=1", "--foo=a"], options), {
    foo: [1, "a"],
    bar: [],
    _: [],
  });
  assertEquals(parseArgs(["--foo=1", "--foo=2"]).foo, 2);
});

Deno.test("parseArgs() negates only a negatable option", () => {
  assertEquals<unknown>(parseArgs(["--no-foo", "--no-bar"], { negatable: ["foo"] }), {
    foo: false,
    "no-bar": true,
    _: [],
  });
});

Deno.test("parseArgs() sets an option under all its names", () => {
  const options = { alias: { foo: ["f", "oo"] } };
  assertEquals<unknown>(parseArgs(["-f", "1"], options), { foo: 1, f: 1, oo: 1, _: [] });
  assertThrows(
    () => parseArgs([], { alias: { h: undefined } }),
    TypeError,
    "Alias value must be defined",
  );
});

Deno.test("parseArgs() puts dotted names and defaults into nested objects", () => {
  const options = { default: { "a.c": 2, "a.b": 3, d: 4 }, alias: { d: "e" } };
  assertEquals<unknown>(parseArgs(["--a.b=1"], options), {
    a: { b: 1, c: 2 },
    d: 4,
    e: 4,
    _: [],
  });
});

Deno.test("parseArgs() sets what follows two dashes apart if told so", () => {
  assertEquals<unknown>(parseArgs(["a", "--", "-b", "1"], { "--": true }), {
    _: ["a"],
    "--": ["-b", "1"],
  });
});

Deno.test("parseArgs() stops at the first argument without an option if told so", () => {
  assertEquals<unknown>(parseArgs(["-a", "--b=1", "x", "--c"], { stopEarly: true, boolean: "a" }), {
    a: true,
    b: 1,
    _: ["x", "--c"],
  });
});

Deno.test("parseArgs() asks about what is not declared", () => {
  const asked: unknown[][] = [];
  const unknown = (...question: unknown[]) => {
    asked.push(question);
    return question[0] === "--keep";
  };
  assertEquals<unknown>(
    parseArgs(["--keep", "--foo=1", "--bar=2", "x"], { unknown, string: "foo" }),
    {
      keep: true,
      foo: "1",
      _: [],
    },
  );
  assertEquals(asked, [["--keep", "keep", true], ["--bar=2", "bar", "2"], ["x"]]);
});

Deno.test("parseArgs() does not touch what all objects share", () => {
  parseArgs(["--__proto__.bad=1", "--constructor.prototype.bad=1"]);
  assertEquals(({} as Record<string, unknown>).bad, undefined);
});

Deno.test("parseArgs() infers the types of the options", () => {
  const args = parseArgs([], {
    boolean: ["flag", "deep.flag"],
    string: ["text", "deep.text", "list", "maybe", "set"],
    collect: ["list", "any"],
    negatable: ["maybe"],
    default: { set: 1 },
    alias: { flag: ["f"], text: "t" },
    "--": true,
  });
  assertSameType<typeof args.flag, boolean>(true);
  assertSameType<typeof args.f, boolean>(true);
  assertSameType<typeof args.text, string | undefined>(true);
  assertSameType<typeof args.t, string | undefined>(true);
  assertSameType<typeof args.deep, { flag: boolean; text?: string }>(true);
  assertSameType<typeof args.list, string[]>(true);
  assertSameType<typeof args.any, unknown[]>(true);
  assertSameType<typeof args.maybe, string | false | undefined>(true);
  assertSameType<typeof args.set, string | number>(true);
  assertSameType<typeof args._, (string | number)[]>(true);
  assertSameType<(typeof args)["--"], string[]>(true);
  assertSameType<typeof args.other, unknown>(true);
  assertEquals(args._, []);
});

Deno.test("parseArgs() types nothing where nothing is declared", () => {
  const options: ParseOptions = {};
  const args = parseArgs(["--foo=1"], options);
  const foo: string = parseArgs([]).foo;
  assertSameType<Args<{ a: 1 }, true>, { a: 1; _: (string | number)[]; "--": string[] }>(true);
  assertEquals([args.foo, foo], [1, undefined]);
});

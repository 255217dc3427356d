import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { pathToFileURL } from "node:url";
import { leakTest } from "../support/leaks.ts";
import { PROJECT_ROOT, ROOMS } from "../meta/_project.ts";
import { runCommandLine } from "./command_line.ts";
import { type Mutant, mutantsOf, mutate, StaleMutantError } from "./mutant.ts";
import { mutants } from "./mutants.ts";
import { chooseSample } from "./sample.ts";
import { readFailure } from "./tree.ts";

// The list

Deno.test("every mutant has its place in the code, and tests that exist", async () => {
  const stale: string[] = [];
  for (const mutant of mutants) {
    try {
      mutate(await Deno.readTextFile(new URL(mutant.file, PROJECT_ROOT)), mutant);
      for (const test of mutant.tests) await Deno.stat(new URL(test, PROJECT_ROOT));
    } catch (error) {
      if (!(error instanceof StaleMutantError || error instanceof Deno.errors.NotFound)) {
        throw error;
      }
      stale.push(error.message);
    }
  }
  assertEquals(
    stale,
    [],
    "The code has changed: write these mutants anew in tests/mutation/mutants",
  );
});

Deno.test("mutants are of all rooms, each with a name of its own, and change something", () => {
  const rooms = new Set(mutants.map(({ file }) => file.split("/")[0]!));
  assertEquals([...rooms].sort(), [...ROOMS].sort());
  const names = mutants.map(({ file, name }) => `${file} ${name}`);
  assertEquals(new Set(names).size, names.length);
  assertEquals(mutants.filter(({ before, after }) => before === after), []);
});

// Making them

const MUTANT: Mutant = { name: "off", file: "a.ts", before: "n < 3", after: "n <= 3", tests: [] };

Deno.test("mutate() replaces a text that occurs once, and tells the line", () => {
  assertEquals(mutate("a\nif (n < 3) $&\nb", MUTANT), { text: "a\nif (n <= 3) $&\nb", line: 2 });
  assertThrows(() => mutate("n < 4", MUTANT), StaleMutantError, "does not occur, must occur once");
  assertThrows(() => mutate("n < 3; n < 3", MUTANT), StaleMutantError, "occurs 2 times");
});

Deno.test("mutantsOf() names tests from their folder", () => {
  const [mutant] = mutantsOf("ipc/a.ts", ["ipc/a", "faults/b"], [["off", "1", "2"]]);
  assertEquals(mutant!.tests, ["tests/ipc/a_test.ts", "tests/faults/b_test.ts"]);
});

Deno.test("chooseSample() chooses the same for the same seed, in the order of the list", () => {
  const list = Array.from({ length: 50 }, (_, n) => n);
  const one = chooseSample(list, 10, 7);
  assertEquals([one.length, new Set(one).size], [10, 10]);
  assertEquals(one, one.toSorted((a, b) => a - b));
  assertEquals(chooseSample(list, 10, 7), one);
  assert(chooseSample(list, 10, 8).join() !== one.join());
  assertEquals(chooseSample(list, 100, 7), list);
  // Each is chosen sometimes.
  const seen = new Set(
    Array.from({ length: 60 }, (_, seed) => chooseSample(list, 10, seed)).flat(),
  );
  assertEquals(seen.size, 50);
});

Deno.test("readFailure() finds the first test that failed, or why none could run", () => {
  const output =
    "a ... FAILED\n\n FAILURES \n\na => b does c => ./tests/a_test.ts:3:6\nd => ./d.ts:1:1\n";
  assertEquals(readFailure(output, "error: Test failed"), "a => b does c");
  assertEquals(
    readFailure("", "Check a.ts\nerror: Uncaught SyntaxError: b\n  at c.ts\nd"),
    "error: Uncaught SyntaxError: b   at c.ts",
  );
});

// Running them

const CODE = `
export function isSmall(n: number): boolean {
  return n < 3;
}
export function count(to: number): number {
  let n = 0;
  while (n < to) n += 1;
  return n;
}
export const version = 1;
`;
const TESTS = `
import { count, isSmall } from "./code.ts";
Deno.test("isSmall() knows 3", () => {
  if (isSmall(3)) throw new Error("3 is not small");
});
Deno.test("count() counts", () => {
  if (count(3) !== 3) throw new Error("wrong");
});
`;

function mutantOf(name: string, before: string, after: string): Mutant {
  return { name, file: "code.ts", before, after, tests: ["code_test.ts"] };
}

const CAUGHT = mutantOf("3 is small", "n < 3", "n <= 3");
const HUNG = mutantOf("it does not count", "n += 1", "n += 0");
const SURVIVES = mutantOf("it is of another version", "version = 1", "version = 2");

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs mutants of a small project. */
async function run(
  list: readonly Mutant[],
  args: string[],
  { tests = TESTS, graceMs = 20_000 }: { tests?: string; graceMs?: number } = {},
): Promise<Outcome> {
  const folder = await Deno.makeTempDir();
  const printed: string[] = [];
  const complaints: string[] = [];
  try {
    await Deno.writeTextFile(`${folder}/deno.json`, "{}");
    await Deno.writeTextFile(`${folder}/code.ts`, CODE);
    await Deno.writeTextFile(`${folder}/code_test.ts`, tests);
    const code = await runCommandLine(args, {
      mutants: list,
      root: pathToFileURL(`${folder}/`),
      print: (line) => printed.push(line),
      complain: (line) => complaints.push(line),
      graceMs,
    });
    assertEquals(await Deno.readTextFile(`${folder}/code.ts`), CODE);
    return { code, out: printed.join("\n"), err: complaints.join("\n") };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

leakTest("runCommandLine() tells what was caught, what hung, and what survived", async () => {
  const { code, out } = await run([CAUGHT, HUNG, SURVIVES], ["--all", "--jobs", "2"], {
    graceMs: 2_000,
  });
  assertEquals(code, 1, out);
  assertMatch(out, /^caught +[\d.]+ s {2}code\.ts:3 {2}3 is small\n +by isSmall\(\) knows 3$/m);
  assertMatch(out, /^hung +[\d.]+ s {2}code\.ts:7 {2}it does not count\n +not over after \d+ s$/m);
  assertMatch(
    out,
    /^SURVIVED +[\d.]+ s {2}code\.ts:10 {2}it is of another version\n +code_test\.ts$/m,
  );
  assertMatch(out, /^2 of 3 were caught\nsurvived: code\.ts:10 {2}it is of another version$/m);
}, { ignore: Deno.build.os === "windows" });

leakTest("runCommandLine() ends with 0 when all were caught", async () => {
  const { code, out } = await run([CAUGHT], []);
  assertEquals(code, 0, out);
  assertMatch(out, /^1 of 1 mutants, --seed \d+\nWithout a change the 1 test files pass\ncaught /);
  assertMatch(out, /1 of 1 were caught$/);
});

leakTest(
  "runCommandLine() says nothing of mutants when tests fail anyhow, or the mutant is no code",
  async () => {
    const broken = await run([CAUGHT], [], { tests: 'Deno.test("a", () => { throw 1; });' });
    assertEquals(broken.code, 2);
    assertMatch(broken.err, /^code_test\.ts fails anyhow: a$/);
    const noCode = await run([mutantOf("no code", "n < 3", "n <")], []);
    assertEquals(noCode.code, 2);
    assertMatch(noCode.err, /^The mutant "no code" of code\.ts is no code: /);
  },
);

Deno.test("runCommandLine() lists mutants, and refuses what makes no sense", async () => {
  const listed = await run([CAUGHT, HUNG], ["--list"]);
  assertEquals([listed.code, listed.out], [
    0,
    "code.ts:3  3 is small\ncode.ts:7  it does not count",
  ]);
  const stale = await run([mutantOf("gone", "not there", "")], ["--list"]);
  assertEquals(stale.code, 2);
  assertMatch(stale.err, /^Cannot make the mutant "gone" of code\.ts: its text does not occur/);
  for (
    const [args, message] of [
      [["--count", "0"], /^Option --count is "0", must be a whole number of 1 or more$/],
      [["--seed", "x"], /^Option --seed is "x"/],
      [["--unknown"], /^Unknown option --unknown/],
      [["ipc"], /^There is no mutant of ipc; --list shows all$/],
    ] as const
  ) {
    const { code, err } = await run([CAUGHT], [...args]);
    assertEquals(code, 2);
    assertMatch(err, message);
  }
  assertMatch((await run([CAUGHT], ["--help"])).out, /^Usage: deno task mutate /);
});

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Assessment } from "./assessment.ts";
import { runCommandLine } from "./command_line.ts";

const SOUND: Assessment = {
  rows: [
    {
      primitive: { name: "yield from", rooms: ["coroutine"], isFinished: true },
      meaningful: 12,
      covered: 10,
      explained: 1,
      open: ["A.test_b"],
    },
    {
      primitive: { name: "Lock", rooms: ["coroutine", "thread"], isFinished: false },
      meaningful: 2,
      covered: 0,
      explained: 0,
      open: ["C.test_d", "C.test_e"],
    },
    {
      primitive: { name: "Timer", rooms: ["thread"], isFinished: false },
      meaningful: 1,
      covered: 1,
      explained: 0,
      open: [],
    },
  ],
  problems: [],
};

function run(
  args: readonly string[],
  assessment = SOUND,
): { code: number; printed: string[]; complaints: string[] } {
  const printed: string[] = [];
  const complaints: string[] = [];
  const code = runCommandLine(args, {
    assessment,
    print: (line) => printed.push(line),
    complain: (line) => complaints.push(line),
  });
  return { code, printed, complaints };
}

Deno.test("runCommandLine() prints a table with a total", () => {
  assertEquals(run([]), {
    code: 0,
    printed: [
      "primitive   topics             covered  explained  open",
      "yield from  coroutine          10 / 12          1     1",
      "Lock        coroutine, thread    0 / 2          0     2",
      "Timer       thread               1 / 1          0     0",
      "all                            11 / 15          1     3",
    ],
    complaints: [],
  });
});

Deno.test("runCommandLine() prints what is open", () => {
  const open = ["yield from: A.test_b", "Lock: C.test_d", "Lock: C.test_e"];
  assertEquals(run(["--open"]), { code: 0, printed: open, complaints: [] });
  assertEquals(run(["--open", "yield from"]).printed, open.slice(0, 1));
  assertEquals(run(["--open=Timer"]), { code: 0, printed: [], complaints: [] });
});

Deno.test("runCommandLine() prints what is open of one topic", () => {
  assertEquals(run(["--open", "thread"]).printed, ["Lock: C.test_d", "Lock: C.test_e"]);
});

Deno.test("runCommandLine() fails when a title or list is wrong", () => {
  const problems = [{ where: "tests/a_test.ts:1", message: "is wrong" }];
  for (const args of [[], ["--open"]]) {
    const { code, complaints } = run(args, { ...SOUND, problems });
    assertEquals([code, complaints], [1, ["tests/a_test.ts:1: is wrong"]]);
  }
});

Deno.test("runCommandLine() refuses what it does not know", () => {
  assertEquals(run(["--opne"]), {
    code: 2,
    printed: [],
    complaints: ["Unknown argument --opne; --help lists what is known"],
  });
  assertEquals(run(["Lock"]).code, 2);
  const { code, complaints } = run(["--open", "Lok"]);
  assertEquals([code, complaints.length], [2, 1]);
  assertStringIncludes(complaints[0]!, '"Lok"; the primitives are yield from, Lock, Timer');
});

Deno.test("runCommandLine() explains itself", () => {
  const { code, printed } = run(["--help"]);
  assertEquals(code, 0);
  assertStringIncludes(printed.join("\n"), "Usage: deno task conformance");
});

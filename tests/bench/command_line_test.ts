import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runCommandLine } from "../../bench/command_line.ts";
import type { Scenario } from "../../bench/harness.ts";
import type { Report } from "../../bench/report.ts";
import { fakePeer, fakeScenario } from "./fake_contestant.ts";

const SOUND = fakeScenario("queue seq", [
  fakePeer("peer", { seconds: [1, 4], goal: 3, versions: { python: "3.11.7" } }),
]);
const SHORT = fakeScenario("queue mpmc", [fakePeer("peer", { seconds: [1, 2], goal: 3 })]);
const BROKEN = fakeScenario("broken", [fakePeer("peer", { throwsIn: "run 1" })]);
const ABSENT = fakeScenario("absent", [fakePeer("peer", { unavailable: "no python3" })]);

interface Outcome {
  code: number;
  printed: string[];
  complaints: string[];
}

async function run(args: string[], scenarios: readonly Scenario[]): Promise<Outcome> {
  const printed: string[] = [];
  const complaints: string[] = [];
  const code = await runCommandLine(args, {
    scenarios,
    print: (line) => printed.push(line),
    complain: (line) => complaints.push(line),
  });
  return { code, printed, complaints };
}

// Runs

Deno.test("runCommandLine() prints a header, one line for each peer, and what a ratio is", async () => {
  const { code, printed } = await run([], [SOUND, ABSENT]);
  assertEquals(code, 0);
  assertEquals(printed.length, 4);
  assertStringIncludes(printed[0] ?? "", "ratio [min, max]");
  assertMatch(printed[1] ?? "", /^queue seq .* 4\.00× .* met$/);
  assertMatch(printed[2] ?? "", /^absent .* skipped: no python3$/);
  assertStringIncludes(printed[3] ?? "", "the peer's time / our time");
});

Deno.test("runCommandLine() exits with 0 when a goal was not met", async () => {
  const { code, printed } = await run([], [SHORT]);
  assertEquals(code, 0);
  assertMatch(printed[1] ?? "", /short$/);
});

Deno.test("runCommandLine() exits with 1 when a scenario failed, after the others", async () => {
  const { code, printed } = await run([], [BROKEN, SOUND]);
  assertEquals(code, 1);
  assertMatch(printed[1] ?? "", /^broken .* failed: round 1 of peer: Error: peer broke in run 1$/);
  assertMatch(printed[2] ?? "", /^queue seq .* met$/);
});

Deno.test("runCommandLine() runs the named scenarios, and a group by its name", async () => {
  const scenarios = [SOUND, SHORT, BROKEN];
  assertEquals((await run(["queue mpmc"], scenarios)).printed.length, 3);
  assertEquals((await run(["queue"], scenarios)).printed.length, 4);
});

// JSON

Deno.test("runCommandLine() --json writes all samples, machine, versions and commit", async () => {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    const { code } = await run(["--rounds", "2", "--json", file, "queue seq"], [SOUND, BROKEN]);
    assertEquals(code, 0);
    const report: Report = JSON.parse(await Deno.readTextFile(file));
    assertEquals(report.rounds, 2);
    assert(!Number.isNaN(Date.parse(report.date)));
    assertEquals(Object.keys(report.machine), ["cpu", "cores", "os", "memoryBytes"]);
    assertEquals(report.versions, { ...Deno.version, python: "3.11.7" });
    assertEquals(Object.keys(report.git), ["commit", "dirty"]);
    assertEquals(report.comparisons, [{
      scenario: "queue seq",
      peer: "peer",
      goal: 3,
      verdict: "met",
      ratio: { median: 4, minimum: 4, maximum: 4 },
      ourSeconds: { median: 1, minimum: 1, maximum: 1 },
      peerSeconds: { median: 4, minimum: 4, maximum: 4 },
      ourRounds: [{ seconds: 1, operations: 1 }, { seconds: 1, operations: 1 }],
      peerRounds: [{ seconds: 4, operations: 1 }, { seconds: 4, operations: 1 }],
    }]);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("runCommandLine() --json says why a peer was skipped", async () => {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await run(["--json", file], [ABSENT]);
    const report: Report = JSON.parse(await Deno.readTextFile(file));
    assertEquals(report.comparisons, [{
      scenario: "absent",
      peer: "peer",
      goal: 1,
      verdict: "skipped",
      why: "no python3",
      ourRounds: [],
      peerRounds: [],
    }]);
  } finally {
    await Deno.remove(file);
  }
});

// Other requests

Deno.test("runCommandLine() --list prints names and descriptions and runs nothing", async () => {
  const { code, printed } = await run(["--list"], [SOUND, BROKEN]);
  assertEquals(code, 0);
  assertEquals(printed, ["queue seq: the work of queue seq", "broken: the work of broken"]);
});

Deno.test("runCommandLine() --help prints the usage and runs nothing", async () => {
  const { code, printed } = await run(["--help"], [BROKEN]);
  assertEquals(code, 0);
  assertStringIncludes(printed.join("\n"), "[SCENARIO...] [--json FILE] [--list] [--rounds N]");
});

Deno.test("runCommandLine() refuses an unknown scenario with 2 and names those that exist", async () => {
  const { code, printed, complaints } = await run(["nope"], [SOUND, BROKEN]);
  assertEquals(code, 2);
  assertEquals(printed, []);
  assertEquals(complaints, [
    'Cannot run scenario "nope": no scenario has this name; there are "queue seq", "broken"',
  ]);
});

for (
  const { args, complaint } of [
    { args: ["--jsno", "x"], complaint: "Unknown option --jsno" },
    { args: ["--json"], complaint: "--json needs a file name" },
    { args: ["--rounds", "0"], complaint: '--rounds is "0"' },
    { args: ["--rounds", "many"], complaint: '--rounds is "many"' },
    { args: ["--rounds"], complaint: '--rounds is ""' },
  ]
) {
  Deno.test(`runCommandLine() refuses ${args.join(" ")} with 2`, async () => {
    const { code, printed, complaints } = await run(args, [BROKEN]);
    assertEquals(code, 2);
    assertEquals(printed, []);
    assertStringIncludes(complaints.join("\n"), complaint);
  });
}

import { assertEquals } from "@std/assert";
import { runScenario } from "../../bench/harness.ts";
import { formatRatio, formatSeconds, Table } from "../../bench/report.ts";
import { fakeContestant, fakePeer, fakeScenario } from "./fake_contestant.ts";

Deno.test("formatSeconds() takes the unit that fits and three digits", () => {
  assertEquals(
    [2.5, 0.0331, 0.000_012_34, 0.000_000_085, 0].map(formatSeconds),
    ["2.50 s", "33.1 ms", "12.3 µs", "85.0 ns", "0.00 ns"],
  );
});

Deno.test("formatRatio() has three digits", () => {
  assertEquals(
    [1 / 1.3, 12.54, 103.7, 0.00123, 0.0949, 0.095].map(formatRatio),
    ["0.77×", "12.5×", "104×", "0.0012×", "0.095×", "0.10×"],
  );
});

Deno.test("Table has one line for each scenario and peer, with columns under each other", async () => {
  const scenario = fakeScenario("queue seq", [
    fakePeer("asyncio.Queue", { seconds: [1, 4, 6, 8], operations: 1_000_000, goal: 3 }),
    fakePeer("slow", { seconds: [1], operations: 1_000_000, goal: 1.25 }),
    fakePeer("absent", { unavailable: "python3 is not installed" }),
    fakePeer("broken", { throwsIn: "setup" }),
  ], fakeContestant("ours", { seconds: [2], operations: 1_000_000 }));
  const { comparisons } = await runScenario(scenario, { rounds: 3 });
  const table = new Table([scenario]);
  assertEquals([table.header(), ...comparisons.map((comparison) => table.row(comparison))], [
    "scenario   peer                ours       peer            ratio [min, max]      goal  result",
    "queue seq  asyncio.Queue    2.00 µs    6.00 µs        3.00× [2.00×, 4.00×]   ≥ 3.00×  met",
    "queue seq  slow             2.00 µs    1.00 µs        0.50× [0.50×, 0.50×]   ≥ 1.25×  short",
    "queue seq  absent         skipped: python3 is not installed",
    "queue seq  broken         failed: setup of broken: Error: broken broke in setup",
  ]);
});

Deno.test("Table keeps the text of an error on one line", async () => {
  const peer = fakePeer("peer");
  peer.run = () => Promise.reject(new Error("first\n  second"));
  const scenario = fakeScenario("a", [peer]);
  const { comparisons } = await runScenario(scenario, { rounds: 1 });
  const rows = comparisons.map((comparison) => new Table([scenario]).row(comparison));
  assertEquals(rows, ["a         peer  failed: warm-up of peer: Error: first | second"]);
});

import { assert, assertEquals, assertMatch } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { type Figures, findTrends } from "./memory.ts";
import { createBlocks } from "./producers.ts";
import { findGrowth, findProblems, soak, writeTable } from "./soak.ts";

const FIGURES: Figures = { memory: 100 * 2 ** 20, descriptors: 40, threads: 8 };
const TALLY = { passes: 2, results: 200, wrong: 0, putAgain: 1 };

leakTest("soak() kills workers and a manager, and every result is there and right", async () => {
  const lines: string[] = [];
  const report = await soak({
    durationMs: 6_000,
    seed: 7,
    print: (line) => lines.push(line),
  });
  assertEquals(report.problems, [], lines.join("\n"));
  assert(report.kills.workers >= 1 && report.kills.manager >= 1);
  for (const { passes, wrong } of Object.values(report.work)) {
    assert(passes > 0);
    assertEquals(wrong, 0);
  }
  assertEquals(Object.keys(report.trends), ["driver", "lasting manager"]);
  assert(report.trends.driver!.every(({ early, late }) => early > 0 && late > 0));
  assertMatch(writeTable(report).join("\n"), /\nAll results are right, none is missing$/);
}, { ignore: Deno.build.os !== "linux" });

Deno.test("createBlocks() divides a job whose sum is known", () => {
  const blocks = createBlocks(1_000, 7);
  assertEquals([blocks[0]!.from, blocks.at(-1)!.to], [0, 1_000]);
  assertEquals(blocks.slice(1).every(({ from }, n) => from === blocks[n]!.to), true);
  assertEquals(blocks.reduce((sum, { primes }) => sum + primes, 0), 168);
});

Deno.test("findTrends() compares the second tenth with the last", () => {
  const figures = (descriptors: number): Figures => ({ ...FIGURES, descriptors });
  // What it takes to warm up is in the first tenth.
  const samples = [10, 40, 41, 42, 43, 44, 45, 46, 47, 60].map(figures);
  assertEquals(findTrends(samples)[1], {
    what: "descriptors",
    early: 40,
    late: 60,
    limit: 56,
    isFlat: false,
  });
  assertEquals(findTrends(samples.with(9, figures(56)))[1]!.isFlat, true);
  assertEquals(findTrends(samples).map(({ what, isFlat }) => [what, isFlat]), [
    ["memory", true],
    ["descriptors", false],
    ["threads", true],
  ]);
  const more = { ...FIGURES, memory: FIGURES.memory * 1.25 + 33 * 2 ** 20 };
  assertEquals(findTrends(samples.with(9, more))[0]!.isFlat, false);
});

Deno.test("findProblems() and findGrowth() tell what is missing, wrong or grows", () => {
  const kills = { workers: 1, manager: 1 };
  assertEquals(findProblems({ a: TALLY }, kills), []);
  assertEquals(findProblems({ a: { ...TALLY, results: 199 } }, kills), [
    "a: 199 results of 2 jobs",
  ]);
  assertEquals(findProblems({ a: { ...TALLY, wrong: 1 } }, kills), ["a: 1 results are wrong"]);
  assertEquals(findProblems({ a: { ...TALLY, passes: 0, results: 0 } }, kills), [
    "a: no job was done",
  ]);
  assertEquals(findProblems({ a: TALLY }, { workers: 0, manager: 0 }), [
    "no worker was killed",
    "no manager was killed",
  ]);
  const trends = findTrends(Array.from({ length: 10 }, (_, n) => ({ ...FIGURES, threads: n * 9 })));
  assertEquals(findGrowth({ a: trends }), ["a: threads grew from 9 to 81, limit 13"]);
});

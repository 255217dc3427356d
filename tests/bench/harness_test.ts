import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  type Comparison,
  expectResult,
  measure,
  runScenario,
  type Scenario,
  selectScenarios,
  statistics,
  UnknownScenarioError,
  withDeadline,
} from "../../bench/harness.ts";
import { fakeContestant, fakePeer, fakeScenario } from "./fake_contestant.ts";

async function runOnePeer(scenario: Scenario, rounds: number): Promise<Comparison> {
  const { comparisons } = await runScenario(scenario, { rounds });
  assertEquals(comparisons.length, 1);
  const [comparison] = comparisons;
  assert(comparison !== undefined);
  return comparison;
}

// Statistics

Deno.test("statistics() takes the middle of an odd number of samples", () => {
  assertEquals(statistics([10, 2, 1]), { median: 2, minimum: 1, maximum: 10 });
});

Deno.test("statistics() takes the mean of the two in the middle", () => {
  assertEquals(statistics([4, 1, 3, 100]), { median: 3.5, minimum: 1, maximum: 100 });
});

Deno.test("statistics() of one sample is that sample, and it leaves its argument as it is", () => {
  assertEquals(statistics([7]), { median: 7, minimum: 7, maximum: 7 });
  const samples = [3, 1, 2];
  statistics(samples);
  assertEquals(samples, [3, 1, 2]);
});

Deno.test("statistics() refuses no samples", () => {
  assertThrows(() => statistics([]), RangeError, "there are no samples");
});

// Order

Deno.test("runScenario() sets up, warms up, runs in turn and tears down", async () => {
  const log: string[] = [];
  const scenario = fakeScenario(
    "a",
    [fakePeer("peer", { log }), fakePeer("other", { log })],
    fakeContestant("ours", { log }),
  );
  await runScenario(scenario, { rounds: 2 });
  const turn = ["ours:run", "peer:run", "other:run"];
  assertEquals(log, [
    ...["ours:setup", "peer:setup", "other:setup"],
    ...[...turn, ...turn, ...turn],
    ...["other:teardown", "peer:teardown", "ours:teardown"],
  ]);
});

Deno.test("runScenario() drops the warm-up and keeps every sample of the rounds", async () => {
  const ours = fakeContestant("ours", { seconds: [100, 1, 2, 4], operations: 10 });
  const peer = fakePeer("peer", { seconds: [0.001, 6, 6, 6], operations: 20 });
  const comparison = await runOnePeer(fakeScenario("a", [peer], ours), 3);
  assertEquals(comparison.ourRounds, [1, 2, 4].map((seconds) => ({ seconds, operations: 10 })));
  assertEquals(comparison.peerRounds, [6, 6, 6].map((seconds) => ({ seconds, operations: 20 })));
  assertEquals(comparison.ourSeconds, { median: 0.2, minimum: 0.1, maximum: 0.4 });
});

Deno.test("runScenario() divides the peer's time by ours, round by round", async () => {
  const ours = fakeContestant("ours", { seconds: [1, 1, 2, 4] });
  const peer = fakePeer("peer", { seconds: [1, 8, 4, 2] });
  const { ratio } = await runOnePeer(fakeScenario("a", [peer], ours), 3);
  assertEquals(ratio, { median: 2, minimum: 0.5, maximum: 8 });
});

Deno.test("runScenario() refuses a number of rounds that is none", async () => {
  for (const rounds of [0, -1, 1.5, NaN]) {
    await assertRejects(() => runScenario(fakeScenario("a", []), { rounds }), RangeError, "rounds");
  }
});

// Goals

Deno.test("runScenario() calls a goal met from its very value on", async () => {
  const peer = fakePeer("peer", { seconds: [3], goal: 3 });
  assertEquals((await runOnePeer(fakeScenario("a", [peer]), 1)).verdict, "met");
});

Deno.test("runScenario() calls a goal short below its value", async () => {
  const peer = fakePeer("peer", { seconds: [2.999], goal: 3 });
  assertEquals((await runOnePeer(fakeScenario("a", [peer]), 1)).verdict, "short");
});

Deno.test("runScenario() judges a goal by the median", async () => {
  const peer = fakePeer("peer", { seconds: [9, 1, 3, 1], goal: 2 });
  assertEquals((await runOnePeer(fakeScenario("a", [peer]), 3)).verdict, "short");
});

// Peers that cannot run

Deno.test("runScenario() skips a peer that is not installed, and runs the others", async () => {
  const log: string[] = [];
  const absent = fakePeer("absent", { log, unavailable: "it is not installed" });
  const { comparisons } = await runScenario(fakeScenario("a", [absent, fakePeer("present")]));
  assertEquals(comparisons.map(({ peer, verdict, why }) => ({ peer, verdict, why })), [
    { peer: "absent", verdict: "skipped", why: "it is not installed" },
    { peer: "present", verdict: "met", why: undefined },
  ]);
  assertEquals(log, []);
});

Deno.test("runScenario() does not run ours when every peer is skipped", async () => {
  const log: string[] = [];
  const absent = fakePeer("absent", { unavailable: "it is not installed" });
  await runScenario(fakeScenario("a", [absent], fakeContestant("ours", { log })));
  assertEquals(log, []);
});

// Failures

for (const throwsIn of ["setup", "run 0", "run 1", "teardown"]) {
  Deno.test(`runScenario() reports a peer that throws in ${throwsIn}, and runs the others`, async () => {
    const log: string[] = [];
    const broken = fakePeer("broken", { throwsIn, log });
    const sound = fakePeer("sound");
    const { comparisons } = await runScenario(fakeScenario("a", [broken, sound]), { rounds: 2 });
    assertEquals(comparisons.map(({ verdict }) => verdict), ["failed", "met"]);
    assertStringIncludes(comparisons[0]?.why ?? "", `broken broke in ${throwsIn}`);
    assertEquals(comparisons[1]?.peerRounds.length, 2);
    assertEquals(log.filter((line) => line === "broken:teardown").length, 1);
  });
}

Deno.test("runScenario() fails every comparison when ours throws, and still runs the peers", async () => {
  const ours = fakeContestant("ours", { throwsIn: "run 1" });
  const { comparisons } = await runScenario(
    fakeScenario("a", [fakePeer("one"), fakePeer("two")], ours),
    { rounds: 2 },
  );
  assertEquals(comparisons.map(({ verdict }) => verdict), ["failed", "failed"]);
  assertEquals(comparisons.map(({ peerRounds }) => peerRounds.length), [2, 2]);
});

Deno.test("runScenario() keeps the first error when the teardown throws as well", async () => {
  const peer = fakePeer("peer", { throwsIn: "run 1" });
  peer.teardown = () => {
    throw new Error("late");
  };
  const { why } = await runOnePeer(fakeScenario("a", [peer]), 1);
  assertStringIncludes(why ?? "", "peer broke in run 1");
});

Deno.test("runScenario() fails a round without time or without operations", async () => {
  for (const fake of [{ seconds: [0] }, { seconds: [NaN] }, { operations: 0 }]) {
    const { verdict, why } = await runOnePeer(fakeScenario("a", [fakePeer("peer", fake)]), 1);
    assertEquals(verdict, "failed");
    assertStringIncludes(why ?? "", "Wrong round");
  }
});

Deno.test("runScenario() gives up on a contestant that does not settle", async () => {
  const stuck = fakePeer("stuck");
  stuck.run = () => new Promise(() => {});
  const { comparisons } = await runScenario(fakeScenario("a", [stuck, fakePeer("sound")]), {
    rounds: 1,
    stepLimitMs: 20,
  });
  assertEquals(comparisons.map(({ verdict }) => verdict), ["failed", "met"]);
  assertStringIncludes(comparisons[0]?.why ?? "", "it took longer than 20 ms");
});

// Versions

Deno.test("runScenario() collects the versions that the contestants name", async () => {
  const one = fakePeer("one", { versions: { python: "3.11.7" } });
  const two = fakePeer("two", { versions: { piscina: "5.3.2" } });
  const { versions } = await runScenario(fakeScenario("a", [one, two]), { rounds: 1 });
  assertEquals(versions, { python: "3.11.7", piscina: "5.3.2" });
});

// Selection

Deno.test("selectScenarios() takes all, one by name, or a group by its first word", () => {
  const all = ["queue seq", "queue mpmc", "queue", "queues"].map((name) => fakeScenario(name, []));
  const pick = (...names: string[]) => selectScenarios(all, names).map(({ name }) => name);
  assertEquals(pick(), ["queue seq", "queue mpmc", "queue", "queues"]);
  assertEquals(pick("queues", "queue mpmc", "queues"), ["queue mpmc", "queues"]);
  assertEquals(pick("queue"), ["queue"]);
  const group = selectScenarios(all.slice(0, 2), ["queue"]).map(({ name }) => name);
  assertEquals(group, ["queue seq", "queue mpmc"]);
});

Deno.test("selectScenarios() names the scenarios that there are when one is unknown", () => {
  const all = [fakeScenario("queue seq", []), fakeScenario("process start", [])];
  const error = assertThrows(() => selectScenarios(all, ["que"]), UnknownScenarioError);
  assertEquals(error.scenarioName, "que");
  assertStringIncludes(error.message, '"queue seq", "process start"');
});

// Helpers of the contestants

Deno.test("measure() does at least one pass and adds up the operations", async () => {
  let passes = 0;
  const round = await measure(() => {
    passes++;
    return 7;
  }, 0);
  assertEquals([passes, round.operations], [1, 7]);
});

Deno.test("measure() rejects with what a pass throws", async () => {
  const pass = () => Promise.reject(new Error("wrong sum"));
  await assertRejects(() => measure(pass, 0), Error, "wrong sum");
});

Deno.test("expectResult() throws when the result is not the expected one", () => {
  expectResult("the sum", 3, 3);
  assertThrows(() => expectResult("the sum", 2, 3), Error, "the sum is 2, must be 3");
  assertThrows(() => expectResult("the sum", NaN, 3), Error, "the sum is NaN");
});

Deno.test("withDeadline() gives what the promise gives, and clears its timer", async () => {
  assertEquals(await withDeadline(Promise.resolve(1), 60_000, "it"), 1);
  await assertRejects(
    () => withDeadline(Promise.reject(new Error("no")), 60_000, "it"),
    Error,
    "no",
  );
});

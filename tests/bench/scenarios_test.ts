import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Scenario } from "../../bench/harness.ts";
import { scenarios } from "../../bench/scenarios.ts";

const BENCH = new URL("../../bench/", import.meta.url);

Deno.test("scenarios lists the scenario of every file bench/*_bench.ts", async () => {
  const files = [...Deno.readDirSync(BENCH)].map(({ name }) => name)
    .filter((name) => name.endsWith("_bench.ts"));
  assertEquals(scenarios.length, files.length);
  for (const file of files) {
    const { scenario }: { scenario: Scenario } = await import(new URL(file, BENCH).href);
    assert(scenarios.includes(scenario), `${file} is not in bench/scenarios.ts`);
    assertEquals(file, `${scenario.name.replaceAll(/[ -]/g, "_")}_bench.ts`);
  }
});

Deno.test("scenarios have names of their own, in lower-case words, and goals above 0", () => {
  const names = scenarios.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  for (const { name, description, peers } of scenarios) {
    assertMatch(name, /^[a-z0-9-]+( [a-z0-9-]+)*$/);
    assert(!description.includes("\n"), `the description of ${name} is not one line`);
    assert(peers.length > 0, `${name} has no peer`);
    assert(peers.every(({ goal }) => goal > 0), `${name} has a goal that means nothing`);
  }
});

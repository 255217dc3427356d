import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { natsTest, startNatsServer } from "../support/nats_server.ts";
import { runExample } from "../support/run_example.ts";

const SMALL = ["--below", "1000000", "--blocks", "40", "--processes", "2", "--threads", "1"];

leakTest("examples/demo.ts kills a worker, loses nothing and counts right", async () => {
  const { code, stdout, stderr } = await runExample("demo", { args: SMALL });
  assertEquals(stderr, "");
  assertEquals(code, 0, stdout);
  assertMatch(stdout, /^Killed process \d \(SIGKILL, pid \d+\) while it counts block \d+\.$/m);
  assertStringIncludes(stdout, "100 %: 40 of 40 blocks");
  assertStringIncludes(stdout, "\nlost: 0\n");
  assertStringIncludes(stdout, "primes below 1,000,000: 78,498 (right)");
  const done = [...stdout.matchAll(/^ {2}(?:process|thread) \d: (\d+)/gm)].map((row) =>
    Number(row[1])
  );
  assertEquals(done.reduce((sum, count) => sum + count, 0), 40);
});

leakTest("examples/demo.ts lets everybody live with --no-kill", async () => {
  const { code, stdout } = await runExample("demo", { args: [...SMALL, "--no-kill"] });
  assertEquals(code, 0, stdout);
  assertEquals(/Killed/.test(stdout), false);
  assertStringIncludes(stdout, "tasks redone: 0\n");
});

natsTest("examples/demo.ts does the same on NATS", async () => {
  await using server = await startNatsServer();
  const { code, stdout } = await runExample("demo", { args: [...SMALL, "--engine", server.url] });
  assertEquals(code, 0, stdout);
  assertMatch(stdout, /^Killed process \d \(SIGKILL, pid \d+\) while it counts block \d+\.$/m);
  assertStringIncludes(stdout, "\nlost: 0\n");
  assertStringIncludes(stdout, "primes below 1,000,000: 78,498 (right)");
});

leakTest("examples/demo.ts refuses what it does not know", async () => {
  const { code, stderr } = await runExample("demo", { args: ["--below", "few"] });
  assertEquals(code, 2);
  assertStringIncludes(stderr, "--below must be a whole number of 10 or more, got few");
});

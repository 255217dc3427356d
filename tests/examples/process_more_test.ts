import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest("examples/fork.ts prints a line from each of two processes", async () => {
  const { code, stdout, stderr } = await runExample("fork");
  assertEquals(stderr, "");
  assertEquals(code, 0);
  const lines = stdout.trimEnd().split("\n").sort();
  assertEquals(lines.length, 2, stdout);
  const parent = /^I \((\d+)\) just created a child process \((\d+)\)\.$/.exec(lines[0]!);
  const child = /^I am child process \((\d+)\) and my parent is (\d+)\.$/.exec(lines[1]!);
  assert(parent !== null && child !== null, stdout);
  assertNotEquals(parent[1], child[1]);
  assertEquals([child[2], child[1]], [parent[1], parent[2]]);
});

const INFO = (title: string) =>
  `${title}\nmodule name: +process_info\\.ts\nprocess name: +(\\S+)\nparent process id: +(\\d+)\nprocess id: +(\\d+)\n`;

leakTest("examples/process_info.ts tells who is who, without colours for NO_COLOR", async () => {
  const { code, stdout, stderr } = await runExample("process_info", { env: { NO_COLOR: "1" } });
  assertEquals(stderr, "");
  assertEquals(code, 0);
  const all = new RegExp(`^${INFO("main line")}${INFO("function greet")}hello, Bob\n$`).exec(
    stdout,
  );
  assert(all !== null, stdout);
  const [, mainName, , mainPid, childName, childParent, childPid] = all;
  assertEquals(mainName, "MainProcess");
  assertMatch(childName!, /^Process-\d+$/);
  assertEquals(childParent, mainPid);
  assertNotEquals(childPid, mainPid);
});

leakTest("examples/process_info.ts colours its titles where there are colours", async () => {
  const { code, stdout } = await runExample("process_info", { env: { FORCE_COLOR: "1" } });
  assertEquals(code, 0);
  const titles = stdout.split("\n").filter((line) => /main line|function greet/.test(line));
  assertEquals(titles.length, 2);
  // deno-lint-ignore no-control-regex -- the colours of a terminal
  for (const title of titles) assertMatch(title, /\x1b\[/);
});

leakTest("examples/process_coroutine.ts runs many coroutines in each process", async () => {
  const { code, stdout, stderr } = await runExample("process_coroutine");
  assertEquals(stderr, "");
  assertEquals(code, 0);
  const lines = stdout.trimEnd().split("\n");
  const pids = lines.slice(0, -1).map((line) =>
    /^Process (\d+): 100 tasks, at most 20 at once$/.exec(line)?.[1]
  );
  assert(pids.length >= 2 && pids.every((pid) => pid !== undefined), stdout);
  assertEquals(new Set(pids).size, pids.length);
  const n = pids.length * 100;
  const sum = (n - 1) * n * (2 * n - 1) / 6;
  assertEquals(lines.at(-1), `The sum of the squares below ${n} is ${sum}`);
});

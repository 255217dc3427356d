import { assertEquals, assertMatch } from "@std/assert";
import { type RunningProgram, startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, startPython } from "../support/python.ts";
import { parseCommand } from "../support/run_example.ts";

/** The master and the worker of the examples, each in either language. */

const ignore = !await pythonAvailable();
if (ignore) console.warn("python_fleet_test: there is no python3, so nothing is tested with it");

const COUNT = 20;
const AUTHKEY = "a key of the test";

type Language = "python" | "deno";

async function start(
  language: Language,
  name: string,
  options: string[],
): Promise<RunningProgram> {
  const args = [...options, "--authkey", AUTHKEY];
  const folder = new URL("../../examples/", import.meta.url);
  if (language === "python") {
    const text = await Deno.readTextFile(new URL(`python/${name}.py`, folder));
    return await startPython(text, { args });
  }
  const { flags } = parseCommand(await Deno.readTextFile(new URL(`${name}.ts`, folder)))!;
  return await startProgram(`examples/${name}.ts`, { flags, args });
}

async function startMaster(language: Language) {
  const master = await start(language, "task_master", ["--port", "0", "--count", String(COUNT)]);
  return { master, port: /127\.0\.0\.1:(\d+)$/.exec(master.ready)![1]! };
}

async function linesOf(program: RunningProgram): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of program.stdout) lines.push(line);
  return lines;
}

async function checkMaster(master: RunningProgram): Promise<void> {
  const lines = await linesOf(master);
  assertEquals((await master.status).code, 0, lines.join("\n"));
  assertEquals(lines.at(-1), `master exit: ${COUNT} of ${COUNT} results`);
  const put = lines.filter((line) => line.startsWith("Put task ")).map((line) =>
    /\d+/.exec(line)![0]
  );
  const got = lines.filter((line) => line.startsWith("Result: ")).map((line) => {
    const [, left, right, product] = /^Result: (\d+) \* (\d+) = (\d+)$/.exec(line)!;
    assertEquals([left, Number(product)], [right, Number(left) * Number(right)]);
    return left!;
  });
  assertEquals(got.toSorted(), put.toSorted());
}

for (const master of ["deno", "python"] as const) {
  for (const worker of ["deno", "python"] as const) {
    leakTest(`examples/task_master.${master} and task_worker.${worker} do all tasks`, async () => {
      const { master: running, port } = await startMaster(master);
      await using _ = running;
      // Both are there before one of them has done everything.
      const options = ["--port", port, "--work-ms", "100"];
      const starting = [1, 2].map(() => start(worker, "task_worker", options));
      await using first = await starting[0]!;
      await using second = await starting[1]!;
      const done = Promise.all([linesOf(first), linesOf(second)]);
      await checkMaster(running);
      for (const lines of await done) assertMatch(lines.at(-1)!, /^worker exit: \d+ tasks$/);
      assertEquals([(await first.status).code, (await second.status).code], [0, 0]);
    }, { ignore });
  }
}

leakTest("examples: a fleet of both languages, of which a Python worker is killed", async () => {
  const { master, port } = await startMaster("deno");
  await using _ = master;
  const options = ["--port", port, "--work-ms"];
  // The one that takes longest to start is there first, and too slow to do everything before the others are.
  await using third = await start("deno", "task_worker", [...options, "250"]);
  await using victim = await start("python", "task_worker", [...options, "100"]);
  await using second = await start("python", "task_worker", [...options, "30"]);
  const done = Promise.all([linesOf(second), linesOf(third)]);
  // It has taken a task, and works on it when it is killed.
  while (!(await victim.nextLine())!.startsWith("run task"));
  victim.kill("SIGKILL");
  await checkMaster(master);
  await done;
  assertEquals((await victim.status).signal, "SIGKILL");
}, { ignore });

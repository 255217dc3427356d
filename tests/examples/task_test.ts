import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import { parseCommand, runExample } from "../support/run_example.ts";

const COUNT = 30;
const AUTHKEY = "a key of the test";

async function flagsOf(example: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL(`../../examples/${example}`, import.meta.url));
  return parseCommand(text)!.flags;
}

async function start(example: string, args: string[]) {
  return await startProgram(`examples/${example}`, {
    flags: await flagsOf(example),
    args: [...args, "--authkey", AUTHKEY],
  });
}

async function startMaster(count: number) {
  const master = await start("task_master.ts", ["--port", "0", "--count", String(count)]);
  const port = /127\.0\.0\.1:(\d+)$/.exec(master.ready)![1]!;
  return { master, port };
}

async function linesOf(program: { stdout: AsyncIterable<string> }): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of program.stdout) lines.push(line);
  return lines;
}

leakTest(
  "examples/task_master.ts gets every result from three workers, one of them killed",
  async () => {
    const { master, port } = await startMaster(COUNT);
    await using _ = master;
    const options = ["--port", port, "--work-ms", "30"];
    await using victim = await start("task_worker.ts", options);
    await using second = await start("task_worker.ts", options);
    await using third = await start("task_worker.ts", options);
    const workers = Promise.all([linesOf(second), linesOf(third)]);
    // It has taken a task, and works on it when it is killed.
    while (!(await victim.nextLine())!.startsWith("run task"));
    victim.kill("SIGKILL");
    const lines = await linesOf(master);
    assertEquals((await master.status).code, 0, lines.join("\n"));
    assertEquals(lines.at(-1), `master exit: ${COUNT} of ${COUNT} results`);
    const put = lines.filter((line) => line.startsWith("Put task "))
      .map((line) => Number(/\d+/.exec(line)![0]));
    const got = lines.filter((line) => line.startsWith("Result: ")).map((line) => {
      const [, left, right, product] = /^Result: (\d+) \* (\d+) = (\d+)$/.exec(line)!.map(Number);
      assertEquals(left, right);
      assertEquals(left! * right!, product);
      return left!;
    });
    assertEquals(got.toSorted(), put.toSorted());
    for (const worker of await workers) assertMatch(worker.at(-1)!, /^worker exit: \d+ tasks$/);
    assertEquals((await second.status).code, 0);
    assertEquals((await third.status).code, 0);
    assertEquals((await victim.status).signal, "SIGKILL");
  },
);

leakTest("examples/task_worker.ts with another key is refused", async () => {
  const { master, port } = await startMaster(1);
  await using _ = master;
  const { code, stderr } = await runExample("task_worker", {
    args: ["--port", port, "--authkey", "wrong"],
  });
  assertEquals(code, 1);
  assertMatch(stderr, /AuthenticationError: .*digest sent was rejected, the keys differ/);
});

leakTest("examples/task_master.ts and task_worker.ts explain themselves", async () => {
  for (const example of ["task_master", "task_worker"]) {
    const help = await runExample(example, { args: ["--help"] });
    assertEquals(help.code, 0);
    assertStringIncludes(help.stdout, "--authkey KEY");
    const unknown = await runExample(example, { args: ["--nonsense"] });
    assertEquals(unknown.code, 2);
    assertStringIncludes(unknown.stderr, "Unknown option: --nonsense");
  }
});

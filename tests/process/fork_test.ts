import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { assertEnd, isRunning } from "../faults/alive.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";

const FLAGS = ["--allow-run=deno", "--allow-net=127.0.0.1"];

function fixture(name: string): URL {
  return new URL(`fixtures/fork/${name}.ts`, import.meta.url);
}

async function run(
  name: string,
  args: string[] = [],
): Promise<{ lines: string[]; code: number; stderr: string }> {
  await using program = await startProgram(fixture(name), { flags: FLAGS, args });
  const lines = await Array.fromAsync(program.stdout);
  const { code } = await program.status;
  return { lines: lines.filter((line) => !line.startsWith("READY")), code, stderr: program.stderr };
}

// One call

leakTest("fork() answers the child's pid in the parent, and 0 in the child", async () => {
  await using program = await startProgram(fixture("two"), { flags: FLAGS, args: ["a", "b c"] });
  const lines = await Array.fromAsync(program.stdout);
  assertEquals((await program.status).code, 0);
  const parentPid = Number(program.ready);
  const [again] = lines;
  // What stands before the call runs again.
  const childPid = Number(/^READY (\d+)$/.exec(again!)?.[1]);
  assertNotEquals(childPid, parentPid);
  const told = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  const common = { name: "MainProcess", args: ["a", "b c"], isMain: true, module: true };
  assertEquals(told.find(({ pid }) => pid === 0), {
    ...common,
    ...{ pid: 0, own: childPid, parent: parentPid },
    parentInfo: { name: "MainProcess", pid: parentPid },
  });
  assertEquals(told.find(({ own }) => own === parentPid), {
    ...common,
    ...{ pid: childPid, own: parentPid },
  });
  assertEquals(told.at(-1), { pid: childPid, exitCode: 7 });
  assertEquals(program.stderr, "");
}, { ignore: Deno.build.os === "windows" });

leakTest(
  "fork(): the parent goes on until the child has ended, and so does the child",
  async () => {
    const { lines, code, stderr } = await run("unwaited");
    assertEquals(lines, ["the child has ended", "the parent has ended"]);
    assertEquals([code, stderr], [0, ""]);
  },
);

// Several calls

leakTest("fork() twice makes four processes, and passes the state to each", async () => {
  await using program = await startProgram(fixture("family"), { flags: FLAGS });
  const lines = (await Array.fromAsync(program.stdout)).filter((line) => line !== "READY");
  assertEquals(program.stderr, "");
  const root = program.pid;
  assertEquals(lines, [
    [
      `root of ${root}, as at first`,
      `root/first of ${root}, as at first`,
      `root/first/second of ${root}, as at first`,
      // At the first call, this one is the parent that makes the other.
      `root/second of ${root}, not at first`,
    ].join("; "),
    "Cannot wait for a child: there is no child of fork() that was not waited for, first 13, second 4",
    "true",
  ]);
  assertEquals((await program.status).code, 0);
});

leakTest("fork() in a loop makes children that each come to their own call", async () => {
  const { lines, code, stderr } = await run("several", ["loop", "5"]);
  assertEquals([lines, code, stderr], [["[10,11,12,13,14]"], 0, ""]);
});

leakTest("fork() counts its calls when several are under way", async () => {
  const { lines, code, stderr } = await run("several", ["together", "2"]);
  assertEquals([code, stderr], [0, ""]);
  assertEquals(lines.filter((line) => line.startsWith("process")).sort(), [
    "process 00 00",
    "process 01 01",
    "process 10 10",
    "process 11 11",
  ]);
});

// Misuse

leakTest("fork() and waitPid() refuse what is not possible, and start nothing", async () => {
  const { lines, stderr } = await run("misuse");
  assertEquals(stderr, "");
  const told = new Map(lines.map((line) => line.split(/: (.*)/, 2) as [string, string]));
  assertStringIncludes(told.get("target")!, "ProcessStateError: Cannot fork Process-1: it runs a");
  assertEquals(told.get("state"), 'TypeError: Cannot fork: "state" must be an object, got 5');
  assertStringIncludes(told.get("unsendable")!, "inner");
  assertStringIncludes(told.get("timeout")!, "RangeError");
  assertEquals(told.get("aborted"), "Error: before");
  assertStringIncludes(told.get("permissions")!, '"files" is not one of');
  assertStringIncludes(
    told.get("none")!,
    "ProcessStateError: Cannot wait for a child: there is no",
  );
  assertStringIncludes(told.get("unknown")!, "Cannot wait for 1: it is no child of fork()");
  assertStringIncludes(told.get("executable")!, "--allow-run=/no/such/program");
  const { executable, aborted } = Object.fromEntries(
    ["executable", "aborted"].map((name) => [name, told.get(`child's ${name}`)]),
  );
  assertStringIncludes(
    executable!,
    "ProcessStateError: Cannot fork: it failed in the parent, too (",
  );
  assertEquals(aborted, "Error: before");
  assertEquals(told.get("fork"), "0");
  assertStringIncludes(told.get("again")!, "Cannot wait for PID: it is no child of fork(), or was");
});

leakTest("fork() is not possible where no main module can run again", async () => {
  const module = import.meta.resolve("../../process/mod.ts");
  const code = `
    import { fork } from ${JSON.stringify(module)};
    console.log(await fork().catch((error) => error.name + ": " + error.message));
  `;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", code] }).output();
  const text = new TextDecoder().decode(stdout);
  assertStringIncludes(text, "ProcessStateError: Cannot fork: the main module of this program");
});

leakTest("fork() names the flag that is missing", async () => {
  await using program = await startProgram(fixture("two"), { flags: ["--allow-net=127.0.0.1"] });
  assertEquals((await program.status).code, 1);
  await Array.fromAsync(program.stdout);
  assertStringIncludes(program.stderr, "run again with --allow-run=deno");
});

leakTest("waitPid() stops waiting when the time is over or its signal aborts", async () => {
  await using program = await startProgram(fixture("wait"), { flags: ["--allow-run", FLAGS[1]!] });
  const lines = await Array.fromAsync(program.stdout);
  assertEquals(program.stderr, "");
  assertEquals(lines, [
    "TimeoutError: No child ended within 1 ms",
    "TimeoutError: The child with pid PID did not end within 0 ms",
    "RangeError: enough",
    "Error: before",
    "-15",
  ]);
}, { ignore: Deno.build.os === "windows" });

// A child that does not come

leakTest("fork() rejects when the child ends before it comes to the call", async () => {
  for (const [how, code] of [["ends", 5], ["throws", 1], ["returns", 0]] as const) {
    const { lines, stderr } = await run("lost", [how]);
    assertEquals(lines, [
      `ProcessDiedError: The child (pid N) ended with exit code ${code} before it came to call 1 of fork()`,
      "ProcessStateError",
    ], how);
    if (how === "throws") assertStringIncludes(stderr, "RangeError: only in the child");
  }
});

leakTest("fork() kills a child that does not come to the call in time", async () => {
  for (const how of ["waits", "spins"]) {
    const { lines, code } = await run("lost", [how, "500"]);
    assertEquals(lines, [
      "TimeoutError: The child (pid N) did not come to this call of fork() within 500 ms",
      "ProcessStateError",
    ], how);
    assertEquals(code, 0);
  }
});

leakTest("fork() takes back the ends of pipes that its child has not taken", async () => {
  for (
    const [how, ...expected] of [
      ["ends before the call", "ProcessDiedError"],
      ["is not started", "NotCapable"],
      ["ends after the call", "a child"],
      ["takes it", "a child", "taken"],
    ]
  ) {
    const { lines, code, stderr } = await run("pipe", [how!]);
    assertEquals([...lines, code, stderr], [...expected, "EofError", 0, ""], how);
  }
});

leakTest("fork() rejects when the child cannot read its state", async () => {
  const { lines } = await run("unreadable");
  assertEquals(lines, ["RangeError: not to be read here"]);
});

// Orphans

leakTest("fork(): no child outlives a parent that is killed", async () => {
  await using program = await startProgram(fixture("orphan"), { flags: FLAGS });
  const pids = program.ready.split(" ").map(Number);
  assertEquals(pids.length, 2);
  for (const pid of pids) assert(await isRunning(pid));
  program.kill("SIGKILL");
  await assertEnd(pids);
}, { ignore: Deno.build.os === "windows" });

import { assert, assertEquals } from "@std/assert";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import { assertEnd, isRunning } from "./alive.ts";

const PARENT = new URL("fixtures/parent.ts", import.meta.url);
const FLAGS = ["--allow-run", "--allow-net=127.0.0.1"];

/** Starts a parent with an idle child, a busy one, one without input, and a manager. */
async function startParent(...args: string[]) {
  // To look for other processes needs more.
  const flags = args[0] === "reaper" ? ["-A"] : FLAGS;
  const program = await startProgram(PARENT, { flags, args });
  const pids = program.ready.split(" ").filter(Boolean).map(Number);
  return { program, pids };
}

/** The processes that end the children of another one when it is gone. */
function findReapers(parent: number): number[] {
  const children = [...Deno.readDirSync(`/proc/${parent}/task`)].flatMap(({ name }) =>
    Deno.readTextFileSync(`/proc/${parent}/task/${name}/children`).split(" ").filter(Boolean)
  );
  const commandOf = (pid: string) => Deno.readTextFileSync(`/proc/${pid}/cmdline`);
  return children.filter((pid) => commandOf(pid).includes("addSignalListener")).map(Number);
}

leakTest("Process: no child outlives a parent that is killed by SIGKILL", async () => {
  const { program, pids } = await startParent("wait");
  await using _program = program;
  assertEquals(pids.length, 4);
  for (const pid of pids) assert(await isRunning(pid));
  program.kill("SIGKILL");
  await program.status;
  await assertEnd(pids);
}, { ignore: Deno.build.os === "windows" });

leakTest("Process: no child outlives its parent when the reaper was killed before", async () => {
  const { program, pids } = await startParent("reaper");
  await using _program = program;
  assertEquals(pids.length, 5);
  program.kill("SIGKILL");
  await program.status;
  await assertEnd(pids);
}, { ignore: Deno.build.os !== "linux" });

leakTest("Process: an idle child ends by itself when parent and reaper die together", async () => {
  const { program, pids } = await startParent("wait");
  await using _program = program;
  const [idle, busy, deaf, manager] = pids as [number, number, number, number];
  try {
    // One that stands still does not start another reaper.
    Deno.kill(program.pid, "SIGSTOP");
    const reapers = findReapers(program.pid);
    assertEquals(reapers.length, 1);
    for (const pid of [...reapers, program.pid]) Deno.kill(pid, "SIGKILL");
    await program.status;
    await assertEnd([idle, manager]);
  } finally {
    // Nobody is left who would end them.
    for (const pid of [busy, deaf]) Deno.kill(pid, "SIGKILL");
  }
  await assertEnd(pids);
}, { ignore: Deno.build.os !== "linux" });

leakTest("Process: no child outlives a parent that calls Deno.exit()", async () => {
  const { program, pids } = await startParent("exit");
  await using _program = program;
  assertEquals((await program.status).code, 3);
  assertEquals(pids.length, 4);
  await assertEnd(pids);
}, { ignore: Deno.build.os === "windows" });

leakTest("Process: no child outlives a parent that ends by an uncaught error", async () => {
  const { program, pids } = await startParent("throw");
  await using _program = program;
  assertEquals((await program.status).code, 1);
  assertEquals(pids.length, 4);
  await assertEnd(pids);
}, { ignore: Deno.build.os === "windows" });

leakTest(
  "Process: a parent ends without waiting for its daemons, and they end with it",
  async () => {
    const { program, pids } = await startParent("end", "daemon");
    await using _program = program;
    assertEquals((await program.status).code, 0);
    assertEquals(pids.length, 4);
    await assertEnd(pids);
  },
  { ignore: Deno.build.os === "windows" },
);

leakTest("Process: a parent waits at its end for children that are no daemons", async () => {
  const { program, pids: [pid] } = await startParent("late");
  await using _program = program;
  assertEquals((await program.status).code, 0);
  assertEquals(await Array.fromAsync(program.stdout), ["late"]);
  assertEquals(await isRunning(pid!), false);
}, { ignore: Deno.build.os === "windows" });

leakTest("Process: a daemon does not get to its end when its parent ends before", async () => {
  const { program, pids } = await startParent("late", "daemon");
  await using _program = program;
  assertEquals((await program.status).code, 0);
  await assertEnd(pids);
  assertEquals(await Array.fromAsync(program.stdout), []);
}, { ignore: Deno.build.os === "windows" });

leakTest(
  "Process: a program goes on when its reaper was killed and there can be no other",
  async () => {
    const url = new URL("fixtures/no_reaper.ts", import.meta.url);
    await using program = await startProgram(url, { flags: ["-A"] });
    assertEquals(program.ready, "true");
    assertEquals((await program.status).code, 0);
    assertEquals(program.stderr, "");
  },
  { ignore: Deno.build.os !== "linux" },
);

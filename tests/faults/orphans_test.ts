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

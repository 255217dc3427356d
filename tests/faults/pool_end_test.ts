import { assert, assertEquals, assertLess } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { startProgram } from "../support/child_program.ts";
import { withDenoOnPath } from "../support/deno_on_path.ts";
import { leakTest } from "../support/leaks.ts";
import { isRunning, until } from "./alive.ts";

const PARENT = new URL("fixtures/pool_parent.ts", import.meta.url);
const FLAGS = ["--allow-run", "--allow-net=127.0.0.1"];
/** How long a worker may outlive its pool's process. */
const LIMIT_MS = 2_000;

const onUnix = { ignore: Deno.build.os === "windows" };

async function assertGone(pids: readonly number[]): Promise<void> {
  const left = async () => (await Promise.all(pids.map(isRunning))).some((runs) => runs);
  await until(async () => !await left(), "all workers are gone", LIMIT_MS);
}

for (
  const [how, what] of [
    ["kill", "is killed by SIGKILL"],
    ["exit", "calls Deno.exit() without join()"],
    ["throw", "ends by an uncaught error"],
  ] as const
) {
  leakTest(`process.Pool: none of 8 busy workers outlives a process that ${what}`, async () => {
    await using program = await startProgram(PARENT, { flags: FLAGS, args: [how] });
    const pids = program.ready.split(" ").map(Number);
    assertEquals(pids.length, 8);
    if (how === "kill") program.kill("SIGKILL");
    await program.status;
    await assertGone(pids);
  }, onUnix);
}

for (
  const [how, what] of [["wait", "ends all of them"], ["handle", "is left to the program"]] as const
) {
  leakTest(`process.Pool: Ctrl-C reaches all processes of a terminal, and ${what}`, async () => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...FLAGS, PARENT.href, how],
      env: withDenoOnPath(undefined),
      // A group of its own, as the programs of a terminal have.
      detached: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
    const errors = new Response(child.stderr).text();
    const ready = (await lines.read()).value ?? "";
    const pids = ready.replace("READY ", "").split(" ").map(Number);
    assertEquals(pids.length, 8, ready);
    Deno.kill(-child.pid, "SIGINT");
    const status = await child.status;
    await assertGone(pids);
    const rest: string[] = [];
    for (let line; !(line = await lines.read()).done;) rest.push(line.value);
    assertEquals(rest, how === "handle" ? ["interrupted"] : []);
    assertEquals(`${status.signal ?? status.code}`, how === "handle" ? "7" : "SIGINT");
    assertEquals(await errors, "");
  }, onUnix);
}

leakTest("process.Pool: starts and stops leave no descriptor and no child behind", async () => {
  // A program of its own: other tests open descriptors, too.
  const file = new URL("fixtures/pool_starts.ts", import.meta.url);
  const options = { flags: ["--allow-all"], args: ["20"], readyTimeoutMs: 60_000 };
  await using program = await startProgram(file, options);
  const { before, after, children } = JSON.parse(program.ready);
  assertEquals(children, 0);
  assertLess(after - before, 4);
  assertEquals((await program.status).code, 0);
  assert(!program.stderr.includes("Uncaught"));
}, { ignore: Deno.build.os !== "linux" });

import { assertEquals, assertStringIncludes } from "@std/assert";
import { startProgram } from "../support/child_program.ts";
import { assertGone, makeFolder, unixTest } from "./_programs.ts";

const MODULE = import.meta.resolve("../../process/mod.ts");

/** Runs code in a program with some permissions: the lines that it prints after READY. */
async function runWith(
  flags: string[],
  body: string,
  env: Record<string, string> = {},
): Promise<string[]> {
  const code = `
    import { call, Popen, run, TimeoutExpiredError } from ${JSON.stringify(MODULE)};
    console.log("READY");
    try {
      ${body}
    } catch (error) {
      console.log(error.name + ": " + error.message);
    }
  `;
  await using program = await startProgram({ code }, { flags, env });
  const lines = await Array.fromAsync(program.stdout);
  assertEquals([program.stderr, (await program.status).code], ["", 0]);
  return lines;
}

const ECHO = `
  const { stdout } = await run(["sh", "-c", "cat; pwd"], { input: "x", stdout: "pipe", text: true, cwd: "/" });
  console.log(stdout);
`;

unixTest("run() needs --allow-run=<program>, and nothing else", async () => {
  assertEquals(await runWith(["--allow-run=sh"], ECHO), ["x/", ""]);
});

unixTest("run() names the flag that a program lacks", async () => {
  const message = 'NotCapable: Cannot start "sh": run again with --allow-run=sh';
  assertEquals(await runWith([], ECHO), [message]);
  assertEquals(await runWith(["--allow-run=cat", "--allow-read", "--allow-env"], ECHO), [message]);
});

unixTest("run() with shell needs --allow-run=sh", async () => {
  const body = `console.log(await call("exit 7", { shell: true }));`;
  assertEquals(await runWith(["--allow-run=sh"], body), ["7"]);
  const [message = ""] = await runWith(["--allow-run=cat"], body);
  assertStringIncludes(message, 'Cannot start "/bin/sh": run again with --allow-run=/bin/sh');
});

const TREE = `
  const command = ["dash", "-c", "sleep 1000 & echo $$ $!; wait"];
  const error = await run(command, { stdout: "pipe", text: true, timeoutMs: 1_000, pipeGraceMs: 10 })
    .catch((error) => error);
  console.log(error.name, error.stdout);
`;

for (const flag of ["--allow-run", "--allow-run=dash,kill", "--allow-run=dash,sh"]) {
  unixTest(`run() ends the whole tree with ${flag}`, async () => {
    const [line = ""] = await runWith([flag], TREE);
    const [name, ...pids] = line.split(" ");
    assertEquals(name, "TimeoutExpiredError");
    await assertGone(...pids.map(Number));
  }, { ignore: Deno.build.os !== "linux" });
}

unixTest("run() ends the program alone with --allow-run=<program>", async () => {
  const [line = ""] = await runWith(["--allow-run=dash"], TREE);
  const [name, program, inner] = line.split(" ");
  assertEquals(name, "TimeoutExpiredError");
  await assertGone(Number(program));
  Deno.kill(Number(inner), "SIGKILL");
}, { ignore: Deno.build.os !== "linux" });

for (const processGroup of ["own", "shared"]) {
  unixTest(
    `Popen.terminateTree() ends the program alone where no other can be run, in a group that is "${processGroup}"`,
    async () => {
      await using folder = await makeFolder();
      // It is there, and what would run it is not.
      await Deno.writeTextFile(`${folder.path}/kill`, "#!/no/such/program\n", { mode: 0o755 });
      const body = `
        await using popen = new Popen(["/bin/sleep", "1000"], { processGroup: "${processGroup}" });
        await popen.terminateTree();
        console.log(popen.returnCode);
      `;
      const flag = processGroup === "own" ? "--allow-run=/bin/sleep,kill" : "--allow-run";
      assertEquals(await runWith([flag], body, { PATH: folder.path }), ["-15"]);
    },
  );
}

unixTest("Popen refuses a process group of its own that it could not end", async () => {
  const body = `new Popen("dash", { processGroup: "own" });`;
  assertEquals(await runWith(["--allow-run=dash"], body), [
    "NotCapable: Cannot start a program in a process group of its own: ending the group needs " +
    "--allow-run, or --allow-run=kill for that alone",
  ]);
});

unixTest("run() says why LD_PRELOAD is refused", async () => {
  const body = `await run("sh", { env: { LD_PRELOAD: "x" } });`;
  const [message = ""] = await runWith(["--allow-run=sh"], body);
  assertStringIncludes(message, "has LD_PRELOAD, which needs --allow-run for all programs");
}, { ignore: Deno.build.os !== "linux" });

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { startProgram } from "./child_program.ts";
import { leakTest } from "./leaks.ts";

const ECHO = `
import { TextLineStream } from "@std/streams";
console.log("before");
console.log("READY " + Deno.args.join(" "));
const input = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
for await (const line of input.pipeThrough(new TextLineStream())) {
  console.log("got " + line);
  console.error("saw " + line);
}
Deno.exit(3);
`;

leakTest(
  "startProgram() starts a text, passes on what follows READY, sends and reads lines",
  async () => {
    await using program = await startProgram({ code: ECHO }, { args: ["one", "two"] });
    assertEquals(program.ready, "one two");
    await program.send("a");
    assertEquals(await program.nextLine(), "got a");
    await program.send("b");
    await program.send("c");
    assertEquals(await program.nextLine({ matches: (line) => line.endsWith("c") }), "got c");
    await program.send("d");
    await program.closeInput();
    assertEquals(await Array.fromAsync(program.stdout), ["got d"]);
    assertEquals((await program.status).code, 3);
    assertStringIncludes(program.stderr, "saw d");
  },
);

leakTest("startProgram() runs a file with only the permissions that it is given", async () => {
  const url = new URL("fixtures/permissions.ts", import.meta.url);
  await using none = await startProgram(url);
  assertEquals(none.ready, "net prompt run prompt");
  await using some = await startProgram(url, { flags: ["--allow-net"], env: { A: "1" } });
  assertEquals(some.ready, "net granted run prompt");
});

leakTest("startProgram() runs any command", async () => {
  const command = Deno.execPath();
  await using program = await startProgram({ command }, {
    args: ["eval", "console.log('READY'); await new Promise((r) => setTimeout(r, 1e8))"],
  });
  assertEquals(program.ready, "");
  program.kill("SIGKILL");
  assertEquals((await program.status).success, false);
  program.kill();
});

leakTest(
  "startProgram() rejects when the program ends first, and shows its standard error",
  async () => {
    const code = "console.log('busy'); throw new Error('broken')";
    const { message } = await assertRejects(() => startProgram({ code }), Error);
    assertStringIncludes(message, "ended (1) instead of writing a line READY");
    assertStringIncludes(message, "busy");
    assertStringIncludes(message, "broken");
  },
);

leakTest("startProgram() gives up when READY does not come, and ends the program", async () => {
  const code = "console.error('sleepy'); await new Promise((r) => setTimeout(r, 1e8))";
  const { message } = await assertRejects(
    () => startProgram({ code }, { readyTimeoutMs: 1_000 }),
    Error,
  );
  assertStringIncludes(message, "Waited 1000 ms for a line READY");
  assertStringIncludes(message, "sleepy");
});

leakTest("RunningProgram is killed when it is disposed of, also with unread lines", async () => {
  const code = "console.log('READY'); while (true) { console.log('more'); await 1; }";
  const program = await startProgram({ code });
  await program[Symbol.asyncDispose]();
  await program[Symbol.asyncDispose]();
  const { success } = await program.status;
  assert(!success);
});
